#include <algorithm>
#include <set>

#include "base/check.h"
#include "localcloud/cloud.h"
#include "localcloud/text.h"

namespace godwit::localcloud {
namespace {

// Zone n is 10.0.(16 n).0/20. AWS keeps the first four addresses of a subnet and the last; here the
// first ten are kept, so that a node's last number is one that no router or service has.
constexpr int kFirstHost = 10, kLastHost = 4094;

}  // namespace

std::string Cloud::draw_id(const std::string& prefix) {
  // 17 hexadecimal digits, as AWS's ids have.
  return std::format("{}-{:x}{:016x}", prefix, random_.below(16), random_.below(UINT64_MAX));
}

std::optional<std::string> Cloud::free_address(const std::string& zone) const {
  const auto& zones = catalog().zones;
  const int number = static_cast<int>(std::ranges::find(zones, zone) - zones.begin());
  std::set<std::string> taken;
  for (const auto& [id, instance] : instances_)
    if (instance.state != InstanceState::kTerminated) taken.insert(instance.address);
  for (int host = kFirstHost; host <= kLastHost; ++host) {
    const int low = host % 256;
    if (low == 0 || low == 255) continue;
    const auto address = std::format("10.0.{}.{}", 16 * number + host / 256, low);
    if (!taken.contains(address)) return address;
  }
  return std::nullopt;
}

int Cloud::alive_in(const Pool& pool, bool spot) const {
  return static_cast<int>(std::ranges::count_if(instances_, [&](const auto& entry) {
    return entry.second.alive() && entry.second.spec.spot == spot && entry.second.pool() == pool;
  }));
}

std::optional<Refusal> Cloud::over_quota(const LaunchSpec& spec) const {
  int used = spec.max_count * catalog().type(spec.type)->vcpus;
  for (const auto& [id, instance] : instances_)
    if (instance.alive() && instance.spec.spot == spec.spot)
      used += catalog().type(instance.spec.type)->vcpus;
  if (spec.spot && used > config_.spot_vcpus_max)
    return Refusal{"MaxSpotInstanceCountExceeded", "Max spot instance count exceeded"};
  if (!spec.spot && used > config_.on_demand_vcpus_max)
    return Refusal{
        "VcpuLimitExceeded",
        std::format("You have requested more vCPU capacity than your current vCPU limit of {} "
                    "allows for the instance bucket that the specified instance type belongs to.",
                    config_.on_demand_vcpus_max)};
  return std::nullopt;
}

Outcome<int> Cloud::how_many(const LaunchSpec& spec, Time now) {
  const Pool pool{spec.type, spec.zone};
  if (spec.nested && !catalog().type(spec.type)->nested)
    return refuse("Unsupported", std::format("The instance type '{}' does not support nested "
                                             "virtualization.",
                                             spec.type));
  if (spec.spot && !market_.offers(pool))
    return refuse(
        "Unsupported",
        std::format("Your requested instance type ({}) is not supported in your requested "
                    "Availability Zone ({}).",
                    spec.type, spec.zone));
  if (const auto over = over_quota(spec)) return std::unexpected(*over);
  if (spec.spot && *spec.max_price < market_.price(pool, now))
    return refuse(
        "SpotMaxPriceTooLow",
        std::format("Your Spot request price of {} is lower than the minimum required Spot "
                    "request fulfillment price of {}.",
                    usd_text(*spec.max_price), usd_text(market_.price(pool, now))));
  int count = spec.max_count;
  if (const auto capacity = market_.capacity(pool, spec.spot))
    count = std::min(count, std::max(0, *capacity - alive_in(pool, spec.spot)));
  if (count < spec.min_count)
    return refuse("InsufficientInstanceCapacity",
                  std::format("We currently do not have sufficient {} capacity in the Availability "
                              "Zone you requested ({}).",
                              spec.type, spec.zone));
  return count;
}

Outcome<std::vector<const Instance*>> Cloud::replay_token(const LaunchSpec& spec) const {
  const auto& [digest, reservation] = tokens_.at(spec.client_token);
  if (digest != spec.digest)
    return refuse("IdempotentParameterMismatch",
                  std::format("The client token '{}' has been used with other parameters.",
                              spec.client_token));
  auto found = all();
  std::erase_if(found, [&](const Instance* i) { return i->reservation != reservation; });
  return found;
}

Outcome<std::vector<const Instance*>> Cloud::run(const LaunchSpec& asked, bool dry, Time now) {
  advance(now);
  LaunchSpec spec = asked;
  const InstanceType* type = catalog().type(spec.type);
  CHECK(type && catalog().has_zone(spec.zone));
  if (spec.spot && !spec.max_price) spec.max_price = type->on_demand;
  if (!spec.client_token.empty() && tokens_.contains(spec.client_token)) return replay_token(spec);
  const auto count = how_many(spec, now);
  if (!count) return std::unexpected(count.error());
  if (dry)
    return refuse("DryRunOperation", "Request would have succeeded, but DryRun flag is set.");
  if (!free_address(spec.zone))
    return refuse("InsufficientFreeAddressesInSubnet", "The subnet has no free address.");
  if (!throttle_.take("launched instances", *count, now))
    return refuse("RequestLimitExceeded", "Request limit exceeded.");
  const std::string reservation = draw_id("r");
  std::vector<const Instance*> made;
  for (int i = 0; i < *count; ++i) made.push_back(&launch(spec, reservation, i, now));
  if (!spec.client_token.empty()) tokens_[spec.client_token] = {spec.digest, reservation};
  return made;
}

Instance& Cloud::launch(const LaunchSpec& spec, const std::string& reservation, int index,
                        Time now) {
  Instance instance{.id = draw_id("i"),
                    .reservation = reservation,
                    .launch_index = index,
                    .sequence = ++launches_,
                    .spec = spec,
                    .tags = spec.tags,
                    .address = free_address(spec.zone).value_or(""),
                    .launched = whole_seconds(now),
                    .visible = now + config_.visible_after,
                    .running = now + config_.launch_latency};
  if (spec.spot) {
    const std::string request = draw_id("sir").substr(0, 12);  // "sir-" and 8 characters.
    instance.spot_request = request;
    requests_[request] = {.id = request,
                          .instance = instance.id,
                          .created = instance.launched,
                          .updated = instance.launched,
                          .max_price = *spec.max_price,
                          .tags = spec.request_tags};
  }
  effects_.push_back({Effect::Kind::kBoot, instance.id});
  return instances_[instance.id] = std::move(instance);
}

}  // namespace godwit::localcloud
