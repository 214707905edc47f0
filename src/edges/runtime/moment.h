// Where a step is while it is carried out: what a test's gate is told.
#pragma once

namespace godwit::runtime {

// Nothing done, its writes done, all done.
enum class Moment { kBefore, kWritten, kSent };

}  // namespace godwit::runtime
