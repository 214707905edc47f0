// The guest's clock after it was stopped for a move or a restore.
#pragma once

#include "lib/frame/control.h"

namespace godwit::guest {

// Behind by more than this is stepped: slewing runs at 500 ppm, so 50 ms take 100 s.
inline constexpr std::int64_t kStepAboveUs = 50'000;

// What to do about a clock that is `behind_us` behind (negative: ahead).
struct Correction {
  std::int64_t step_us = 0;  // Forward, at once; never negative.
  std::int64_t slew_us = 0;  // Over time; negative makes the clock slower, never lets it go back.
  bool operator==(const Correction&) const = default;
};
Correction correction(std::int64_t behind_us);

// Corrects the system's clock.
frame::ClockSet set_clock(const frame::SetClock& request);

}  // namespace godwit::guest
