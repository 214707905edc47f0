#include "ports/fake_cloud.h"

#include <algorithm>
#include <chrono>
#include <format>

namespace godwit::ports {
namespace {

CloudFailed failed(CloudRefusal refusal, Code code, std::string message) {
  return {refusal, {code, std::move(message)}};
}

bool is_alive(const CloudInstance& instance) {
  return instance.state == InstanceState::kPending || instance.state == InstanceState::kRunning;
}

}  // namespace

void FakeCloud::submit(std::uint64_t command, CloudCommand what) {
  if (!hides_new) hidden_.clear();
  CloudAnswer answer;
  if (fail_next)
    answer = *std::exchange(fail_next, std::nullopt);
  else
    answer = std::visit([&](const auto& c) { return on(c); }, what);
  events_.offer({command, std::move(answer)});
}

bool FakeCloud::shows(const std::string& instance) const {
  return instances_.contains(instance) && !hidden_.contains(instance);
}

int FakeCloud::alive(const market::Pool* pool) const {
  return static_cast<int>(std::ranges::count_if(instances_, [&](const auto& entry) {
    const CloudInstance& i = entry.second;
    return i.capacity == CapacityType::kSpot && is_alive(i) &&
           (!pool || (i.type == pool->type && i.zone == pool->zone));
  }));
}

std::optional<CloudFailed> FakeCloud::refuses(const Launch& launch) const {
  if (launch.client_token.empty() || launch.client_token.size() > 64)
    return failed(CloudRefusal::kRequest, Code::kInvalidArgument, "client token of wrong length");
  if (launch.user_data.size() > 16 * 1024)
    return failed(CloudRefusal::kRequest, Code::kInvalidArgument, "user data above 16 KiB");
  if (launch.max_price && launch.capacity != CapacityType::kSpot)
    return failed(CloudRefusal::kRequest, Code::kInvalidArgument, "maximum price of no spot");
  const auto type = types.find(launch.type);
  if (type == types.end())
    return failed(CloudRefusal::kRequest, Code::kInvalidArgument, "no type " + launch.type);
  if (!images.contains(launch.image))
    return failed(CloudRefusal::kRequest, Code::kNotFound, "no image " + launch.image);
  if (!std::ranges::contains(type->second.zones, launch.zone))
    return failed(CloudRefusal::kOffering, Code::kFailedPrecondition,
                  std::format("no {} in {}", launch.type, launch.zone));
  if (launch.nested && !type->second.nests)
    return failed(CloudRefusal::kOffering, Code::kFailedPrecondition,
                  launch.type + " does not nest");
  return std::nullopt;
}

std::optional<CloudFailed> FakeCloud::has_no_room(const Launch& launch) const {
  if (launch.capacity != CapacityType::kSpot) return std::nullopt;
  const market::Pool pool{launch.type, launch.zone};
  if (spot_count_max && alive(nullptr) >= *spot_count_max)
    return failed(CloudRefusal::kQuota, Code::kResourceExhausted, "spot quota is used up");
  if (const auto series = prices.find(pool); series != prices.end() && launch.max_price) {
    const auto next = std::ranges::upper_bound(series->second, now, {}, &market::PriceChange::at);
    if (next != series->second.begin() && std::prev(next)->price > *launch.max_price)
      return failed(CloudRefusal::kPrice, Code::kResourceExhausted, "maximum price is too low");
  }
  if (const auto room = capacity.find(pool); room != capacity.end() && alive(&pool) >= room->second)
    return failed(CloudRefusal::kPool, Code::kResourceExhausted, "no capacity");
  return std::nullopt;
}

CloudAnswer FakeCloud::on(const Launch& launch) {
  if (const auto before = attempts_.find(launch.client_token); before != attempts_.end()) {
    if (before->second.launch == launch) return Launched{instances_.at(before->second.instance)};
    return failed(CloudRefusal::kMismatch, Code::kFailedPrecondition,
                  "client token was used with another command");
  }
  if (auto refusal = refuses(launch)) return *refusal;
  if (auto refusal = has_no_room(launch)) return *refusal;
  const auto number = instances_.size() + 1;
  CloudInstance instance{.id = std::format("i-{:017x}", number),
                         .type = launch.type,
                         .zone = launch.zone,
                         .capacity = launch.capacity,
                         .launched = std::chrono::floor<std::chrono::seconds>(now),
                         .address = std::format("10.0.{}.{}", number / 200, 10 + number % 200),
                         .client_token = launch.client_token,
                         .tags = launch.tags};
  attempts_[launch.client_token] = {launch, instance.id};
  if (hides_new) hidden_.insert(instance.id);
  return Launched{instances_[instance.id] = instance};
}

void FakeCloud::end(CloudInstance& instance, EndedBy by, const char* reason) {
  if (!is_alive(instance)) return;
  instance.state = InstanceState::kShuttingDown;
  instance.end = {by, std::chrono::floor<std::chrono::seconds>(now), reason};
}

CloudAnswer FakeCloud::on(const Terminate& terminate) {
  if (!shows(terminate.instance)) return Terminating{.known = false};
  end(instances_.at(terminate.instance), EndedBy::kUser, "Client.UserInitiatedShutdown");
  return Terminating{};
}

CloudAnswer FakeCloud::on(const ListInstances& list) {
  Listed listed;
  for (const auto& [id, instance] : instances_) {
    const auto tag = instance.tags.find(list.tag);
    if (shows(id) && tag != instance.tags.end() && tag->second == list.value)
      listed.instances.push_back(instance);
  }
  return listed;
}

CloudAnswer FakeCloud::on(const Examine& examine) {
  if (!shows(examine.instance)) return Examined{};
  const CloudInstance& instance = instances_.at(examine.instance);
  Examined examined{instance, std::nullopt};
  if (instance.state == InstanceState::kTerminated)
    examined.certificate = {instance.id, *instance.end};
  return examined;
}

CloudAnswer FakeCloud::on(const ReadPrices& read) {
  PricesRead answer;
  for (const auto& [pool, series] : prices) {
    if (!read.types.empty() && !std::ranges::contains(read.types, pool.type)) continue;
    // The change in effect at that time comes too.
    auto from = std::ranges::upper_bound(series, read.since, {}, &market::PriceChange::at);
    if (from != series.begin()) --from;
    const auto to = std::ranges::upper_bound(series, now, {}, &market::PriceChange::at);
    if (from < to) answer.changes[pool] = {from, to};
  }
  return answer;
}

CloudAnswer FakeCloud::on(const ReadTypes& read) {
  TypesRead answer;
  for (const std::string& name : read.types)
    if (!types.contains(name))
      return failed(CloudRefusal::kRequest, Code::kInvalidArgument, "no type " + name);
  for (const auto& [name, type] : types)
    if (read.types.empty() || std::ranges::contains(read.types, name)) answer.types.push_back(type);
  return answer;
}

void FakeCloud::advance() {
  for (auto& [id, instance] : instances_) {
    if (instance.state == InstanceState::kPending)
      instance.state = InstanceState::kRunning;
    else if (instance.state == InstanceState::kShuttingDown) {
      instance.state = InstanceState::kTerminated;
      instance.address.clear();
    }
  }
}

void FakeCloud::interrupt(const std::string& instance) {
  end(instances_.at(instance), EndedBy::kProvider, "Server.SpotInstanceTermination");
}

}  // namespace godwit::ports
