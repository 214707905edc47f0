#include "edges/guestlink/log_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

namespace godwit::guestlink {
namespace {

namespace fs = std::filesystem;

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

struct Contents {
  Head head;
  std::vector<frame::LogLine> lines;
  std::uint64_t sound_bytes = 0;  // Up to the last whole line.
};

Result<Contents> read_contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return not_found(std::format("open {}", path));
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  Contents c;
  for (std::size_t at = 0, end; (end = bytes.find('\n', at)) != bytes.npos; at = end + 1) {
    const std::string_view text = std::string_view(bytes).substr(at, end - at);
    if (at == 0) {
      const auto head = parse_head(text);
      if (!head) return data_loss(std::format("{}: not a log segment", path));
      c.head = *head;
    } else {
      auto line = parse_line(text);
      if (!line) return data_loss(std::format("{}: byte {}: not a log line", path, at));
      c.lines.push_back(*std::move(line));
    }
    c.sound_bytes = end + 1;
  }
  return c;
}

}  // namespace

Result<LogStore> LogStore::open(const std::string& dir, const LogLimits& limits) {
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) return system_error(std::format("make {}", dir), error.value());
  LogStore store(dir, limits);
  TRY(store.load());
  return store;
}

LogStore::~LogStore() {
  if (fd_ >= 0) ::close(fd_);
}

LogStore::LogStore(LogStore&& other) noexcept
    : dir_(other.dir_),
      limits_(other.limits_),
      segments_(std::move(other.segments_)),
      fd_(std::exchange(other.fd_, -1)),
      boot_(std::move(other.boot_)),
      last_(other.last_),
      dropped_(other.dropped_) {}

std::string LogStore::path(const Segment& segment) const {
  return std::format("{}/{:010}.log", dir_, segment.number);
}

Status LogStore::load() {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir_, error)) {
    const std::string name = entry.path().filename();
    Segment segment;
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), segment.number);
    if (bad == std::errc{} && std::string_view(end) == ".log") segments_.push_back(segment);
  }
  if (error) return system_error(std::format("list {}", dir_), error.value());
  std::ranges::sort(segments_, {}, &Segment::number);
  for (Segment& segment : segments_) TRY(take_up(segment));
  if (segments_.empty()) return {};
  fd_ = ::open(path(segments_.back()).c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd_ < 0) return system_error(std::format("open {}", path(segments_.back())), errno);
  return {};
}

Status LogStore::take_up(Segment& segment) {
  const std::string file = path(segment);
  ASSIGN_OR_RETURN(const Contents c, read_contents(file));
  if (::truncate(file.c_str(), static_cast<off_t>(c.sound_bytes)) != 0)
    return system_error(std::format("truncate {}", file), errno);
  segment.bytes = c.sound_bytes;
  segment.lines = c.lines.size();
  if (c.head.boot != boot_) last_ = 0;
  boot_ = c.head.boot;
  dropped_ = std::max(dropped_, c.head.dropped);
  if (!c.lines.empty()) last_ = c.lines.back().sequence;
  return {};
}

Status LogStore::begin_boot(const std::string& boot) {
  if (boot == boot_) return {};
  boot_ = boot;
  last_ = 0;
  return begin_segment();
}

Status LogStore::begin_segment() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  const Segment next{segments_.empty() ? 1 : segments_.back().number + 1};
  fd_ = ::open(path(next).c_str(), O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (fd_ < 0) return system_error(std::format("open {}", path(next)), errno);
  segments_.push_back(next);
  return write_or_make_room(std::format("boot {} dropped {}\n", boot_, dropped_));
}

Status LogStore::append(std::span<const frame::LogLine> lines) {
  std::string bytes;
  std::uint64_t count = 0, last = last_;
  for (const frame::LogLine& line : lines) {
    if (line.sequence <= last) continue;
    bytes += std::format("{} {} {} {} {}\n", line.sequence, line.time_us, line.stream,
                         line.cut ? 1 : 0, line.text);
    last = line.sequence;
    ++count;
  }
  if (count == 0) return {};
  if (fd_ < 0 || segments_.back().bytes + bytes.size() > limits_.segment_bytes)
    TRY(begin_segment());
  TRY(write_or_make_room(std::move(bytes)));
  segments_.back().lines += count;
  last_ = last;
  std::uint64_t total = 0;
  for (const Segment& s : segments_) total += s.bytes;
  for (; total > limits_.total_bytes && segments_.size() > 1; drop_oldest())
    total -= segments_.front().bytes;
  return {};
}

Status LogStore::write_or_make_room(std::string bytes) {
  for (std::size_t done = 0;;) {
    const ssize_t n = ::write(fd_, bytes.data() + done, bytes.size() - done);
    if (n >= 0) done += static_cast<std::size_t>(n);
    if (done == bytes.size()) break;
    if (n >= 0 || errno == EINTR) continue;
    const int error = errno;
    if ((error == ENOSPC || error == EDQUOT) && segments_.size() > 1) {
      drop_oldest();
      continue;
    }
    // Nothing of a batch that failed stays behind.
    (void)!::ftruncate(fd_, static_cast<off_t>(segments_.back().bytes));
    return system_error(std::format("write {}", path(segments_.back())), error);
  }
  segments_.back().bytes += bytes.size();
  return {};
}

void LogStore::drop_oldest() {
  ::unlink(path(segments_.front()).c_str());
  dropped_ += segments_.front().lines;
  segments_.pop_front();
}

std::vector<std::string> LogStore::segments() const {
  std::vector<std::string> out;
  for (const Segment& segment : segments_) out.push_back(path(segment));
  return out;
}

Result<std::vector<frame::LogLine>> LogStore::read() const {
  std::vector<frame::LogLine> out;
  for (const std::string& segment : segments()) {
    ASSIGN_OR_RETURN(std::vector<frame::LogLine> lines, read_segment(segment));
    std::ranges::move(lines, std::back_inserter(out));
  }
  return out;
}

Result<std::vector<frame::LogLine>> read_segment(const std::string& path) {
  ASSIGN_OR_RETURN(Contents c, read_contents(path));
  return std::move(c.lines);
}

}  // namespace godwit::guestlink
