// What the rig says to agents and hears from them.
#include <format>

#include "tests/handover/rig.h"

namespace godwit::handover {
namespace {

using Steady = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kRepeat{500};

}  // namespace

void Rig::offer(ports::Message message) {
  const std::lock_guard lock(mutex_);
  believe(message);
  messages_.push_back(std::move(message));
  arrived_.notify_all();
}

// A report is a register that only grows; the gateway's route follows it.
void Rig::believe(const ports::Message& message) {
  const auto* report = std::get_if<ports::Report>(&message.body);
  if (report) reports_[message.from] = *report;
}

void Rig::send(int node, ports::Body body) {
  control_->send({kGuest, ports::kControl, name(node), std::move(body)});
}

std::optional<int> Rig::holder() const {
  const std::lock_guard lock(mutex_);
  std::optional<int> best;
  ports::EpochName epoch;
  for (int node = 0; node < 8; ++node) {
    const auto at = reports_.find(name(node));
    if (at == reports_.end() || at->second.role != ports::RoleName::kHolds) continue;
    if (best && at->second.held < epoch) continue;
    best = node;
    epoch = at->second.held;
  }
  return best;
}

bool Rig::await(const std::function<bool(const Reports&)>& met, std::chrono::seconds limit,
                std::optional<std::pair<int, ports::Body>> repeat) {
  const auto end = Steady::now() + limit;
  while (Steady::now() < end) {
    if (repeat) send(repeat->first, repeat->second);
    for (int node = 0; agents_.contains(node) || node < 4; ++node)
      if (agents_.contains(node)) send(node, ports::AskReport{});
    std::unique_lock lock(mutex_);
    if (arrived_.wait_for(lock, kRepeat, [&] { return met(reports_); })) return true;
  }
  return false;
}

std::optional<ports::Body> Rig::await_body(int from,
                                           const std::function<bool(const ports::Body&)>& met,
                                           std::chrono::seconds limit,
                                           std::optional<ports::Body> repeat) {
  const auto end = Steady::now() + limit;
  std::optional<ports::Body> found;
  const auto look = [&] {
    for (const ports::Message& m : messages_)
      if (m.from == name(from) && met(m.body)) found = m.body;
    return found.has_value();
  };
  while (Steady::now() < end && !found) {
    if (repeat) send(from, *repeat);
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, kRepeat, look);
  }
  return found;
}

bool Rig::start_guest(int node, std::chrono::seconds limit) {
  std::vector<int> all;
  for (const auto& [n, pid] : agents_) all.push_back(n);
  const ports::Take take{
      .generation = 1, .set = names(all), .from = {}, .machine = machine_, .container = container_};
  const bool started = await(
      [&](const Reports& reports) {
        const auto at = reports.find(name(node));
        return at != reports.end() && at->second.held.generation == 1;
      },
      limit, std::pair{node, ports::Body{take}});
  if (!started) return false;
  return route(node, {1, 0}).has_value();
}

Status Rig::route(int node, ports::EpochName held) const {
  return namespaces::run_inside(lab_->gateway(), [&] {
    return gateway_->route_guest(machine_.address, lab::node_address(node), held.generation,
                                 held.hop);
  });
}

Status Rig::publish(std::uint16_t port) const {
  return namespaces::run_inside(lab_->gateway(), [&] {
    return gateway_->publish(linux_net::Protocol::kTcp, port, machine_.address, port);
  });
}

Move Rig::move(int from, int to, std::chrono::seconds limit) {
  {
    const std::lock_guard lock(mutex_);
    messages_.clear();
  }
  Move move;
  const auto begin = Steady::now();
  const auto moved = [](const ports::Body& b) { return std::holds_alternative<ports::Moved>(b); };
  const auto end = Steady::now() + limit;
  std::optional<ports::Body> here, there;
  // The wish is repeated: the agent may not have attached, or not looked at its guests yet.
  while (Steady::now() < end && !here)
    here = await_body(from, moved, std::chrono::seconds{1}, ports::Move{name(to)});
  if (!here) return {.why = "the source told nothing"};
  const auto& source = std::get<ports::Moved>(*here);
  move.why = source.why;
  move.bytes = source.bytes;
  move.bytes_while_stopped = source.bytes_while_stopped;
  if (!source.done) return move;
  there = await_body(to, moved, std::chrono::seconds{5});
  if (!there) return {.why = "the destination told nothing"};
  move.total = std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - begin);
  move.stopped_us = source.stopped_us;
  move.resumed_us = std::get<ports::Moved>(*there).resumed_us;
  move.downtime = std::chrono::microseconds{move.resumed_us - move.stopped_us};
  move.done = await(
      [&](const Reports& r) {
        const auto at = r.find(name(to));
        return at != r.end() && at->second.role == ports::RoleName::kHolds &&
               at->second.held == at->second.epoch;
      },
      std::chrono::seconds{10});
  const ports::EpochName held = [&] {
    const std::lock_guard lock(mutex_);
    return reports_[name(to)].held;
  }();
  const Status routed = route(to, held);
  if (!routed) return {.why = to_string(routed.error())};
  return move;
}

std::unique_ptr<Client> Rig::connect(std::chrono::seconds limit) const {
  const auto end = Steady::now() + limit;
  while (Steady::now() < end) {
    auto client = std::make_unique<Client>(*lab_);
    if (client->connected()) return client;
    std::this_thread::sleep_for(std::chrono::milliseconds{200});
  }
  return nullptr;
}

}  // namespace godwit::handover
