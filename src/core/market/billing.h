// What an instance costs, by the provider's rule, from what the provider's API shows: launch time,
// end, who ended it, price history and the on-demand rate. Integer micro-dollars, whole seconds.
//
// Per second. AWS, Linux, since October 2017. Source: "Amazon EC2 On-Demand Pricing" (per second,
//   60 s at least) and the EC2 user guide, "Billing for interrupted Spot Instances": used seconds
//   are charged; interrupted by EC2 in the first hour, nothing is. The rate of spot is either the
//   price at the start of each instance-hour, for that hour (kLocked: AWS's announcement of 2017),
//   or the price of the moment (kInEffect: AWS's whitepaper on spot). The texts disagree and no
//   account was there to ask, so it is a parameter.
// Auction. AWS before October 2017: whole instance-hours from the launch, each at the price at its
//   start. The last part-hour is free when EC2 interrupts, and whole when the user ends it. An
//   instance ended at once by the user has begun its first hour.
//
// Rounding is part of the rule: each stretch of one rate costs rate x seconds / period, half up to
// the micro-dollar. A stretch is the whole time on demand, an instance-hour if locked, the time
// between two changes of price in effect. Seconds that the minimum adds belong to the last stretch.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/money.h"
#include "base/time.h"
#include "core/market/price.h"

namespace godwit::market {

struct BillingRule {
  enum class Kind { kPerSecond, kAuction };
  enum class Rate { kLocked, kInEffect };
  Kind kind = Kind::kPerSecond;
  Rate rate = Rate::kInEffect;
  // An instance-hour, to which prices refer: 3600 s, less where a series is compressed. > 0.
  std::int64_t period_s = 3600;
  std::int64_t minimum_s = 60;  // Per second only.
};

// An instance as the API shows it.
struct Usage {
  Time launched;
  Time until;                      // Its end, or now while it lives: charged as if we ended it.
  bool ended_by_provider = false;  // Interrupted.
};

// Rounded down to whole seconds, as bills are; CHECKs that it does not end before it begins.
std::int64_t used_seconds(const Usage& usage);

MicroUsd on_demand_cost(const BillingRule& rule, const Usage& usage, MicroUsdPerHour rate);

// `prices` are the pool's changes in order of time, no two at the same time. None: the price at
// launch is not among them, so nothing may be said.
std::optional<MicroUsd> spot_cost(const BillingRule& rule, const Usage& usage,
                                  std::span<const PriceChange> prices);

// The ledger against the bill, item by item; both in order of instance.
struct BillLine {
  std::string instance;
  MicroUsd cost;
  bool operator==(const BillLine&) const = default;
};
struct BillDifference {
  std::string instance;
  std::optional<MicroUsd> ledger, bill;  // None: only the other side has it.
  bool operator==(const BillDifference&) const = default;
};
std::vector<BillDifference> compare(std::span<const BillLine> ledger,
                                    std::span<const BillLine> bill);

}  // namespace godwit::market
