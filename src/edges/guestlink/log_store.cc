#include "edges/guestlink/log_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

namespace godwit::guestlink {
namespace {

namespace fs = std::filesystem;

// What a guest says goes into a line of text: without line breaks, and a boot without spaces.
std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

std::string plain(std::string boot) {
  boot.resize(std::min<std::size_t>(boot.size(), 64));
  for (char& c : boot)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-') c = '_';
  return boot;
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
      number_(other.number_),
      fd_(std::exchange(other.fd_, -1)),
      boot_(std::move(other.boot_)),
      last_(other.last_),
      dropped_(other.dropped_) {}

Status LogStore::load() {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir_, error)) {
    Segment segment;
    segment.name = entry.path().filename();
    const std::string& name = segment.name;
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), segment.number);
    const bool ours = bad == std::errc{} && std::string_view(end) == ".log";
    if (!ours && !(name.starts_with("from-") && name.ends_with(".log"))) continue;
    if (!ours) segment.number = 0;
    segments_.push_back(segment);
  }
  if (error) return system_error(std::format("list {}", dir_), error.value());
  std::ranges::sort(segments_, {}, &Segment::number);
  for (Segment& segment : segments_) TRY(take_up(segment));
  if (number_ == 0) return {};
  const std::string newest = path(*open_segment());
  fd_ = ::open(newest.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd_ < 0) return system_error(std::format("open {}", newest), errno);
  return {};
}

Status LogStore::take_up(Segment& segment) {
  const std::string file = path(segment);
  ASSIGN_OR_RETURN(const std::string bytes, read_file(file));
  const Result<SegmentSummary> found = summarize(bytes);
  if (!found) return data_loss(std::format("{}: {}", file, found.error().message));
  static_cast<SegmentSummary&>(segment) = *found;
  dropped_ = std::max(dropped_, found->dropped);
  if (segment.bytes < bytes.size() &&
      ::truncate(file.c_str(), static_cast<off_t>(segment.bytes)) != 0)
    return system_error(std::format("truncate {}", file), errno);
  if (segment.number == 0) return {};
  if (segment.boot != boot_) last_ = 0;
  boot_ = segment.boot;
  number_ = segment.number;
  if (segment.lines != 0) last_ = segment.last;
  return {};
}

LogStore::Segment* LogStore::open_segment() {
  const auto at = std::ranges::find(segments_, number_, &Segment::number);
  return number_ == 0 || at == segments_.end() ? nullptr : &*at;
}

std::vector<const LogStore::Segment*> LogStore::in_order() const {
  std::map<std::string, std::int64_t> begun;  // By boot.
  for (const Segment& s : segments_) {
    if (s.lines == 0) continue;
    const auto [at, fresh] = begun.try_emplace(s.boot, s.begun_us);
    if (!fresh) at->second = std::min(at->second, s.begun_us);
  }
  // A boot without lines is the one at hand.
  const auto key = [&](const Segment* s) {
    const auto at = begun.find(s->boot);
    const auto time = at == begun.end() ? std::numeric_limits<std::int64_t>::max() : at->second;
    const auto first = s->lines == 0 ? std::numeric_limits<std::uint64_t>::max() : s->first;
    return std::tuple(time, s->boot, first, s->number);
  };
  std::vector<const Segment*> order;
  for (const Segment& s : segments_) order.push_back(&s);
  std::ranges::sort(order, {}, key);
  return order;
}

Status LogStore::keep(const std::string& bytes) {
  ASSIGN_OR_RETURN(const SegmentSummary found, summarize(bytes));
  Segment segment{found};
  if (segment.bytes != bytes.size()) return invalid("a log segment that is cut");
  dropped_ = std::max(dropped_, found.dropped);
  if (segment.lines == 0) return {};
  segment.name =
      std::format("from-{}-{:020}-{:020}.log", plain(segment.boot), segment.first, segment.last);
  const std::string file = path(segment), draft = file + ".new";
  if (std::ranges::contains(segments_, segment.name, &Segment::name)) return {};
  std::ofstream(draft, std::ios::binary) << bytes << std::flush;
  std::error_code error;
  if (fs::file_size(draft, error) != bytes.size() || error) {
    fs::remove(draft, error);
    return fail(Code::kResourceExhausted, std::format("write {}", draft));
  }
  fs::rename(draft, file, error);
  if (error) return system_error(std::format("rename {}", draft), error.value());
  segments_.push_back(segment);
  drop_beyond_limit();
  return {};
}

