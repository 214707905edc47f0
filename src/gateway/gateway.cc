#include "gateway/gateway.h"

#include <algorithm>
#include <format>
#include <utility>

#include "core/migration/takeover.h"

namespace godwit::gateway {
namespace {

std::string text(const ports::EpochName& epoch) {
  return std::format("{}.{}", epoch.generation, epoch.hop);
}

bool newer(const ports::EpochName& offered, const ports::EpochName& current) {
  return migration::replaces({.epoch = {offered.generation, offered.hop}},
                             {.epoch = {current.generation, current.hop}});
}

}  // namespace

void Gateway::restart(const std::map<std::uint16_t, Target>& found) {
  found_ = found;
  published_ = found;
}

Step Gateway::on(const Event& event, Time now) {
  Step step;
  if (const auto* message = std::get_if<ports::Message>(&event)) {
    on_message(*message, now, step);
  } else if (const auto* control = std::get_if<ControlSeen>(&event)) {
    settle_at_.reset();
    fleet_told_ = false;
    if (control->attached) {
      settle_at_ = now + config_.settle;
      for (auto& [id, guest] : guests_) guest.confirmed = false;
    }
  }
  settle(now, step);
  forget_silent(now, step);
  publish(step);
  step.wake = wake();
  return step;
}

void Gateway::on_message(const ports::Message& message, Time now, Step& step) {
  if (const auto* route = std::get_if<ports::RouteAt>(&message.body))
    return on_route(message.guest, *route, now, step);
  if (message.from != ports::kControl) return;
  if (const auto* fleet = std::get_if<ports::Fleet>(&message.body)) on_fleet(*fleet, step);
  if (const auto* ports = std::get_if<ports::Publish>(&message.body))
    on_publish(message.guest, *ports, step);
}

void Gateway::on_fleet(const ports::Fleet& fleet, Step& step) {
  fleet_told_ = true;
  std::set<std::string> addresses;
  for (const auto& [node, place] : fleet.nodes) addresses.insert(place.address);
  std::vector<std::string> peers(addresses.begin(), addresses.end());
  if (peers_ == peers) return;
  step.commands.push_back(SetPeers{peers});
  peers_ = std::move(peers);
}

void Gateway::on_route(const GuestId& id, const ports::RouteAt& told, Time now, Step& step) {
  std::optional<Route>& route = guests_[id].route;
  const bool same = route && route->epoch == told.epoch;
  if (route && !same && !newer(told.epoch, route->epoch)) return;  // Late.
  if (same && (route->node_address != told.node_address || route->address != told.address)) {
    step.commands.push_back(
        Note{id, std::format("epoch {} is said to run at {} and at {}: the first is kept",
                             text(told.epoch), route->node_address, told.node_address)});
    return;
  }
  const auto owner = addresses_.find(told.address);
  if (owner != addresses_.end() && owner->second != id) {
    step.commands.push_back(Note{id, std::format("address {} is that of {}: not routed",
                                                 told.address, owner->second.value)});
    return;
  }
  if (route && route->address != told.address) {
    step.commands.push_back(ForgetGuest{route->address});
    addresses_.erase(route->address);
  }
  addresses_[told.address] = id;
  route = Route{told.address, told.node_address, told.epoch, now};
  step.commands.push_back(RouteGuest{told.address, told.node_address, told.epoch});
}

void Gateway::on_publish(const GuestId& id, const ports::Publish& told, Step& step) {
  std::map<std::uint16_t, Target> ports;
  for (const ports::Port& port : told.ports)
    if (port.published != 0) ports[port.published] = {told.address, port.port};
  Guest& guest = guests_[id];
  guest.confirmed = true;
  guest.gone = told.ports.empty();
  want(id, std::move(ports), step);
}

// The guest leaves the queues of ports it wants no more, and joins those of new ones at the end: in
// front only if the kernel already leads the port to it.
void Gateway::want(const GuestId& id, std::map<std::uint16_t, Target> ports, Step& step) {
  Guest& guest = guests_[id];
  for (const auto& [port, target] : guest.wants) {
    if (ports.contains(port)) continue;
    std::erase(queues_[port], id);
    if (queues_[port].empty()) queues_.erase(port);
  }
  for (const auto& [port, target] : ports) join_queue(id, port, target, step);
  guest.wants = std::move(ports);
}

void Gateway::join_queue(const GuestId& id, std::uint16_t port, const Target& target, Step& step) {
  std::vector<GuestId>& queue = queues_[port];
  const auto found = found_.find(port);
  if (found != found_.end() && found->second == target) {
    found_.erase(found);
    std::erase(queue, id);
    queue.insert(queue.begin(), id);
    return;
  }
  if (std::ranges::find(queue, id) != queue.end()) return;  // What there is to say was said.
  queue.push_back(id);
  const std::string first = found != found_.end() ? found->second.address : queue.front().value;
  if (first != id.value)
    step.commands.push_back(
        Note{id, std::format("port {} is published for {}: this guest waits for it", port, first)});
}

// What the control plane did not say since it attached is nobody's.
void Gateway::settle(Time now, Step& step) {
  if (!settle_at_ || now < *settle_at_ || !fleet_told_) return;
  settle_at_.reset();
  for (const auto& [port, target] : found_)
    step.commands.push_back(
        Note{{}, std::format("port {} led to {} and is nobody's any more", port, target.address)});
  found_.clear();
  for (auto& [id, guest] : guests_) {
    if (guest.confirmed) continue;
    want(id, {}, step);
    guest.gone = true;
  }
}

void Gateway::forget_silent(Time now, Step& step) {
  std::erase_if(guests_, [&](const auto& entry) {
    const Guest& guest = entry.second;
    if (!guest.gone || !guest.wants.empty()) return false;
    if (!guest.route) return true;
    if (now < guest.route->announced + config_.silence) return false;
    step.commands.push_back(ForgetGuest{guest.route->address});
    addresses_.erase(guest.route->address);
    return true;
  });
}

std::optional<Target> Gateway::wanted(std::uint16_t port) const {
  if (const auto found = found_.find(port); found != found_.end()) return found->second;
  const auto queue = queues_.find(port);
  if (queue == queues_.end()) return std::nullopt;
  return guests_.at(queue->second.front()).wants.at(port);
}

// Brings what is published to what is wanted.
void Gateway::publish(Step& step) {
  std::set<std::uint16_t> ports;
  for (const auto& [port, target] : published_) ports.insert(port);
  for (const auto& [port, queue] : queues_) ports.insert(port);
  for (const std::uint16_t port : ports) {
    const std::optional<Target> to = wanted(port);
    const auto now = published_.find(port);
    if (now != published_.end() && to == now->second) continue;
    if (now != published_.end()) {
      step.commands.push_back(UnpublishPort{port});
      published_.erase(now);
    }
    if (!to) continue;
    step.commands.push_back(PublishPort{port, *to});
    published_[port] = *to;
  }
}

std::optional<Time> Gateway::wake() const {
  std::optional<Time> first;
  const auto at = [&first](Time when) {
    if (!first || when < *first) first = when;
  };
  // Without the fleet its message is what settles, not the time.
  if (settle_at_ && fleet_told_) at(*settle_at_);
  for (const auto& [id, guest] : guests_)
    if (guest.gone && guest.wants.empty() && guest.route)
      at(guest.route->announced + config_.silence);
  return first;
}

}  // namespace godwit::gateway
