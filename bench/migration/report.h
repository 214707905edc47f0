// What was measured, and what is said of it: values in, text and JSON out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/migration/timeline.h"
#include "lib/json/json.h"

namespace godwit::bench {

// What must hold; from the project's list of what a release has to show.
inline constexpr double kGapMsMax = 1000;            // Median of moves less median of windows.
inline constexpr double kPausedBytesRatioMax = 0.3;  // Medians, ours to the plain one's.
inline constexpr double kDowntimeRatioMax = 0.8;

enum class Arm { kOurs, kPlain };
const char* name(Arm arm);

struct MoveRow {
  Arm arm = Arm::kOurs;
  int from = 0, to = 0;
  std::uint64_t bytes = 0;         // Of memory, as QEMU counts.
  std::uint64_t paused_bytes = 0;  // Of these, after QEMU was in pre-switchover.
  double total_ms = 0;             // The wish to both ends' word that it is done.
  double downtime_ms = 0;          // STOP to RESUME by QEMU's event timestamps.
  double gap_ms = 0;               // The client's longest wait between two replies.
  double span_ms = 0;              // How long the client was watched.
  Pause pause;
};

// The client watched while nothing moves.
struct WindowRow {
  double span_ms = 0, gap_ms = 0;
};

// What the guest's load did while it was measured: the load is real.
struct LoadSeen {
  double memory_bytes_per_second = 0, disk_bytes_per_second = 0;
};

struct Measured {
  std::vector<MoveRow> moves;      // Ours, on a link without limit ...
  std::vector<WindowRow> windows;  // ... each followed by a window as long.
  std::vector<MoveRow> paired;     // Ours and plain in turn, on a link held to link_mbit.
  int link_mbit = 0;               // 0: no paired moves were asked for.
  LoadSeen load;
  std::uint64_t replies = 0, wrong = 0, reconnects = 0;
};

// Of what is asked for; the middle two's mean when even. 0 of nothing.
double median(std::vector<double> values);

struct Figures {
  double gap_ms_moves = 0, gap_ms_windows = 0;
  std::optional<double> paused_bytes_ratio, wire_bytes_ratio, downtime_ratio;  // Ours by plain.
  // All that must hold does, and no reply was wrong.
  bool held = false;
};
Figures figures(const Measured& measured);

json::Value to_json(const Measured& measured);
std::string to_text(const Measured& measured);

}  // namespace godwit::bench
