// Goal: the ledger adds up what billing.h says, and on-demand in comparisons is the cheapest
// packing. Method: tables, and for the packing brute force over all ways to part small sets of
// guests.
#include "core/market/ledger.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/random.h"

namespace godwit::market {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Time kT0{hours(10)};

TEST(Ledger, AddsUpSpotAndOnDemandInOrderOfInstance) {
  const BillingRule rule;
  const Pool a{"c8i.large", "a"}, b{"c8i.large", "b"};
  const std::map<Pool, std::vector<PriceChange>> prices = {
      {a, {{kT0, {36'000}}, {kT0 + minutes(30), {72'000}}}}};
  const std::vector<LedgerInstance> instances = {
      {"i-3", a, true, {100'000}, {kT0, kT0 + hours(1), false}},
      {"i-1", b, false, {100'000}, {kT0, kT0 + minutes(90), false}},
      {"i-2", a, true, {100'000}, {kT0, kT0 + minutes(59), true}},   // Free: the first hour.
      {"i-4", b, true, {100'000}, {kT0, kT0 + minutes(5), false}}};  // No price is known.
  const Ledger ledger = make_ledger(rule, instances, prices);
  EXPECT_EQ(ledger.lines,
            (std::vector<BillLine>{{"i-1", {150'000}}, {"i-2", {0}}, {"i-3", {54'000}}}));
  EXPECT_EQ(ledger.paid.value, 204'000);
  EXPECT_EQ(ledger.unpriced, std::vector<std::string>{"i-4"});
}

std::vector<PlainType> types() {
  return {{2048, 2, {50'000}}, {4096, 2, {80'000}}, {16'384, 8, {290'000}}};
}

TEST(OnDemandInstead, HoldsTheGuestsForTheirSecondsOnTheCheapestTypes) {
  // One guest: the small type. Two for the second hour: 3 GiB together, so the middle one.
  const std::vector<GuestLife> guests = {{1024, 1, kT0, kT0 + hours(2)},
                                         {2048, 1, kT0 + hours(1), kT0 + hours(2)}};
  const auto cost = on_demand_instead(guests, types(), 3600);
  ASSERT_TRUE(cost && cost->exact);
  EXPECT_EQ(cost->cost.value, 50'000 + 80'000);
}

TEST(OnDemandInstead, RefusesAGuestThatFitsNothingAndCountsNoEmptyTime) {
  const std::vector<GuestLife> huge = {{32'768, 1, kT0, kT0 + hours(1)}};
  EXPECT_FALSE(on_demand_instead(huge, types(), 3600));
  const std::vector<GuestLife> apart = {{1024, 1, kT0, kT0 + hours(1)},
                                        {1024, 1, kT0 + hours(5), kT0 + hours(6)},
                                        {1024, 1, kT0, kT0}};
  EXPECT_EQ(on_demand_instead(apart, types(), 3600)->cost.value, 100'000);
  EXPECT_EQ(on_demand_instead({}, types(), 3600)->cost.value, 0);
}

// Puts guests one by one into one of the sets so far or a new one.
std::int64_t brute_force(const std::vector<GuestLife>& guests) {
  std::vector<std::pair<std::int64_t, std::int64_t>> sets;
  std::int64_t best = INT64_MAX;
  const auto price = [&]() -> std::int64_t {
    std::int64_t sum = 0;
    for (const auto& [memory, vcpus] : sets) {
      std::int64_t least = INT64_MAX;
      for (const PlainType& t : types())
        if (t.memory_mib >= memory && t.vcpus >= vcpus) least = std::min(least, t.rate.value);
      if (least == INT64_MAX) return INT64_MAX;
      sum += least;
    }
    return sum;
  };
  const std::function<void(std::size_t)> go = [&](std::size_t i) {
    if (i == guests.size()) {
      best = std::min(best, price());
      return;
    }
    for (std::size_t s = 0; s <= sets.size(); ++s) {
      const bool fresh = s == sets.size();
      if (fresh) sets.emplace_back(0, 0);
      sets[s].first += guests[i].memory_mib;
      sets[s].second += guests[i].vcpus;
      go(i + 1);
      sets[s].first -= guests[i].memory_mib;
      sets[s].second -= guests[i].vcpus;
      if (fresh) {
        sets.pop_back();
        break;
      }
    }
  };
  go(0);
  return best;
}

TEST(OnDemandInstead, AgreesWithBruteForceAndItsBoundIsBelow) {
  Random random(3);
  for (int round = 0; round < 100; ++round) {
    std::vector<GuestLife> guests;
    for (std::uint64_t n = 1 + random.below(6); n > 0; --n)
      guests.push_back({512 * static_cast<std::int64_t>(1 + random.below(8)),
                        1 + static_cast<std::int64_t>(random.below(2)), kT0, kT0 + hours(1)});
    const auto exact = on_demand_instead(guests, types(), 3600);
    ASSERT_TRUE(exact && exact->exact);
    EXPECT_EQ(exact->cost.value, brute_force(guests));
    const auto bound = on_demand_instead(guests, types(), 3600, 0);
    ASSERT_TRUE(bound && !bound->exact);
    EXPECT_LE(bound->cost, exact->cost);
  }
}

TEST(OnDemandInstead, RoundsOnceHalfUp) {
  const std::vector<GuestLife> guests = {{1024, 1, kT0, kT0 + seconds(9)}};
  EXPECT_EQ(on_demand_instead(guests, types(), 100)->cost.value, 4'500);
  EXPECT_EQ(on_demand_instead(guests, types(), 3600)->cost.value, 125);
  EXPECT_EQ(on_demand_instead(guests, types(), 7000)->cost.value, 64);  // 64.28...
}

}  // namespace
}  // namespace godwit::market
