// A guest's log lines on this node: files of bounded size, the oldest dropped first.
//
// A segment is a text file. Its first line is "boot BOOT dropped N": which boot's sequences these
// are, and how many lines had been dropped when it was begun. Then per line
// "SEQUENCE TIME_US STREAM CUT TEXT".
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "lib/frame/control.h"

namespace godwit::guestlink {

struct LogLimits {
  std::uint64_t segment_bytes = 4 << 20;
  std::uint64_t total_bytes = 64 << 20;
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

  // Written when this returns; lines that are here already are skipped. A full disk or limit drops
  // the oldest segment and counts its lines. On an error none counts as written.
  Status append(std::span<const frame::LogLine> lines);

  std::uint64_t last_sequence() const { return last_; }  // Of this boot; 0: none yet.
  std::uint64_t dropped() const { return dropped_; }     // Lines, since the directory was made.

  // All that is here, oldest first, of all boots.
  Result<std::vector<frame::LogLine>> read() const;
  // The segments' paths, oldest first: they follow the guest as files.
  std::vector<std::string> segments() const;

 private:
  struct Segment {
    std::uint64_t number = 0;
    std::uint64_t bytes = 0;
    std::uint64_t lines = 0;
  };
  LogStore(std::string dir, const LogLimits& limits) : dir_(std::move(dir)), limits_(limits) {}
  std::string path(const Segment& segment) const;
  Status load();
  Status take_up(Segment& segment);
  Status begin_segment();
  Status write_or_make_room(std::string bytes);
  void drop_oldest();

  const std::string dir_;
  const LogLimits limits_;
  std::deque<Segment> segments_;  // The last one is open in fd_.
  int fd_ = -1;
  std::string boot_;
  std::uint64_t last_ = 0;
  std::uint64_t dropped_ = 0;
};

// One segment's lines. DataLoss when it is none; a cut last line is left out.
Result<std::vector<frame::LogLine>> read_segment(const std::string& path);

}  // namespace godwit::guestlink