Status LogStore::remove(const std::string& file) {
  const auto at = std::ranges::find_if(segments_, [&](const auto& s) { return path(s) == file; });
  if (at == segments_.end()) return {};
  if (::unlink(file.c_str()) != 0 && errno != ENOENT)
    return system_error(std::format("delete {}", file), errno);
  if (at->number != 0 && at->number == number_ && fd_ >= 0) ::close(std::exchange(fd_, -1));
  segments_.erase(at);
  return {};
}

Status LogStore::begin_boot(const std::string& boot) {
  if (plain(boot) == boot_) return {};
  if (const Segment* open = open_segment(); open && open->lines == 0) TRY(remove(path(*open)));
  boot_ = plain(boot);
  last_ = 0;
  TRY(begin_segment());
  drop_beyond_limit();
  return {};
}

Status LogStore::begin_segment() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  Segment next;
  next.number = number_ + 1;
  next.boot = boot_;
  next.name = std::format("{:010}.log", next.number);
  fd_ = ::open(path(next).c_str(), O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (fd_ < 0) return system_error(std::format("open {}", path(next)), errno);
  number_ = next.number;
  segments_.push_back(next);
  return write_or_make_room(std::format("boot {} dropped {}\n", boot_, dropped_));
}

Status LogStore::append(std::span<const frame::LogLine> lines) {
  std::string bytes;
  std::uint64_t count = 0, first = 0, last = last_;
  std::int64_t begun_us = 0;
  for (const frame::LogLine& line : lines) {
    if (line.sequence <= last) continue;
    bytes += std::format("{} {} {} {} {}\n", line.sequence, line.time_us, line.stream,
                         line.cut ? 1 : 0, one_line(line.text));
    last = line.sequence;
    if (count++ > 0) continue;
    first = line.sequence;
    begun_us = line.time_us;
  }
  if (count == 0) return {};
  const Segment* open = fd_ < 0 ? nullptr : open_segment();
  // Lines of one segment follow on each other, so that its name says what is in it.
  const bool gap = open && open->lines > 0 && first != open->last + 1;
  if (!open || gap || open->bytes + bytes.size() > limits_.segment_bytes) TRY(begin_segment());
  TRY(write_or_make_room(std::move(bytes)));
  Segment& segment = *open_segment();
  if (segment.lines == 0) {
    segment.first = first;
    segment.begun_us = begun_us;
  }
  segment.lines += count;
  segment.last = last_ = last;
  drop_beyond_limit();
  return {};
}

void LogStore::drop_beyond_limit() {
  std::uint64_t total = 0;
  for (const Segment& s : segments_) total += s.bytes;
  while ((total > limits_.total_bytes || segments_.size() > limits_.segments) &&
         segments_.size() > 1)
    total -= drop_oldest();
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
    (void)!::ftruncate(fd_, static_cast<off_t>(open_segment()->bytes));
    return system_error(std::format("write {}", path(*open_segment())), error);
  }
  open_segment()->bytes += bytes.size();
  return {};
}

// Never the open one. Returns its bytes.
std::uint64_t LogStore::drop_oldest() {
  for (const Segment* oldest : in_order()) {
    if (oldest == open_segment()) continue;
    const std::uint64_t bytes = oldest->bytes;
    dropped_ += oldest->lines;
    ::unlink(path(*oldest).c_str());
    segments_.erase(segments_.begin() + (oldest - segments_.data()));
    return bytes;
  }
  return 0;
}

std::vector<std::string> LogStore::segments() const {
  std::vector<std::string> out;
  for (const Segment* segment : in_order()) out.push_back(path(*segment));
  return out;
}

Result<std::vector<frame::LogLine>> LogStore::read() const {
  std::vector<frame::LogLine> out;
  std::map<std::string, std::uint64_t> last;  // By boot.
  for (const Segment* segment : in_order()) {
    ASSIGN_OR_RETURN(std::vector<frame::LogLine> lines, read_segment(path(*segment)));
    for (frame::LogLine& line : lines) {
      if (line.sequence <= last[segment->boot]) continue;
      last[segment->boot] = line.sequence;
      out.push_back(std::move(line));
    }
  }
  return out;
}

}  // namespace godwit::guestlink
