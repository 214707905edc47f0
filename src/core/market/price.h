// Words of the market: a pool, and a change of its price.
#pragma once

#include <compare>
#include <string>

#include "base/money.h"
#include "base/time.h"

namespace godwit::market {

// The unit in which spot capacity is priced and disappears.
struct Pool {
  std::string type, zone;
  auto operator<=>(const Pool&) const = default;
};

// From `at` on, until the pool's next change.
struct PriceChange {
  Time at;
  MicroUsdPerHour price;
  bool operator==(const PriceChange&) const = default;
};

}  // namespace godwit::market
