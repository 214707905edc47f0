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

bool Guest::is_elsewhere() const {
  return inspected_ && (state_.place == Place::kIdle || state_.place == Place::kGranted ||
                        state_.place == Place::kDiscarding);
}

bool Guest::route_told(const ports::Message& message, const ports::RouteAt& told, Time now,
                       Step& step) {
  if (!inspected_ || !make_room(1, step)) return false;
  // That an epoch ran is as good as its ACK.
  migration::Input in{.on = On::kAck};
  if (message.from != ports::kControl) in.from = names_.index(message.from);
  in.epoch = {told.epoch.generation, told.epoch.hop};
  apply(in, now, step);
  return is_elsewhere() && in.epoch >= state_.record.epoch && in.epoch >= state_.record.held;
}

// --- Leaving

// Among the living nodes of the set, the one that has cost the least time so far: a node that
// refuses costs next to nothing, one that does not answer 10 s; and it counts thrice, since it is
// probably gone, where one whose stream broke had bad luck. The best may have to be waited for.
std::optional<Guest::Candidate> Guest::next_place(Time now) const {
  std::optional<Candidate> best;
  for (const NodeId& node : names_.names(state_.record.set)) {
    if (node == config_.self || !here_.fleet.nodes.contains(node)) continue;
    const auto failed = escape_.failed.find(node);
    if (failed == escape_.failed.end() && escape_.wish == node) return Candidate{node, {}, {}};
    Candidate place{node, {}, {}};
    if (failed != escape_.failed.end())
      place = {node, failed->second.cost, std::max(Duration{}, failed->second.again - now)};
    if (!best || place.cost + place.wait < best->cost + best->wait) best = place;
  }
  return best;
}

bool Guest::leaves() const {
  return state_.place == Place::kPrecopy || state_.place == Place::kStopped;
}

bool Guest::may_leave(Time now) {
  escape_.again.reset();
  if (!ran_at() || state_.place != Place::kStill) return false;
  const auto to = next_place(now);
  if (!to) return false;
  const Time at = std::max(now + to->wait, escape_.pause);
  if (at > now) escape_.again = at;
  return at <= now;
}

void Guest::leave(Time now, Step& step) {
  const auto to = next_place(now);
  if (!to || !make_room(1, step)) return;
  ++escape_.tries;
  step.commands.push_back(Note{id_, std::format("leaves for {}", to->node.value)});
  apply({.on = On::kMove, .to = names_.index(to->node)}, now, step);
}

void Guest::place_failed(const NodeId& node, Time now) {
  if (!here_.notice) return;
  auto& failed = escape_.failed[node];
  const Duration took = journey_.begun == Time{} ? Duration{} : now - journey_.begun;
  failed.cost += (journey_.leg == Leg::kAsking ? 3 : 1) * took + config_.escape_retry;
  failed.again = now + config_.escape_retry;
}

void Guest::wish(const NodeId& to, Time now, Step& step) {
  if (!here_.notice) return;
  if (to == config_.self || !names_.names(state_.record.set).contains(to) ||
      !here_.fleet.nodes.contains(to))
    return;
  escape_.wish = to;
  escape_.failed.erase(to);
  // Nothing has been copied yet.
  const bool asks = state_.place == Place::kPrecopy && journey_.leg == Leg::kAsking;
  if (asks && journey_.peer != to)
    fail_attempt(std::format("the control plane names {}", to.value), now, step);
}

// An order is adopted only between attempts, and may be what makes the next one possible: it comes
// first while nothing was copied, and is repeated within a second.
void Guest::make_way(std::uint32_t generation, Time now, Step& step) {
  const bool asks = state_.place == Place::kPrecopy && journey_.leg == Leg::kAsking;
  if (!here_.notice || !asks || generation <= state_.record.epoch.generation) return;
  escape_.pause = now + config_.escape_retry;
  fail_attempt("an order comes first", now, step);
}

}  // namespace godwit::agent
