#include "control/market.h"

#include <algorithm>
#include <utility>

namespace godwit::control {
namespace {

// Since when the last stretch of prices below `limit` has lasted; nullopt: it is not below now.
std::optional<Time> below_since(const std::vector<market::PriceChange>& changes,
                                MicroUsdPerHour limit) {
  std::optional<Time> since;
  for (const market::PriceChange& change : changes) {
    if (change.price >= limit) {
      since.reset();
    } else if (!since) {
      since = change.at;
    }
  }
  return since;
}

}  // namespace

std::string family_of(const std::string& type) { return type.substr(0, type.find('.')); }

void Market::on_types(const ports::TypesRead& read) {
  for (const ports::InstanceType& type : read.types) types_[type.name] = type;
}

bool Market::on_prices(const ports::PricesRead& read) {
  bool news = false;
  for (const auto& [pool, changes] : read.changes) {
    std::vector<market::PriceChange>& known = prices_[pool];
    for (const market::PriceChange& change : changes) {
      const auto at = std::ranges::lower_bound(known, change.at, {}, &market::PriceChange::at);
      if (at != known.end() && at->at == change.at) continue;
      known.insert(at, change);
      news = true;
    }
  }
  return news;
}

void Market::refuse(const fleet::OfferingKey& key, Time now, Duration how_long) {
  Refusal& refusal = refused_[key];
  refusal.until = now + how_long * (1 << std::min(refusal.in_a_row++, 5));
}

std::optional<MicroUsdPerHour> Market::rate(const fleet::OfferingKey& key) const {
  if (key.capacity == fleet::CapacityType::kSpot) {
    const auto* changes = prices(key.pool);
    if (!changes || changes->empty()) return std::nullopt;
    return changes->back().price;
  }
  const auto& rates = config_.provider->on_demand;
  const auto at = rates.find(key.pool.type);
  if (at == rates.end()) return std::nullopt;
  return at->second;
}

const std::vector<market::PriceChange>* Market::prices(const market::Pool& pool) const {
  const auto at = prices_.find(pool);
  return at == prices_.end() ? nullptr : &at->second;
}

std::map<fleet::OfferingKey, fleet::Offering> Market::offerings(Time now,
                                                                const fleet::Policy& policy) const {
  std::map<fleet::OfferingKey, fleet::Offering> all;
  if (!config_.provider || !ready()) return all;
  const auto add = [&](const ports::InstanceType& type, const std::string& zone,
                       fleet::CapacityType capacity) {
    const fleet::OfferingKey key{{type.name, zone}, capacity};
    const auto now_rate = rate(key);
    const auto on_demand = rate({{type.name, zone}, fleet::CapacityType::kOnDemand});
    if (!now_rate || !on_demand) return;
    const std::int64_t memory = type.memory_mib - config_.provider->memory_reserve_mib;
    fleet::Offering offering{
        .key = key,
        .family = family_of(type.name),
        .region = config_.provider->region,
        .cloud = config_.provider->cloud,
        .rate = *now_rate,
        .on_demand = *on_demand,
        .memory_mib = static_cast<std::uint32_t>(std::max<std::int64_t>(0, memory)),
        .vcpus = static_cast<std::uint32_t>(type.vcpus)};
    if (capacity == fleet::CapacityType::kSpot) {
      const auto& changes = prices_.at(key.pool);
      for (std::size_t i = 0; i < changes.size(); ++i)
        if (i + 1 == changes.size() || changes[i + 1].at > now - policy.trend)
          offering.recent.push_back(changes[i]);
      offering.below_since = below_since(changes, *on_demand);
      if (const auto lost = lost_.find(key); lost != lost_.end()) offering.lost_at = lost->second;
    }
    if (const auto no = refused_.find(key); no != refused_.end() && no->second.until > now)
      offering.refused_until = no->second.until;
    all.emplace(key, std::move(offering));
  };
  for (const auto& [name, type] : types_) {
    if (config_.provider->nested && !type.nests) continue;
    for (const std::string& zone : type.zones) {
      add(type, zone, fleet::CapacityType::kOnDemand);
      if (prices_.contains({name, zone})) add(type, zone, fleet::CapacityType::kSpot);
    }
  }
  return all;
}

}  // namespace godwit::control
