#include "guest/clock.h"

#include <sys/time.h>
#include <time.h>

#include <limits>

#include "guest/port.h"

namespace godwit::guest {
namespace {

timeval to_timeval(std::int64_t us) {
  return {us / 1'000'000, static_cast<suseconds_t>(us % 1'000'000)};
}

}  // namespace

std::int64_t behind(std::int64_t time_us, std::int64_t now_us) {
  std::int64_t difference = 0;
  if (!__builtin_sub_overflow(time_us, now_us, &difference)) return difference;
  using Limits = std::numeric_limits<std::int64_t>;
  return time_us > now_us ? Limits::max() : Limits::min();
}

Correction correction(std::int64_t behind_us, bool may_go_back) {
  if (behind_us > kStepAboveUs || (may_go_back && behind_us < -kStepAboveUs))
    return {.step_us = behind_us, .slew_us = 0};
  return {.step_us = 0, .slew_us = behind_us};
}

frame::ClockSet set_clock(const frame::SetClock& request, bool may_go_back) {
  frame::ClockSet answer{.id = request.id, .behind_us = behind(request.time_us, now_us())};
  const Correction c = correction(answer.behind_us, may_go_back);
  // A new slew takes the place of one under way; a step ends it.
  const timeval slew = to_timeval(c.slew_us);
  (void)::adjtime(&slew, nullptr);
  if (c.step_us != 0) {
    const timeval time = to_timeval(request.time_us);
    if (::settimeofday(&time, nullptr) == 0) answer.stepped_us = c.step_us;
  }
  return answer;
}

}  // namespace godwit::guest
