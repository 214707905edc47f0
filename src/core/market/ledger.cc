#include "core/market/ledger.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"

namespace godwit::market {
namespace {

using std::chrono::floor;
using std::chrono::seconds;

using Size = std::pair<std::int64_t, std::int64_t>;  // Memory, vCPUs.
using Counts = std::map<Size, std::int64_t>;         // Guests by size.

struct Rate {
  std::int64_t value = 0;
  bool exact = true;
};

std::optional<std::int64_t> cheapest(const Size& size, std::span<const PlainType> types) {
  std::optional<std::int64_t> best;
  for (const PlainType& t : types)
    if (t.memory_mib >= size.first && t.vcpus >= size.second && (!best || t.rate.value < *best))
      best = t.rate.value;
  return best;
}

// All ways to take some of each size, as mixed-radix numbers: state = sum of count x weight.
class Packing {
 public:
  Packing(const Counts& counts, std::span<const PlainType> types) : types_(types) {
    for (const auto& [size, count] : counts) {
      sizes_.push_back(size);
      weights_.push_back(states_);
      counts_.push_back(count);
      states_ *= count + 1;
    }
  }

  // Pairs of a state and what one instance takes of it. Stops counting above `most`.
  static std::int64_t steps(const Counts& counts, std::int64_t most) {
    std::int64_t n = 1;
    for (const auto& [size, count] : counts) {
      if (n > most / ((count + 1) * (count + 2) / 2)) return most + 1;
      n *= (count + 1) * (count + 2) / 2;
    }
    return n;
  }

  std::int64_t least_rate() {
    std::vector<std::optional<std::int64_t>> one(static_cast<std::size_t>(states_));
    for (std::int64_t s = 1; s < states_; ++s) one[index(s)] = cheapest(sum(s), types_);
    std::vector<std::int64_t> cost(static_cast<std::size_t>(states_), 0);
    for (std::int64_t s = 1; s < states_; ++s) {
      std::optional<std::int64_t> best;
      for_each_part(s, [&](std::int64_t part) {
        if (!one[index(part)]) return;
        const std::int64_t all = *one[index(part)] + cost[index(s - part)];
        if (!best || all < *best) best = all;
      });
      CHECK(best);  // Each guest fits some type by itself.
      cost[index(s)] = *best;
    }
    return cost.back();
  }

 private:
  static std::size_t index(std::int64_t s) { return static_cast<std::size_t>(s); }
  std::int64_t count(std::int64_t state, std::size_t i) const {
    return state / weights_[i] % (counts_[i] + 1);
  }
  Size sum(std::int64_t state) const {
    Size all{0, 0};
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      all.first += count(state, i) * sizes_[i].first;
      all.second += count(state, i) * sizes_[i].second;
    }
    return all;
  }
  // Every non-empty part of the state, like counting down with a limit per digit.
  void for_each_part(std::int64_t state, auto visit) const {
    std::vector<std::int64_t> digits(sizes_.size(), 0);
    std::int64_t part = 0;
    for (;;) {
      std::size_t i = 0;
      while (i < digits.size() && digits[i] == count(state, i)) {
        part -= digits[i] * weights_[i];
        digits[i++] = 0;
      }
      if (i == digits.size()) return;
      ++digits[i];
      part += weights_[i];
      visit(part);
    }
  }

  const std::span<const PlainType> types_;
  std::vector<Size> sizes_;
  std::vector<std::int64_t> weights_, counts_;
  std::int64_t states_ = 1;
};

std::int64_t lower_bound_of(const Counts& counts, std::span<const PlainType> types) {
  double memory = 0, vcpus = 0, per_mib = 0, per_vcpu = 0;
  for (const auto& [size, count] : counts) {
    memory += static_cast<double>(size.first * count);
    vcpus += static_cast<double>(size.second * count);
  }
  bool first = true;
  for (const PlainType& t : types) {
    const auto rate = static_cast<double>(t.rate.value);
    const double mib = rate / static_cast<double>(t.memory_mib);
    const double vcpu = rate / static_cast<double>(t.vcpus);
    per_mib = first ? mib : std::min(per_mib, mib);
    per_vcpu = first ? vcpu : std::min(per_vcpu, vcpu);
    first = false;
  }
  return static_cast<std::int64_t>(std::max(memory * per_mib, vcpus * per_vcpu));
}

Rate least_rate(const Counts& counts, std::span<const PlainType> types, std::int64_t steps) {
  if (counts.empty()) return {};
  if (Packing::steps(counts, steps) <= steps) return {Packing(counts, types).least_rate(), true};
  return {lower_bound_of(counts, types), false};
}

struct Change {
  Time at;
  Size size;
  int by = 0;
};

std::vector<Change> changes_of(std::span<const GuestLife> guests) {
  std::vector<Change> changes;
  for (const GuestLife& g : guests) {
    const Time from = floor<seconds>(g.from), until = floor<seconds>(g.until);
    if (from >= until) continue;
    changes.push_back({from, {g.memory_mib, g.vcpus}, 1});
    changes.push_back({until, {g.memory_mib, g.vcpus}, -1});
  }
  std::ranges::stable_sort(changes, {}, &Change::at);
  return changes;
}

}  // namespace

Ledger make_ledger(const BillingRule& rule, std::span<const LedgerInstance> instances,
                   const std::map<Pool, std::vector<PriceChange>>& prices) {
  std::map<std::string, const LedgerInstance*> ordered;
  for (const LedgerInstance& i : instances) ordered[i.instance] = &i;
  Ledger ledger;
  for (const auto& [id, i] : ordered) {
    const auto series = prices.find(i->pool);
    std::optional<MicroUsd> cost;
    if (!i->spot)
      cost = on_demand_cost(rule, i->usage, i->on_demand);
    else if (series != prices.end())
      cost = spot_cost(rule, i->usage, series->second);
    if (!cost) {
      ledger.unpriced.push_back(id);
      continue;
    }
    ledger.lines.push_back({id, *cost});
    ledger.paid += *cost;
  }
  return ledger;
}

std::optional<OnDemandCost> on_demand_instead(std::span<const GuestLife> guests,
                                              std::span<const PlainType> types,
                                              std::int64_t period_s, std::int64_t packing_steps) {
  CHECK(period_s > 0);
  for (const GuestLife& g : guests)
    if (!cheapest({g.memory_mib, g.vcpus}, types)) return std::nullopt;
  std::map<Counts, Rate> known;  // Fleets come back to what they were.
  Counts now;
  OnDemandCost out;
  std::int64_t rate_seconds = 0;
  const std::vector<Change> changes = changes_of(guests);
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if ((now[changes[i].size] += changes[i].by) == 0) now.erase(changes[i].size);
    if (i + 1 == changes.size() || changes[i + 1].at == changes[i].at) continue;
    auto found = known.find(now);
    if (found == known.end())
      found = known.emplace(now, least_rate(now, types, packing_steps)).first;
    out.exact = out.exact && found->second.exact;
    rate_seconds += found->second.value * floor<seconds>(changes[i + 1].at - changes[i].at).count();
  }
  out.cost = {rate_seconds / period_s +
              (2 * (rate_seconds % period_s) + period_s) / (2 * period_s)};
  return out;
}

}  // namespace godwit::market
