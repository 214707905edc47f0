// One file of a guest's log: text. Its first line is "boot BOOT dropped N": which boot's sequences
// these are, and how many lines had been dropped when it was begun. Then per line
// "SEQUENCE TIME_US STREAM CUT TEXT".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "lib/frame/control.h"

namespace godwit::guestlink {

struct SegmentSummary {
  std::string boot;
  std::uint64_t dropped = 0;
  std::uint64_t first = 0, last = 0;  // Sequences; 0: no line yet.
  std::int64_t begun_us = 0;          // The first line's time.
  std::uint64_t bytes = 0;            // Up to the last whole line.
  std::uint64_t lines = 0;
};

// NotFound when it cannot be opened.
Result<std::string> read_file(const std::string& path);

// InvalidArgument when it is no segment. What follows the last line break is not looked at.
Result<SegmentSummary> summarize(std::string_view bytes);

// One segment's lines. DataLoss when it is none; a cut last line is left out.
Result<std::vector<frame::LogLine>> read_segment(const std::string& path);
Result<std::vector<frame::LogLine>> parse_segment(std::string_view bytes);

}  // namespace godwit::guestlink
