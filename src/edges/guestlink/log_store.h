// A guest's log lines on this node: files of bounded size, the oldest dropped first.
//
// What was written here is NUMBER.log, in the order of the numbers; what came from a node where the
// guest was before is from-BOOT-FIRST-LAST.log. Files may overlap: a guest sends again what it does
// not know to be kept. A line is named by its boot and sequence and is read once. Boots are in the
// order of their first lines' times: a cold start takes seconds, nodes' clocks differ by less.
//
// The files are those of log_segment.h.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "edges/guestlink/log_segment.h"
#include "lib/frame/control.h"
#include "ports/guest_control.h"

namespace godwit::guestlink {

struct LogLimits {
  std::uint64_t segment_bytes = 4 << 20;
  std::uint64_t total_bytes = 64 << 20;
  // A guest that says it boots again and again makes a file each time.
  std::size_t segments = 1000;
};

class LogStore {
 public:
  // Makes the directory, goes on behind what it holds; a last line that a crash cut is taken off.
  static Result<LogStore> open(const std::string& dir, const LogLimits& limits);
  ~LogStore();
  LogStore(LogStore&& other) noexcept;
  LogStore& operator=(LogStore&&) = delete;

  // A guest that booted anew counts from 1 again. Nothing happens when it is the boot at hand.
  Status begin_boot(const std::string& boot);

  // Takes in a segment of another node's store, whole. One that is here already is success.
  // InvalidArgument: it is none.
  Status keep(const std::string& bytes);
  // Deletes a segment: another node has it.
  Status remove(const std::string& path);

  // Written when this returns; lines that are here already are skipped. A full disk or limit drops
  // the oldest segment and counts its lines. On an error none counts as written.
  Status append(std::span<const frame::LogLine> lines);

  std::uint64_t last_sequence() const { return last_; }  // Of this boot; 0: none yet.
  std::uint64_t dropped() const { return dropped_; }     // Lines, since the directory was made.

  // All that is here, oldest first, of all boots, each line once.
  Result<std::vector<frame::LogLine>> read() const;
  // One page of all that is here, numbered from 1 over all boots that are here.
  struct Page {
    std::vector<ports::LogLine> lines;
    std::uint64_t next = 1;  // The number after the last line of the page.
    bool more = false;       // There are lines after it.
  };
  // From number `from` on; `up_to_gap`: not beyond the first number that is missing.
  Result<Page> page(const ports::ReadLog& wanted, bool up_to_gap) const;
  // Deletes every file and the directory; what is appended from now on is an error, until the
  // directory is there again.
  void clear();
  // The segments' paths, oldest first: they follow the guest as files.
  std::vector<std::string> segments() const;

 private:
  struct Segment : SegmentSummary {
    std::string name;
    std::uint64_t number = 0;  // 0: it came from another node.
  };
  LogStore(std::string dir, const LogLimits& limits) : dir_(std::move(dir)), limits_(limits) {}
  std::string path(const Segment& segment) const { return dir_ + "/" + segment.name; }
  Status load();
  Status take_up(Segment& segment);
  Segment* open_segment();
  std::vector<const Segment*> in_order() const;
  Status begin_segment();
  Status write_or_make_room(std::string bytes);
  void drop_beyond_limit();
  std::uint64_t drop_oldest();

  const std::string dir_;
  const LogLimits limits_;
  std::vector<Segment> segments_;
  std::uint64_t number_ = 0;  // Of the newest that was begun here; open in fd_ if that is not -1.
  int fd_ = -1;
  std::string boot_;
  std::uint64_t last_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace godwit::guestlink
