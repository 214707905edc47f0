// Seeded randomness with results fixed by this file: the standard fixes std::mt19937_64 but not its
// distributions.
#pragma once

#include <cstdint>
#include <random>

#include "base/check.h"

namespace godwit {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  // Uniform in [0, bound), without modulo bias. bound > 0.
  std::uint64_t below(std::uint64_t bound) {
    CHECK(bound > 0);
    const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    for (;;) {
      if (const std::uint64_t x = engine_(); x < limit) return x % bound;
    }
  }

  // Uniform in [0, 1).
  double unit() { return static_cast<double>(engine_() >> 11) * 0x1.0p-53; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace godwit
