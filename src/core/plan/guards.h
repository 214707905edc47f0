// Is an offering sound, what will it cost, and must a node be left because of its price.
//
//   eviction guard  The provider ends the instance when the price passes the bid: its guests leave
//                   before the crossing, also in the middle of a billed period.
//   cost guard      The next billed period costs more than a guest's maximum: it leaves before that
//                   begins. Inside a paid period a rise costs nothing, so it stays until then.
//
// Billed periods: an instance-hour from the launch on, where the rule is an auction's or locks the
// rate for the hour. Where the rate of the moment is paid, the next period is the next second.
#pragma once

#include <optional>

#include "core/fleet/fleet.h"

namespace godwit::plan {

// Since when it may be launched in: no refusal, no recent loss, and spot below on-demand. None: it
// may not now.
std::optional<Time> sound_since(const fleet::Offering& offering, const fleet::World& world);

// The highest rate until `ahead` from now: Policy::trend.
MicroUsdPerHour forecast(const fleet::Offering& offering, const fleet::World& world,
                         Duration ahead);

bool bills_periods(const market::BillingRule& rule);
// When the running period ends and the next begins; after `now`.
Time period_end(Time launched, const market::BillingRule& rule, Time now);

// To get `bytes` out of a node, from the decision on.
Duration leave_time(std::int64_t bytes, const fleet::Policy& policy);

// A new guest may go where the forecast to the end of the next billed period is well below its
// ceiling: the lowest such ceiling.
std::int64_t entry_ceiling(const fleet::Offering& offering, const fleet::World& world);

// Both for a spot node; `leave` is leave_time of all that is there.
bool eviction_guard(const fleet::Node& node, const fleet::Offering& offering, Duration leave,
                    const fleet::World& world);
bool cost_guard(const fleet::Node& node, const fleet::Offering& offering, MicroUsdPerHour ceiling,
                Duration leave, const fleet::World& world);

// Whether what comes to an end by choice may do so now: shortly before the end of a period that is
// paid anyway, at any time where seconds are paid. `lead` is what doing it takes.
bool in_window(const fleet::Node& node, Duration lead, const fleet::World& world);

// The provider's end, at its notice, will make the bill smaller than ours would.
bool will_be_refunded(const fleet::Node& node, const market::BillingRule& rule);

}  // namespace godwit::plan
