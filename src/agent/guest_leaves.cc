// Where a guest is, told to all; and how it gets away when its node is to go.
#include <algorithm>
#include <format>

#include "agent/guest.h"

namespace godwit::agent {

using migration::On;
using migration::Place;

// --- Routes

std::optional<ports::EpochName> Guest::ran_at() const {
  const migration::Record& r = state_.record;
  const bool here = state_.place == Place::kStill || state_.place == Place::kPrecopy;
  if (!here || r.role != migration::Role::kHolds || r.held != r.epoch) return std::nullopt;
  return epoch_name(r.held);
}

void Guest::announce(Step& step) const {
  const auto epoch = ran_at();
  if (!epoch || machine_.address.empty()) return;
  const ports::RouteAt here{machine_.address, config_.address, *epoch};
  for (const auto& [node, peer] : here_.fleet.nodes)
    if (node != config_.self) mail(node, here, step);
  if (here_.fleet.gateway) mail(ports::kGateway, here, step);
}

bool Guest::route_told(const ports::Message& message, const ports::RouteAt& told, Time now,
                       Step& step) {
  if (!inspected_ || !make_room(1, step)) return false;
  // That an epoch ran is as good as its ACK.
  migration::Input in{.on = On::kAck};
  if (message.from != ports::kControl) in.from = names_.index(message.from);
  in.epoch = {told.epoch.generation, told.epoch.hop};
  apply(in, now, step);
  const bool elsewhere = state_.place == Place::kIdle || state_.place == Place::kGranted ||
                         state_.place == Place::kDiscarding;
  return elsewhere && in.epoch >= state_.record.epoch && in.epoch >= state_.record.held;
}

// --- Leaving

std::optional<NodeId> Guest::next_place() const {
  const ports::NodeNames set = names_.names(state_.record.set);
  const auto fits = [&](const NodeId& node) {
    return node != config_.self && set.contains(node) && here_.fleet.nodes.contains(node) &&
           !escape_.failed.contains(node);
  };
  if (escape_.wish && fits(*escape_.wish)) return escape_.wish;
  for (const NodeId& node : set)
    if (fits(node)) return node;
  return std::nullopt;
}

bool Guest::leaves() const {
  return state_.place == Place::kPrecopy || state_.place == Place::kStopped;
}

bool Guest::may_leave(Time now) const {
  const bool waits = escape_.again && *escape_.again > now;
  return ran_at() && state_.place == Place::kStill && !waits && next_place();
}

void Guest::leave(Time now, Step& step) {
  const auto to = next_place();
  if (!to || !make_room(1, step)) return;
  ++escape_.tries;
  step.commands.push_back(Note{id_, std::format("leaves for {}", to->value)});
  apply({.on = On::kMove, .to = names_.index(*to)}, now, step);
}

// The next one is tried at once; when none is left, all of them again after a while.
void Guest::place_failed(const NodeId& node, Time now) {
  if (!here_.notice) return;
  escape_.failed.insert(node);
  if (next_place()) return;
  escape_.failed.clear();
  escape_.again = now + config_.escape_retry;
}

void Guest::wish(const NodeId& to, Time now, Step& step) {
  if (!here_.notice) return;
  if (to == config_.self || !names_.names(state_.record.set).contains(to) ||
      !here_.fleet.nodes.contains(to))
    return;
  escape_.wish = to;
  escape_.failed.erase(to);
  escape_.again.reset();
  // Nothing has been copied yet.
  const bool asks = state_.place == Place::kPrecopy && journey_.leg == Leg::kAsking;
  if (asks && journey_.peer != to)
    fail_attempt(std::format("the control plane names {}", to.value), now, step);
}

}  // namespace godwit::agent
