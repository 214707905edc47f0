// Billing rules by tables worked out by hand, and by a second, second-by-second computation over
// random usage; the comparison with a bill sees a single micro-dollar.
#include "core/market/billing.h"

#include <gtest/gtest.h>

#include <chrono>
#include <utility>

#include "base/random.h"

namespace godwit::market {
namespace {

using namespace std::chrono;
using Kind = BillingRule::Kind;
using Rate = BillingRule::Rate;

const Time kStart = sys_days{2026y / November / 24};

Usage used(std::int64_t s, bool interrupted = false) {
  return {kStart, kStart + seconds(s), interrupted};
}

TEST(Billing, OnDemand) {
  const std::pair<std::int64_t, std::int64_t> per_second[] = {
      {0, 1500}, {59, 1500}, {60, 1500}, {61, 1525}, {3600, 90'000}, {86'400, 2'160'000}};
  for (const auto& [s, cost] : per_second)
    EXPECT_EQ(on_demand_cost({}, used(s), {90'000}).value, cost) << s;
  const std::pair<std::int64_t, std::int64_t> hourly[] = {
      {0, 90'000}, {1, 90'000}, {3600, 90'000}, {3601, 180'000}};
  for (const auto& [s, cost] : hourly)
    EXPECT_EQ(on_demand_cost({.kind = Kind::kAuction}, used(s), {90'000}).value, cost) << s;
  // Half a micro-dollar is rounded up, less is dropped: 1 x 1800 / 3600.
  EXPECT_EQ(on_demand_cost({}, used(1800), {1}).value, 1);
  EXPECT_EQ(on_demand_cost({}, used(1799), {1}).value, 0);
  // Fractions of a second do not count, on neither side.
  const Usage fractions{kStart + 900ms, kStart + 61s + 100ms, false};
  EXPECT_EQ(used_seconds(fractions), 61);
  // The dearest there is, for ten years.
  EXPECT_EQ(on_demand_cost({}, used(87'600LL * 3600), {9'999'999'999'999}).value,
            875'999'999'999'912'400);
}

TEST(Billing, SpotByEachRule) {
  // 36,000 at first; 72,000 from half an hour on; 18,000 from an hour and a half on.
  const PriceChange prices[] = {
      {kStart - 1h, {36'000}}, {kStart + 30min, {72'000}}, {kStart + 90min, {18'000}}};
  struct Row {
    Kind kind;
    Rate rate;
    std::int64_t seconds;
    bool interrupted;
    std::int64_t cost;
  };
  const Row table[] = {
      {Kind::kPerSecond, Rate::kInEffect, 7200, false, 18'000 + 72'000 + 9'000},
      {Kind::kPerSecond, Rate::kInEffect, 7200, true, 18'000 + 72'000 + 9'000},
      {Kind::kPerSecond, Rate::kInEffect, 1800, false, 18'000},
      {Kind::kPerSecond, Rate::kInEffect, 1801, false, 18'020},
      {Kind::kPerSecond, Rate::kLocked, 7200, false, 36'000 + 72'000},
      {Kind::kPerSecond, Rate::kLocked, 5400, false, 36'000 + 36'000},
      {Kind::kPerSecond, Rate::kLocked, 10, false, 600},
      {Kind::kPerSecond, Rate::kInEffect, 10, false, 600},
      {Kind::kPerSecond, Rate::kInEffect, 0, false, 600},
      // Interrupted in the first hour: free; at its end or later: not.
      {Kind::kPerSecond, Rate::kInEffect, 3599, true, 0},
      {Kind::kPerSecond, Rate::kInEffect, 3600, true, 18'000 + 36'000},
      {Kind::kPerSecond, Rate::kLocked, 3599, true, 0},
      {Kind::kPerSecond, Rate::kLocked, 3600, true, 36'000},
      // The auction: hours as they begin; the last one free or whole.
      {Kind::kAuction, Rate::kInEffect, 0, false, 36'000},
      {Kind::kAuction, Rate::kInEffect, 0, true, 0},
      {Kind::kAuction, Rate::kInEffect, 3599, true, 0},
      {Kind::kAuction, Rate::kInEffect, 3600, true, 36'000},
      {Kind::kAuction, Rate::kInEffect, 3601, true, 36'000},
      {Kind::kAuction, Rate::kInEffect, 3601, false, 36'000 + 72'000},
      {Kind::kAuction, Rate::kLocked, 7201, false, 36'000 + 72'000 + 18'000},
  };
  for (const Row& row : table) {
    const auto cost =
        spot_cost({.kind = row.kind, .rate = row.rate}, used(row.seconds, row.interrupted), prices);
    ASSERT_TRUE(cost);
    EXPECT_EQ(cost->value, row.cost) << row.seconds << " s, interrupted " << row.interrupted;
  }
  // Without the price at launch nothing may be said.
  EXPECT_FALSE(spot_cost({}, used(100), std::span(prices).subspan(1)));
  EXPECT_FALSE(spot_cost({}, used(100), {}));
}

// The rule told second by second, from the other end: what does each second cost, and where does
// a stretch end?
MicroUsd by_seconds(const BillingRule& rule, const Usage& u,
                    const std::vector<PriceChange>& prices) {
  const std::int64_t n = used_seconds(u);
  if (rule.kind == Kind::kPerSecond && u.ended_by_provider && n < rule.period_s) return {};
  std::int64_t charged = std::max(n, rule.minimum_s);
  const bool hourly = rule.kind == Kind::kAuction;
  if (hourly && u.ended_by_provider) charged = n - n % rule.period_s;
  if (hourly && !u.ended_by_provider)
    for (charged = 0; charged < std::max<std::int64_t>(n, 1);) charged += rule.period_s;
  std::vector<std::pair<std::int64_t, std::int64_t>> stretches;  // Price, seconds.
  for (std::int64_t s = 0; s < charged; ++s) {
    const bool by_hour = hourly || rule.rate == Rate::kLocked;
    // What the minimum adds is of the last used second's stretch.
    const std::int64_t at = hourly ? s : std::min(s, std::max<std::int64_t>(n - 1, 0));
    const Time looked_up = u.launched + seconds(by_hour ? at - at % rule.period_s : at);
    std::int64_t price = 0;
    for (const PriceChange& c : prices)
      if (c.at <= looked_up) price = c.price.value;
    const bool begins = by_hour ? at == s && s % rule.period_s == 0
                                : stretches.empty() || stretches.back().first != price;
    if (begins) stretches.emplace_back(price, 0);
    ++stretches.back().second;
  }
  MicroUsd total;
  for (const auto& [price, s] : stretches)
    total += {(2 * price * s + rule.period_s) / (2 * rule.period_s)};
  return total;
}

TEST(Billing, AgreesWithAComputationSecondBySecond) {
  Random random(5);
  int free_of_charge = 0;
  for (int i = 0; i < 4000; ++i) {
    BillingRule rule{.kind = random.below(2) ? Kind::kPerSecond : Kind::kAuction,
                     .rate = random.below(2) ? Rate::kLocked : Rate::kInEffect,
                     .period_s = static_cast<std::int64_t>(1 + random.below(40)),
                     .minimum_s = static_cast<std::int64_t>(random.below(20))};
    std::vector<PriceChange> prices{{kStart - 5s, {static_cast<std::int64_t>(random.below(99))}}};
    while (random.below(8))
      prices.push_back({prices.back().at + seconds(1 + random.below(20)),
                        {static_cast<std::int64_t>(random.below(9))}});
    const Usage usage = used(static_cast<std::int64_t>(random.below(120)), random.below(2));
    const MicroUsd wanted = by_seconds(rule, usage, prices);
    EXPECT_EQ(spot_cost(rule, usage, prices), wanted) << "case " << i;
    free_of_charge += wanted.value == 0;
  }
  EXPECT_GT(free_of_charge, 100);
  EXPECT_LT(free_of_charge, 3000);
}

TEST(Billing, ComparisonSeesASingleMicroDollar) {
  const std::vector<BillLine> ledger{{"i-1", {5}}, {"i-2", {7}}, {"i-4", {0}}};
  EXPECT_TRUE(compare(ledger, ledger).empty());
  for (std::size_t at = 0; at < ledger.size(); ++at)
    for (const std::int64_t by : {-1, 1}) {
      auto wrong = ledger;
      wrong[at].cost.value += by;
      const std::vector<BillDifference> one{{ledger[at].instance, ledger[at].cost, wrong[at].cost}};
      EXPECT_EQ(compare(ledger, wrong), one);
    }
  const std::vector<BillLine> other{{"i-2", {7}}, {"i-3", {1}}, {"i-4", {0}}, {"i-5", {2}}};
  const std::vector<BillDifference> wanted{{"i-1", MicroUsd{5}, std::nullopt},
                                           {"i-3", std::nullopt, MicroUsd{1}},
                                           {"i-5", std::nullopt, MicroUsd{2}}};
  EXPECT_EQ(compare(ledger, other), wanted);
}

}  // namespace
}  // namespace godwit::market
