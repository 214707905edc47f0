#include "edges/files/record.h"

#include <format>
#include <string_view>
#include <utility>

#include "edges/files/file.h"
#include "edges/files/record_line.h"
#include "lib/json/json.h"

namespace godwit::files {
namespace {

using json::Value;
using ports::GuestRecord;

constexpr std::int64_t kFormat = 1;

struct Header {
  std::string boot_id;
  std::uint64_t guests = 0;
};

Result<Header> parse_header(std::string_view text) {
  ASSIGN_OR_RETURN(const Value v, json::parse(text));
  const char* missing = nullptr;
  if (!v["guests"].is_integer() || v["guests"].integer() < 0) missing = "guests";
  if (!v["boot_id"].is_string()) missing = "boot_id";
  if (v["format"] != Value{kFormat}) missing = "format";
  if (missing) return data_loss(std::format("no valid '{}'", missing));
  return Header{v["boot_id"].text(), v["guests"].natural()};
}

// The next line without its end, or nullopt if there is no whole one.
std::optional<std::string_view> next_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return line;
}

struct Contents {
  std::map<GuestId, GuestRecord> records;
  std::map<GuestId, std::string> lines;
};

Result<Contents> parse_file(const std::string& path, std::string_view rest,
                            const std::string& boot_id) {
  int number = 1;
  const auto here = [&] { return std::format("{}:{}", path, number); };
  const auto first = next_line(rest);
  if (!first) return data_loss(here() + ": no whole line");
  ASSIGN_OR_RETURN(const Header header, in_context(here(), parse_header(*first)));
  if (header.boot_id != boot_id) {
    return precondition(
        std::format("{} is of boot {}, this is boot {}", path, header.boot_id, boot_id));
  }
  Contents contents;
  while (!rest.empty()) {
    ++number;
    const auto text = next_line(rest);
    if (!text) return data_loss(here() + ": no whole line");
    ASSIGN_OR_RETURN(RecordLine line, in_context(here(), parse_line(*text)));
    contents.lines[line.guest] = *text;
    if (!contents.records.emplace(line.guest, std::move(line.record)).second) {
      return data_loss(std::format("{}: guest {} for the second time", here(), line.guest.value));
    }
  }
  if (contents.records.size() != header.guests) {
    return data_loss(
        std::format("{}: {} guests of {}", here(), contents.records.size(), header.guests));
  }
  return contents;
}

Result<std::string> read_boot_id(const std::string& path) {
  ASSIGN_OR_RETURN(std::string text, in_context("boot id", read_file(path)));
  text.erase(text.find_last_not_of(" \n") + 1);
  if (text.empty()) return data_loss(std::format("boot id: {} is empty", path));
  return text;
}

}  // namespace

FileRecord::FileRecord(std::string folder, std::string boot_id_path)
    : path_(std::move(folder) + "/record"), boot_id_path_(std::move(boot_id_path)) {}

Result<std::map<GuestId, GuestRecord>> FileRecord::load() {
  ASSIGN_OR_RETURN(const std::string boot_id, read_boot_id(boot_id_path_));
  const Result<std::string> text = read_file(path_);
  if (!text && text.error().code != Code::kNotFound) return std::unexpected(text.error());
  Result<Contents> contents = text ? parse_file(path_, *text, boot_id) : Contents{};
  if (!contents) {
    // The guests of another boot are gone, and the next put may say so. Damage stays for a person.
    if (contents.error().code == Code::kFailedPrecondition) lines_.emplace();
    return std::unexpected(contents.error());
  }
  lines_ = std::move(contents->lines);
  return std::move(contents->records);
}

Status FileRecord::put(const GuestId& guest, const std::optional<GuestRecord>& record) {
  if (!lines_) {
    const auto loaded = load();
    if (!lines_) return std::unexpected(loaded.error());
  }
  std::map<GuestId, std::string> lines = *lines_;
  lines.erase(guest);
  if (record) {
    std::string line = to_line(guest, *record);
    const Result<RecordLine> again = parse_line(line);
    if (!again || again->guest != guest || again->record != *record) {
      return invalid(std::format("record of guest {} cannot be written exactly", guest.value));
    }
    lines[guest] = std::move(line);
  }
  ASSIGN_OR_RETURN(const std::string boot_id, read_boot_id(boot_id_path_));
  std::string text =
      Value{}.set("boot_id", boot_id).set("format", kFormat).set("guests", lines.size()).dump() +
      "\n";
  for (const auto& [name, line] : lines) text += line + "\n";
  TRY(in_context(std::format("record of guest {}", guest.value), replace_file(path_, text)));
  lines_ = std::move(lines);
  return {};
}

}  // namespace godwit::files
