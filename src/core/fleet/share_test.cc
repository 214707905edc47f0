// Goal: shares add up to no more than the node's rate, and the ceiling is where a share reaches its
// maximum. Method: seeded random packings.
#include "core/fleet/share.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"
#include "core/fleet/fleet.h"

namespace godwit::fleet {
namespace {

TEST(Share, AddsUpToTheRateAndReachesTheMaximumAtTheCeiling) {
  Random random(1);
  for (int round = 0; round < 2000; ++round) {
    const Resources capacity{4096 + static_cast<std::int64_t>(random.below(60'000)),
                             1 + static_cast<std::int64_t>(random.below(32))};
    const MicroUsdPerHour rate{1 + static_cast<std::int64_t>(random.below(2'000'000))};
    std::vector<Resources> guests;
    Resources taken;
    for (;;) {
      const Resources need{64 + static_cast<std::int64_t>(random.below(4096)),
                           1 + static_cast<std::int64_t>(random.below(4))};
      Resources with = taken;
      with += need;
      if (!fits(with, capacity)) break;
      taken = with;
      guests.push_back(need);
    }
    std::int64_t sum = 0;
    const MicroUsdPerHour maximum{1 + static_cast<std::int64_t>(random.below(500'000))};
    for (const Resources& need : guests) {
      sum += share(rate, need, taken, capacity).value;
      const MicroUsdPerHour top = ceiling(maximum, {INT64_MAX}, need, taken, capacity);
      EXPECT_LE(share(top, need, taken, capacity), maximum);
      EXPECT_GT(share({top.value + 1}, need, taken, capacity), maximum);
    }
    EXPECT_LE(sum, rate.value + static_cast<std::int64_t>(guests.size()));  // Each rounded up.
  }
}

TEST(Share, TheCeilingIsTheOnDemandRateWithoutAMaximumAndNeverAbove) {
  const Resources all{4096, 2}, half{2048, 1};
  EXPECT_EQ(ceiling({}, {100}, half, half, all).value, 100);
  EXPECT_EQ(ceiling(MicroUsdPerHour{30}, {100}, half, half, all).value, 60);
  EXPECT_EQ(ceiling(MicroUsdPerHour{70}, {100}, half, half, all).value, 100);
}

TEST(Choice, DenyWinsAndEmptyAdmitsAll) {
  EXPECT_TRUE(admits({}, "a"));
  EXPECT_TRUE(admits({{"a"}, {}}, "a"));
  EXPECT_FALSE(admits({{"a"}, {}}, "b"));
  EXPECT_FALSE(admits({{"a"}, {"a"}}, "a"));
}

}  // namespace
}  // namespace godwit::fleet
