// Lines by number, for people.
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "edges/guestlink/log_store.h"

namespace godwit::guestlink {
namespace {

// False: the page is full.
bool put(LogStore::Page& page, std::uint64_t& bytes, std::uint64_t number, frame::LogLine line,
         const ports::ReadLog& wanted) {
  bytes += line.text.size();
  page.more =
      page.lines.size() >= wanted.lines_max || (bytes > wanted.bytes_max && !page.lines.empty());
  if (page.more) return false;
  page.next = number + 1;
  page.lines.push_back(
      {number, Time{Duration{line.time_us}}, line.stream == 2, std::move(line.text)});
  return true;
}

}  // namespace

// A boot's numbers begin behind the last line of the boot before.
Result<LogStore::Page> LogStore::page(const ports::ReadLog& wanted, bool up_to_gap) const {
  Page page{.lines = {}, .next = std::max<std::uint64_t>(wanted.from, 1)};
  std::string boot;
  std::uint64_t base = 0, last = 0, bytes = 0;
  for (const Segment* segment : in_order()) {
    if (segment->boot != boot) base += std::exchange(last, 0);
    boot = segment->boot;
    if (segment->lines == 0 || base + segment->last < page.next) {
      last = std::max(last, segment->last);
      continue;
    }
    ASSIGN_OR_RETURN(std::vector<frame::LogLine> lines, read_segment(path(*segment)));
    for (frame::LogLine& line : lines) {
      const std::uint64_t number = base + line.sequence;
      if (number < page.next) continue;  // Segments may overlap.
      if (up_to_gap && number > page.next) return page;
      if (!put(page, bytes, number, std::move(line), wanted)) return page;
    }
    last = std::max(last, segment->last);
  }
  return page;
}

void LogStore::clear() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  segments_.clear();
  number_ = last_ = dropped_ = 0;
  boot_.clear();
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
}

}  // namespace godwit::guestlink
