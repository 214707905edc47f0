// Time is an argument: nothing in core, control or agent reads a clock. There is one clock, the
// wall clock, in UTC.
#pragma once

#include <chrono>

namespace godwit {

using Time = std::chrono::sys_time<std::chrono::microseconds>;
using Duration = std::chrono::microseconds;

}  // namespace godwit
