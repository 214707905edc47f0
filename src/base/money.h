// Money is exact: integer micro-dollars, never floating point outside scores.
#pragma once

#include <compare>
#include <cstdint>

namespace godwit {

struct MicroUsd {
  std::int64_t value = 0;
  auto operator<=>(const MicroUsd&) const = default;
  MicroUsd& operator+=(MicroUsd other) {
    value += other.value;
    return *this;
  }
  friend MicroUsd operator+(MicroUsd a, MicroUsd b) { return {a.value + b.value}; }
  friend MicroUsd operator-(MicroUsd a, MicroUsd b) { return {a.value - b.value}; }
};

struct MicroUsdPerHour {
  std::int64_t value = 0;
  auto operator<=>(const MicroUsdPerHour&) const = default;
};

}  // namespace godwit
