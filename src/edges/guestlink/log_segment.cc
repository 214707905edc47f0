#include "edges/guestlink/log_segment.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>

namespace godwit::guestlink {
namespace {

template <class T>
bool take_number(std::string_view& text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end == text.data() + text.size() || *end != ' ') return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return true;
}

std::optional<frame::LogLine> parse_line(std::string_view text) {
  frame::LogLine line;
  int cut = 0;
  if (!take_number(text, line.sequence) || !take_number(text, line.time_us) ||
      !take_number(text, line.stream) || !take_number(text, cut))
    return std::nullopt;
  line.cut = cut != 0;
  line.text = text;
  return line;
}

struct Head {
  std::string boot;
  std::uint64_t dropped = 0;
};

std::optional<Head> parse_head(std::string_view text) {
  if (!text.starts_with("boot ")) return std::nullopt;
  text.remove_prefix(5);
  const auto end = text.find(" dropped ");
  if (end == text.npos) return std::nullopt;
  Head head{std::string(text.substr(0, end)), 0};
  const std::string_view count = text.substr(end + 9);
  std::from_chars(count.data(), count.data() + count.size(), head.dropped);
  return head;
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return not_found(std::format("open {}", path));
  return std::string((std::istreambuf_iterator<char>(file)), {});
}

// Looks at the first and last lines only: a store of 64 MiB is opened while a guest waits.
Result<SegmentSummary> summarize(std::string_view bytes) {
  SegmentSummary s;
  const auto head_end = bytes.find('\n');
  const auto head = parse_head(bytes.substr(0, std::min(head_end, bytes.size())));
  if (head_end == bytes.npos) return s;  // Cut off while it was begun.
  if (!head) return invalid("not a log segment");
  s.boot = head->boot;
  s.dropped = head->dropped;
  s.bytes = bytes.rfind('\n') + 1;
  std::string_view lines = bytes.substr(head_end + 1, s.bytes - head_end - 1);
  s.lines = static_cast<std::uint64_t>(std::ranges::count(lines, '\n'));
  if (s.lines == 0) return s;
  lines.remove_suffix(1);
  const auto first = parse_line(lines.substr(0, lines.find('\n')));
  const auto last = parse_line(lines.substr(lines.rfind('\n') + 1));  // npos + 1 is 0.
  if (!first || !last) return invalid("not a log line in a segment");
  s.first = first->sequence;
  s.last = last->sequence;
  s.begun_us = first->time_us;
  return s;
}

Result<std::vector<frame::LogLine>> read_segment(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, read_file(path));
  return in_context(path, parse_segment(bytes));
}

Result<std::vector<frame::LogLine>> parse_segment(std::string_view bytes) {
  std::vector<frame::LogLine> lines;
  for (std::size_t at = 0, end; (end = bytes.find('\n', at)) != bytes.npos; at = end + 1) {
    const std::string_view text = bytes.substr(at, end - at);
    if (at == 0) {
      if (!parse_head(text)) return data_loss("not a log segment");
      continue;
    }
    auto line = parse_line(text);
    if (!line) return data_loss(std::format("byte {}: not a log line", at));
    lines.push_back(*std::move(line));
  }
  return lines;
}

}  // namespace godwit::guestlink
