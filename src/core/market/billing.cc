#include "core/market/billing.h"

#include <algorithm>
#include <chrono>
#include <functional>

#include "base/check.h"

namespace godwit::market {
namespace {

using std::chrono::floor;
using std::chrono::seconds;

MicroUsd cost_of(MicroUsdPerHour rate, std::int64_t used, std::int64_t period) {
  // Half up and exact; whole periods apart, so that nothing overflows.
  const std::int64_t rest = 2 * rate.value * (used % period) + period;
  return {rate.value * (used / period) + rest / (2 * period)};
}

// Walks forward through the prices, so that a bill of n stretches reads each change once.
class Prices {
 public:
  explicit Prices(std::span<const PriceChange> changes) : changes_(changes) {}

  // Null before the first change. `at` does not go back.
  const PriceChange* in_effect(Time at) {
    while (next_ < changes_.size() && changes_[next_].at <= at) ++next_;
    return next_ == 0 ? nullptr : &changes_[next_ - 1];
  }
  const PriceChange* after() const { return next_ < changes_.size() ? &changes_[next_] : nullptr; }

 private:
  std::span<const PriceChange> changes_;
  std::size_t next_ = 0;
};

// Instance-hours, each at the price at its start: `hours` of them, the last of `last_s` seconds.
MicroUsd by_hours(Prices prices, Time start, std::int64_t hours, std::int64_t last_s,
                  std::int64_t period) {
  MicroUsd total;
  for (std::int64_t hour = 0; hour < hours; ++hour) {
    const PriceChange* change = prices.in_effect(start + seconds(hour * period));
    total += cost_of(change->price, hour + 1 < hours ? period : last_s, period);
  }
  return total;
}

MicroUsd by_changes(Prices prices, Time start, std::int64_t used, std::int64_t added,
                    std::int64_t period) {
  const Time end = start + seconds(used);
  MicroUsd total;
  MicroUsdPerHour rate = prices.in_effect(start)->price;
  Time from = start;
  // A change to the same price does not begin a new stretch.
  for (const PriceChange* c = prices.after(); c && c->at < end; c = prices.after()) {
    prices.in_effect(c->at);
    if (c->price == rate) continue;
    total += cost_of(rate, floor<seconds>(c->at - from).count(), period);
    rate = c->price;
    from = c->at;
  }
  return total + cost_of(rate, floor<seconds>(end - from).count() + added, period);
}

std::int64_t hours_begun(std::int64_t used, std::int64_t period) {
  return std::max<std::int64_t>(1, (used + period - 1) / period);
}

}  // namespace

std::int64_t used_seconds(const Usage& usage) {
  const auto used = floor<seconds>(usage.until) - floor<seconds>(usage.launched);
  CHECK(used.count() >= 0);
  return used.count();
}

MicroUsd on_demand_cost(const BillingRule& rule, const Usage& usage, MicroUsdPerHour rate) {
  CHECK(rule.period_s > 0);
  const std::int64_t used = used_seconds(usage);
  const std::int64_t charged = rule.kind == BillingRule::Kind::kAuction
                                   ? hours_begun(used, rule.period_s) * rule.period_s
                                   : std::max(used, rule.minimum_s);
  return cost_of(rate, charged, rule.period_s);
}

std::optional<MicroUsd> spot_cost(const BillingRule& rule, const Usage& usage,
                                  std::span<const PriceChange> prices) {
  CHECK(rule.period_s > 0);
  CHECK(std::ranges::adjacent_find(prices, std::ranges::greater_equal{}, &PriceChange::at) ==
        prices.end());
  const Time start = floor<seconds>(usage.launched);
  const std::int64_t used = used_seconds(usage), period = rule.period_s;
  const Prices series(prices);
  if (Prices probe = series; !probe.in_effect(start)) return std::nullopt;
  if (rule.kind == BillingRule::Kind::kAuction) {
    const std::int64_t hours = usage.ended_by_provider ? used / period : hours_begun(used, period);
    return by_hours(series, start, hours, period, period);
  }
  if (usage.ended_by_provider && used < period) return MicroUsd{0};
  const std::int64_t added = std::max<std::int64_t>(0, rule.minimum_s - used);
  if (rule.rate == BillingRule::Rate::kInEffect)
    return by_changes(series, start, used, added, period);
  const std::int64_t hours = hours_begun(used, period);
  return by_hours(series, start, hours, used - (hours - 1) * period + added, period);
}

std::vector<BillDifference> compare(std::span<const BillLine> ledger,
                                    std::span<const BillLine> bill) {
  std::vector<BillDifference> found;
  std::size_t l = 0, b = 0;
  while (l < ledger.size() || b < bill.size()) {
    const bool left =
        b == bill.size() || (l < ledger.size() && ledger[l].instance < bill[b].instance);
    const bool right =
        l == ledger.size() || (b < bill.size() && bill[b].instance < ledger[l].instance);
    if (left)
      found.push_back({ledger[l].instance, ledger[l].cost, std::nullopt});
    else if (right)
      found.push_back({bill[b].instance, std::nullopt, bill[b].cost});
    else if (ledger[l].cost != bill[b].cost)
      found.push_back({ledger[l].instance, ledger[l].cost, bill[b].cost});
    l += !right;
    b += !left;
  }
  return found;
}

}  // namespace godwit::market
