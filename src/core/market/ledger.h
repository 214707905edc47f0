// What the fleet has cost, instance by instance, from what the provider's API shows; and what plain
// on-demand instances would have cost instead. Integer micro-dollars.
//
// The comparison is with the cheapest set of plain on-demand instances, without nesting, of any of
// the given types, that would have held the guests at each moment, for the same whole seconds and
// without minimum or part-hour charges: the least that a user of on-demand could have paid. It is
// exact, by dynamic programming over how many guests of each size are left, as long as that takes
// at most kPackingSteps; beyond, a lower bound stands in (the larger of: all memory at the cheapest
// rate per MiB, all vCPUs at the cheapest rate per vCPU), so that a saving is never overstated.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/market/billing.h"

namespace godwit::market {

struct LedgerInstance {
  std::string instance;  // The provider's id.
  Pool pool;
  bool spot = false;
  MicroUsdPerHour on_demand;  // Of its type: what an on-demand instance costs.
  Usage usage;
};

struct Ledger {
  std::vector<BillLine> lines;        // In order of instance.
  std::vector<std::string> unpriced;  // No price of their pool is known at their launch.
  MicroUsd paid;                      // Sum of the lines.
};

// An instance that is given twice counts as one, by its last entry.
Ledger make_ledger(const BillingRule& rule, std::span<const LedgerInstance> instances,
                   const std::map<Pool, std::vector<PriceChange>>& prices);

struct PlainType {
  std::int64_t memory_mib = 0, vcpus = 0;
  MicroUsdPerHour rate;  // On demand.
};

struct GuestLife {
  std::int64_t memory_mib = 0, vcpus = 0;
  Time from, until;  // Until now while it lives.
};

struct OnDemandCost {
  MicroUsd cost;
  bool exact = true;  // False: a lower bound somewhere.
};

inline constexpr std::int64_t kPackingSteps = 2'000'000;  // Some 10 ms.

// None: some guest fits no type. `period_s` as in BillingRule.
std::optional<OnDemandCost> on_demand_instead(std::span<const GuestLife> guests,
                                              std::span<const PlainType> types,
                                              std::int64_t period_s,
                                              std::int64_t packing_steps = kPackingSteps);

}  // namespace godwit::market
