// What an instance costs: the cloud's own computation, shared with nobody. All in whole seconds,
// from the launch time that the API shows to the end that it shows.
//
// Per second (AWS since October 2017, and since 2017-12 for the first hour: "New Amazon EC2 Spot
// pricing model" and "Billing for interrupted Spot Instances" in the EC2 user guide):
//   seconds used, at least `minimum_s`; nothing if EC2 ends a spot instance in its first period.
//   The rate is either locked: the price at the start of each instance-hour holds for it; or in
//   effect: the price of the moment. AWS's texts disagree, so it is a parameter. On-demand has one
//   rate.
// Auction (AWS before October 2017): whole instance-hours from launch, each at the price at its
//   start; the part-hour in which EC2 ends a spot instance is free, one in which the user ends it
//   is charged whole. On-demand: whole hours.
//
// An "hour" is `period_s` seconds of the market, 3600 unless the series is compressed; rates are
// per such hour. A segment is a stretch of one rate: the whole time for on-demand, each instance-
// hour for a locked rate, the time between two changes for a rate in effect. Each segment costs
// rate x seconds / period_s, rounded half up to a micro-dollar. What is added to reach `minimum_s`
// belongs to the last segment.
#pragma once

#include <cstdint>
#include <vector>

#include "base/money.h"
#include "base/time.h"
#include "localcloud/market.h"

namespace godwit::localcloud {

struct BillingRule {
  enum class Kind { kPerSecond, kAuction } kind = Kind::kPerSecond;
  enum class Rate { kLocked, kInEffect } rate = Rate::kInEffect;
  std::int64_t period_s = 3600;
  std::int64_t minimum_s = 60;    // Per second only.
  bool first_period_free = true;  // Per second only, when EC2 interrupts.
};

struct Usage {
  Time start, end;  // Until now, if it runs. end >= start.
  bool ended_by_cloud = false;
};

struct Charge {
  std::int64_t seconds = 0;  // Used: end - start. Not what is charged.
  MicroUsd amount;
  bool operator==(const Charge&) const = default;
};

Charge charge_on_demand(const BillingRule& rule, const Usage& usage, MicroUsdPerHour rate);
Charge charge_spot(const BillingRule& rule, const Usage& usage, const Market& market,
                   const Pool& pool);

}  // namespace godwit::localcloud
