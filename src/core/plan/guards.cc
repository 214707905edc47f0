#include "core/plan/guards.h"

#include <algorithm>
#include <chrono>

namespace godwit::plan {

using fleet::CapacityType;
using std::chrono::seconds;

std::optional<Time> sound_since(const fleet::Offering& offering, const fleet::World& world) {
  Time since{};
  if (offering.refused_until) since = std::max(since, *offering.refused_until);
  if (offering.key.capacity == CapacityType::kSpot) {
    if (offering.rate >= offering.on_demand) return std::nullopt;
    if (offering.below_since) since = std::max(since, *offering.below_since);
    if (offering.lost_at) since = std::max(since, *offering.lost_at + world.policy.loss_backoff);
  }
  if (since > world.now) return std::nullopt;
  return since;
}

MicroUsdPerHour forecast(const fleet::Offering& offering, const fleet::World& world,
                         Duration ahead) {
  if (offering.recent.empty()) return offering.rate;
  const Duration trend = world.policy.trend;
  const std::int64_t rise = offering.rate.value - offering.recent.front().price.value;
  if (rise <= 0 || trend <= Duration{0}) return offering.rate;
  const std::int64_t ahead_ms = std::clamp(ahead, Duration{0}, trend).count() / 1000;
  return {offering.rate.value + rise * ahead_ms / std::max<std::int64_t>(1, trend.count() / 1000)};
}

bool bills_periods(const market::BillingRule& rule) {
  return rule.kind == market::BillingRule::Kind::kAuction ||
         rule.rate == market::BillingRule::Rate::kLocked;
}

Time period_end(Time launched, const market::BillingRule& rule, Time now) {
  const Time start = std::chrono::floor<seconds>(launched);
  const Duration period = seconds(rule.period_s);
  if (now < start) return start + period;
  return start + ((now - start) / period + 1) * period;
}

Duration leave_time(std::int64_t bytes, const fleet::Policy& policy) {
  return policy.leave_margin + seconds(bytes / std::max<std::int64_t>(1, policy.link_bytes_per_s));
}

std::int64_t entry_ceiling(const fleet::Offering& offering, const fleet::World& world) {
  const Duration ahead = bills_periods(world.billing)
                             ? Duration(seconds(world.billing.period_s))
                             : world.policy.launch + world.policy.leave_margin;
  const std::int64_t percent = std::max<std::int64_t>(1, world.policy.enter_percent);
  return (forecast(offering, world, ahead).value * 100 + percent - 1) / percent;
}

bool eviction_guard(const fleet::Node& node, const fleet::Offering& offering, Duration leave,
                    const fleet::World& world) {
  if (!node.bid) return false;
  return offering.rate.value * 100 >= node.bid->value * world.policy.leave_percent ||
         forecast(offering, world, leave) > *node.bid;
}

bool cost_guard(const fleet::Node& node, const fleet::Offering& offering, MicroUsdPerHour ceiling,
                Duration leave, const fleet::World& world) {
  if (!bills_periods(world.billing)) return forecast(offering, world, leave) > ceiling;
  // A destination may have to be launched first, and that must end before the period does.
  const Duration left = period_end(node.launched, world.billing, world.now) - world.now;
  return left <= world.policy.launch + leave && forecast(offering, world, left) > ceiling;
}

bool in_window(const fleet::Node& node, Duration lead, const fleet::World& world) {
  if (!bills_periods(world.billing)) return true;
  return period_end(node.launched, world.billing, world.now) - world.now <= lead;
}

bool will_be_refunded(const fleet::Node& node, const market::BillingRule& rule) {
  if (!node.notice || node.offering.capacity != CapacityType::kSpot) return false;
  return rule.kind == market::BillingRule::Kind::kAuction ||
         *node.notice < node.launched + seconds(rule.period_s);
}

}  // namespace godwit::plan
