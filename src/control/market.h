// What the fleet knows of the market: types, prices and refusals, as the provider told them to this
// process. Nothing here is kept: after a restart it is asked for again.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/config.h"
#include "core/fleet/fleet.h"
#include "ports/api.h"
#include "ports/cloud.h"

namespace godwit::control {

class Market {
 public:
  explicit Market(const Config& config) : config_(config) {}

  void on_types(const ports::TypesRead& read);
  // True if some price is new.
  bool on_prices(const ports::PricesRead& read);
  // The pool had no room, or the price was above the maximum.
  void refuse(const fleet::OfferingKey& key, Time now, Duration how_long);
  void succeed(const fleet::OfferingKey& key) { refused_.erase(key); }
  // The provider interrupted an instance of the pool.
  void lose(const fleet::OfferingKey& key, Time now) { lost_[key] = now; }

  // All that can be rented, as the planner is told; empty until types and prices were read.
  std::map<fleet::OfferingKey, fleet::Offering> offerings(Time now,
                                                          const fleet::Policy& policy) const;
  // In effect; nullopt: not known.
  std::optional<MicroUsdPerHour> rate(const fleet::OfferingKey& key) const;
  const std::vector<market::PriceChange>* prices(const market::Pool& pool) const;
  const std::map<std::string, ports::InstanceType>& types() const { return types_; }
  bool ready() const { return !types_.empty() && !prices_.empty(); }

 private:
  struct Refusal {
    Time until;
    int in_a_row = 0;
  };
  const Config& config_;
  std::map<std::string, ports::InstanceType> types_;
  std::map<market::Pool, std::vector<market::PriceChange>> prices_;
  std::map<fleet::OfferingKey, Refusal> refused_;
  std::map<fleet::OfferingKey, Time> lost_;
};

// "c5" of "c5.large".
std::string family_of(const std::string& type);

}  // namespace godwit::control
