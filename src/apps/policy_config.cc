#include "apps/policy_config.h"

#include <cmath>
#include <format>
#include <functional>
#include <map>

namespace godwit::apps {
namespace {

using Set = std::function<Status(fleet::Policy&, const json::Value&)>;

Set seconds(Duration fleet::Policy::* field) {
  return [field](fleet::Policy& policy, const json::Value& value) -> Status {
    const double s = value.number(-1);
    if (s < 0 || s > 1e9) return invalid("seconds from 0 on are needed");
    policy.*field = Duration{std::llround(s * 1e6)};
    return {};
  };
}

Set usd(MicroUsd fleet::Policy::* field) {
  return [field](fleet::Policy& policy, const json::Value& value) -> Status {
    const double usd = value.number(-1);
    if (usd < 0 || usd > 1e9) return invalid("dollars from 0 on are needed");
    (policy.*field).value = std::llround(usd * 1e6);
    return {};
  };
}

template <class Number>
Set number(Number fleet::Policy::* field, std::int64_t most) {
  return [field, most](fleet::Policy& policy, const json::Value& value) -> Status {
    if (!value.is_integer() || value.integer() < 0 || value.integer() > most)
      return invalid(std::format("a whole number from 0 to {} is needed", most));
    policy.*field = static_cast<Number>(value.integer());
    return {};
  };
}

Status set_bid(fleet::Policy& policy, const json::Value& value) {
  if (value.text() != "on-demand" && value.text() != "maximum")
    return invalid("\"on-demand\" or \"maximum\" is needed");
  policy.bid = value.text() == "maximum" ? fleet::Bid::kMaximum : fleet::Bid::kOnDemand;
  return {};
}

const std::map<std::string, Set, std::less<>>& setters() {
  using P = fleet::Policy;
  static const std::map<std::string, Set, std::less<>> kSetters{
      {"notice_s", seconds(&P::notice)},
      {"notice_reserve_s", seconds(&P::notice_reserve)},
      {"link_bytes_per_s", number(&P::link_bytes_per_s, 1'000'000'000'000)},
      {"launch_s", seconds(&P::launch)},
      {"pause_s", seconds(&P::pause)},
      {"leave_margin_s", seconds(&P::leave_margin)},
      {"expected_stay_s", seconds(&P::expected_stay)},
      {"downtime_per_minute_usd", usd(&P::downtime_per_minute)},
      {"transfer_between_zones_per_gb_usd", usd(&P::transfer_between_zones_per_gb)},
      {"interruptions_per_1000_days", number(&P::interruptions_per_1000_days, 1'000'000)},
      {"loss_of_guest_usd", usd(&P::loss_of_guest)},
      {"notices_lost_percent", number(&P::notices_lost_percent, 100)},
      {"saving_percent_min", number(&P::saving_percent_min, 100)},
      {"stay_min_s", seconds(&P::stay_min)},
      {"quiet_after_s", seconds(&P::quiet_after)},
      {"return_after_s", seconds(&P::return_after)},
      {"loss_backoff_s", seconds(&P::loss_backoff)},
      {"idle_after_s", seconds(&P::idle_after)},
      {"enter_percent", number(&P::enter_percent, 100)},
      {"leave_percent", number(&P::leave_percent, 100)},
      {"trend_s", seconds(&P::trend)},
      {"escapes_max", number(&P::escapes_max, 8)},
      {"nodes_left_max", number(&P::nodes_left_max, 1'000'000)},
      {"bid", set_bid},
  };
  return kSetters;
}

}  // namespace

Result<fleet::Policy> read_policy(const json::Value& value, fleet::Policy policy) {
  if (!value.is_null() && !value.is_object()) return invalid("\"policy\": an object is needed");
  for (const auto& [name, field] : value.object()) {
    const auto at = setters().find(name);
    if (at == setters().end())
      return invalid(
          std::format("\"policy.{}\": there is no such number; see core/fleet/policy.h", name));
    TRY(in_context(std::format("\"policy.{}\"", name), at->second(policy, field)));
  }
  return policy;
}

}  // namespace godwit::apps
