#include "localcloud/cloud.h"

#include <algorithm>

#include "base/check.h"
#include "localcloud/text.h"

namespace godwit::localcloud {
namespace {

std::map<std::string, BucketSize> with_launches(const Config& config) {
  auto sizes = config.buckets;
  sizes["launched instances"] = config.launch_bucket;
  return sizes;
}

std::string_view status_of(EndReason reason) {
  switch (reason) {
    case EndReason::kPrice:
      return "instance-terminated-by-price";
    case EndReason::kCapacity:
    case EndReason::kFailure:
      return "instance-terminated-no-capacity";
    case EndReason::kUser:
    case EndReason::kItself:
      return "instance-terminated-by-user";
  }
  return "";
}

}  // namespace

Cloud::Cloud(Config config, Market market, Time start)
    : config_(std::move(config)),
      market_(std::move(market)),
      throttle_(with_launches(config_), config_.other_buckets),
      random_(config_.seed),
      now_(start) {
  if (!config_.pool_capacity) return;
  for (const auto& [pool, series] : market_.series())
    market_.set_capacity(pool, true, config_.pool_capacity);
}

std::optional<Time> Cloud::due(const Instance& instance) const {
  std::optional<Time> first;
  const auto consider = [&first](Time t) { first = first ? std::min(*first, t) : t; };
  if (instance.state == InstanceState::kPending) consider(instance.running);
  if (instance.state == InstanceState::kShuttingDown) consider(instance.terminated);
  if (!instance.alive()) return first;
  if (instance.interruption)
    consider(instance.interruption->at);
  else if (instance.spec.spot)
    if (const auto change = market_.next_change(instance.pool(), now_)) consider(*change);
  return first;
}

std::optional<Time> Cloud::next_due() const {
  std::optional<Time> first;
  for (const auto& [id, instance] : instances_)
    if (const auto t = due(instance)) first = first ? std::min(*first, *t) : *t;
  return first;
}

void Cloud::advance(Time now) {
  CHECK(now >= now_);
  while (const auto t = next_due()) {
    if (*t > now) break;
    now_ = std::max(now_, *t);
    step(now_);
  }
  now_ = now;
}

void Cloud::step(Time at) {
  for (const Instance* instance : all()) step_instance(instances_.at(instance->id), at);
}

void Cloud::step_instance(Instance& instance, Time at) {
  if (instance.state == InstanceState::kPending && instance.running <= at)
    instance.state = InstanceState::kRunning;
  if (instance.state == InstanceState::kShuttingDown && instance.terminated <= at)
    instance.state = InstanceState::kTerminated;
  if (!instance.alive()) return;
  if (instance.interruption) {
    if (instance.interruption->at <= at) finish(instance, instance.interruption->reason, at);
  } else if (instance.spec.spot && market_.price(instance.pool(), at) > *instance.spec.max_price) {
    interrupt(instance, EndReason::kPrice, true, at);
  }
}

void Cloud::interrupt(Instance& instance, EndReason reason, bool with_notice, Time at) {
  if (!with_notice) return finish(instance, reason, at);
  const bool told = random_.below(100) >= static_cast<std::uint64_t>(config_.notices_lost_percent);
  instance.interruption = Interruption{reason, at, at + config_.notice, told};
  SpotRequest& request = requests_.at(instance.spot_request);
  request.updated = at;
  request.status = "marked-for-termination";
  if (request.state == "active") request.state = "closed";
}

void Cloud::finish(Instance& instance, EndReason reason, Time at) {
  instance.state = InstanceState::kShuttingDown;
  instance.ended = whole_seconds(at);
  instance.reason = reason;
  instance.terminated = at + config_.shutdown;
  effects_.push_back({Effect::Kind::kKill, instance.id});
  if (!instance.spec.spot) return;
  SpotRequest& request = requests_.at(instance.spot_request);
  request.updated = *instance.ended;
  request.status = status_of(reason);
  if (request.state == "active") request.state = "closed";
}

std::optional<Refusal> Cloud::throttle(const std::string& action, Time now) {
  advance(now);
  if (throttle_.take(action, 1, now)) return std::nullopt;
  return Refusal{"RequestLimitExceeded", "Request limit exceeded."};
}

void Cloud::terminate(const std::string& id, Time now) {
  advance(now);
  Instance& instance = instances_.at(id);
  if (instance.alive()) finish(instance, EndReason::kUser, now);
}

std::vector<const Instance*> Cloud::all() const {
  std::vector<const Instance*> found;
  for (const auto& [id, instance] : instances_) found.push_back(&instance);
  std::ranges::sort(found, {}, &Instance::sequence);
  return found;
}

std::vector<const Instance*> Cloud::shown(Time now) const {
  auto found = all();
  std::erase_if(found, [&](const Instance* i) { return find_shown(i->id, now) == nullptr; });
  return found;
}

const Instance* Cloud::find(const std::string& id) const {
  const auto at = instances_.find(id);
  return at == instances_.end() ? nullptr : &at->second;
}

const Instance* Cloud::find_shown(const std::string& id, Time now) const {
  const Instance* instance = find(id);
  if (!instance || instance->visible > now) return nullptr;
  if (instance->ended && instance->terminated + config_.forget <= now) return nullptr;
  return instance;
}

std::vector<const SpotRequest*> Cloud::spot_requests() const {
  std::vector<const SpotRequest*> found;
  for (const Instance* instance : all())
    if (instance->spec.spot) found.push_back(&requests_.at(instance->spot_request));
  return found;
}

const SpotRequest* Cloud::find_request(const std::string& id) const {
  const auto at = requests_.find(id);
  return at == requests_.end() ? nullptr : &at->second;
}

const SpotRequest* Cloud::cancel_spot_request(const std::string& id, Time now) {
  advance(now);
  const auto at = requests_.find(id);
  if (at == requests_.end()) return nullptr;
  SpotRequest& request = at->second;
  if (request.state == "active" || request.state == "closed") {
    if (find(request.instance)->alive()) request.status = "request-canceled-and-instance-running";
    request.state = "cancelled";
    request.updated = now;
  }
  return &request;
}

Tags* Cloud::tags_of(const std::string& id, Time now) {
  if (const auto at = requests_.find(id); at != requests_.end()) return &at->second.tags;
  if (!find_shown(id, now)) return nullptr;
  return &instances_.at(id).tags;
}

Result<Time> Cloud::set_price(const Pool& pool, std::optional<MicroUsdPerHour> price, Time now) {
  advance(now);
  if (!market_.offers(pool)) return not_found(std::format("no pool {}/{}", pool.type, pool.zone));
  return market_.set_price(pool, price, now);
}

Status Cloud::set_capacity(const Pool& pool, bool spot, std::optional<int> count, Time now) {
  advance(now);
  if (!catalog().type(pool.type) || !catalog().has_zone(pool.zone))
    return not_found(std::format("no pool {}/{}", pool.type, pool.zone));
  market_.set_capacity(pool, spot, count);
  if (!spot || !count) return {};  // EC2 takes nothing back that was not rented as spot.
  std::vector<const Instance*> held = all();
  std::erase_if(held, [&](const Instance* i) {
    return !i->alive() || !i->spec.spot || i->pool() != pool || i->interruption;
  });
  std::ranges::sort(held, [](const Instance* a, const Instance* b) {
    return std::tuple(*a->spec.max_price, b->sequence) <
           std::tuple(*b->spec.max_price, a->sequence);
  });
  for (std::size_t i = 0; i + static_cast<std::size_t>(*count) < held.size(); ++i)
    interrupt(instances_.at(held[i]->id), EndReason::kCapacity, true, now);
  return {};
}

Status Cloud::reclaim(const std::string& id, bool with_notice, Time now) {
  advance(now);
  const auto at = instances_.find(id);
  if (at == instances_.end()) return not_found(std::format("no instance {}", id));
  Instance& instance = at->second;
  if (!instance.alive() || !instance.spec.spot)
    return precondition(std::format("{} is not a running spot instance", id));
  if (instance.interruption && with_notice)
    return precondition(std::format("{} is under notice already", id));
  interrupt(instance, EndReason::kCapacity, with_notice, now);
  return {};
}

Status Cloud::end(const std::string& id, EndReason reason, Time now) {
  advance(now);
  const auto at = instances_.find(id);
  if (at == instances_.end()) return not_found(std::format("no instance {}", id));
  if (!at->second.alive()) return precondition(std::format("{} has ended already", id));
  finish(at->second, reason, now);
  return {};
}

std::vector<BillItem> Cloud::bill(Time now) const {
  std::vector<BillItem> items;
  for (const Instance* i : all()) {
    BillItem item{.instance = i->id,
                  .spot = i->spec.spot,
                  .pool = i->pool(),
                  .start = i->launched,
                  .end = i->ended,
                  .ended_by_cloud = i->ended_by_cloud()};
    const Usage usage{i->launched, i->ended.value_or(now), item.ended_by_cloud};
    item.charge = i->spec.spot ? charge_spot(config_.billing, usage, market_, item.pool)
                               : charge_on_demand(config_.billing, usage,
                                                  catalog().type(i->spec.type)->on_demand);
    items.push_back(item);
  }
  return items;
}

}  // namespace godwit::localcloud
