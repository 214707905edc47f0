// CHECK is for our own bugs: it is on in release, says where, and ends the process (crash-only).
#pragma once

namespace godwit {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}  // namespace godwit

#define CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::godwit::check_failed(#condition, __FILE__, __LINE__))
