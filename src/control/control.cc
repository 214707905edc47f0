#include "control/control.h"

#include <type_traits>
#include <utility>

namespace godwit::control {

Step Control::restart(const ports::Rows& rows, Time now) {
  Step step;
  nodes_ = rows.nodes;
  for (const auto& [node, row] : nodes_)
    if (row.dead) dead_.insert(node);
  for (const auto& [id, row] : rows.guests) guest(id).restore(row, now);
  step.wake = wake();
  return step;
}

Step Control::on(const Event& event, Time now) {
  Step step;
  std::visit(
      [&]<class T>(const T& e) {
        if constexpr (std::is_same_v<T, ports::Message>) {
          // Of a guest that is not known: its row was never committed, or it was deleted.
          if (const auto at = guests_.find(e.guest); at != guests_.end())
            at->second.on_message(e, now, step);
        } else if constexpr (std::is_same_v<T, AgentSeen>) {
          on_seen(e, step);
        } else if constexpr (std::is_same_v<T, Certified>) {
          on_certified(e.node, now, step);
        } else if constexpr (std::is_same_v<T, NodeJoined>) {
          // What is certified stays so; who joins again as it was changes nothing.
          const auto [at, first] = nodes_.try_emplace(e.node);
          if (!first && at->second.address == e.address) return;
          at->second.address = e.address;
          step.writes.push_back(ports::NodeWrite{e.node, at->second});
        } else if constexpr (std::is_same_v<T, CreateGuest>) {
          guest(e.guest).create(e, now, step);
          const auto at = guests_.find(e.guest);  // Refused: it never was.
          if (at->second.row().owner.kind == ports::GenerationKind::kNone) guests_.erase(at);
        } else if constexpr (std::is_same_v<T, AllowNodes>) {
          if (Owner* owner = known(e.guest, step)) owner->allow(e.set, now, step);
        } else if constexpr (std::is_same_v<T, MoveGuest>) {
          if (Owner* owner = known(e.guest, step)) owner->move(e.to, step);
        } else if constexpr (std::is_same_v<T, TakeOver>) {
          if (Owner* owner = known(e.guest, step)) owner->take_over(e.set, now, step);
        } else if constexpr (std::is_same_v<T, ports::Request>) {
          on_request(e, step);
        } else {
          for (auto& [id, owner] : guests_) owner.on_time(now, step);
        }
      },
      event);
  step.wake = wake();
  return step;
}

Owner* Control::known(const GuestId& id, Step& step) {
  if (const auto at = guests_.find(id); at != guests_.end()) return &at->second;
  step.commands.push_back(Refused{id, "no guest has this name"});
  return nullptr;
}

// Its agent may have been alone for a while: what it knows is asked for.
void Control::on_seen(const AgentSeen& seen, Step& step) {
  if (!seen.attached) {
    attached_.erase(seen.node);
    return;
  }
  attached_.insert(seen.node);
  for (const auto& [id, owner] : guests_)
    if (owner.row().owner.reach.contains(seen.node))
      step.commands.push_back(Mail{{id, ports::kControl, seen.node, ports::AskReport{}}});
}

void Control::on_certified(const NodeId& node, Time now, Step& step) {
  if (!dead_.insert(node).second) return;
  nodes_[node].dead = true;
  step.writes.push_back(ports::NodeWrite{node, nodes_[node]});
  for (auto& [id, owner] : guests_) owner.on_death(node, now, step);
}

std::optional<Time> Control::wake() const {
  std::optional<Time> first;
  for (const auto& [id, owner] : guests_)
    if (const auto at = owner.wake(); at && (!first || *at < *first)) first = at;
  return first;
}

}  // namespace godwit::control
