// The guest's clock after it was stopped for a move or a restore.
#pragma once

#include "lib/frame/control.h"

namespace godwit::guest {

// Behind by more than this is stepped: slewing runs at 500 ppm, so 50 ms take 100 s.
inline constexpr std::int64_t kStepAboveUs = 50'000;

// How far a clock that shows `now_us` is behind `time_us`; the largest number where it has no room.
std::int64_t behind(std::int64_t time_us, std::int64_t now_us);

// What to do about a clock that is `behind_us` behind (negative: ahead).
struct Correction {
  std::int64_t step_us = 0;  // At once; forward only once a container has run.
  std::int64_t slew_us = 0;  // Over time; negative makes the clock slower, never lets it go back.
  bool operator==(const Correction&) const = default;
};
// Until the container starts nothing can see the clock go back, and it may: a guest boots with the
// whole seconds of its hardware clock, up to a second off.
Correction correction(std::int64_t behind_us, bool may_go_back);

// Corrects the system's clock.
frame::ClockSet set_clock(const frame::SetClock& request, bool may_go_back);

}  // namespace godwit::guest
