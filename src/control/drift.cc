#include "control/drift.h"

#include <algorithm>
#include <type_traits>

namespace godwit::control {
namespace {

using fleet::Phase;

template <class Key, class Value>
const Value* find(const std::map<Key, Value>& map, const Key& key) {
  const auto at = map.find(key);
  return at == map.end() ? nullptr : &at->second;
}

bool expected(const fleet::Guest& guest, const NodeId& node) {
  return guest.on == node || guest.wanted == node || guest.moving_to == node;
}

std::uint32_t memory_of(const fleet::Node& node, const fleet::World& world) {
  if (node.memory_mib != 0) return node.memory_mib;
  const auto* const offering = find(world.offerings, node.offering);
  return offering ? offering->memory_mib : 0;
}

}  // namespace

Drift::Drift(const fleet::World& then, const fleet::World& now) : then_(then), now_(now) {
  for (const auto& [id, is] : now.guests) {
    const fleet::Guest* const was = find(then.guests, id);
    steady_ = steady_ && same(id);
    for (const auto& node : {is.on, is.wanted, is.moving_to})
      if (node && !(was && expected(*was, *node))) joined_.insert(*node);
  }
  steady_ = steady_ && then.guests.size() == now.guests.size() &&
            std::ranges::all_of(then.nodes, [&](const auto& node) { return steady(node.second); });
}

bool Drift::same(const GuestId& id) const {
  const fleet::Guest* const was = find(then_.guests, id);
  const fleet::Guest* const is = find(now_.guests, id);
  if (!was || !is) return false;
  const fleet::Group* const group_was = find(then_.groups, was->group);
  const fleet::Group* const group_is = find(now_.groups, is->group);
  const bool same_group = group_was && group_is ? *group_was == *group_is : group_was == group_is;
  return same_group && was->on == is->on && was->wanted == is->wanted &&
         was->moving_to == is->moving_to && was->memory_mib == is->memory_mib &&
         was->vcpus == is->vcpus;
}

bool Drift::steady(const fleet::Node& was) const {
  const fleet::Node* const is = find(now_.nodes, was.id);
  return is && is->phase == was.phase && is->notice == was.notice &&
         is->reachable == was.reachable && is->memory_mib == was.memory_mib;
}

bool Drift::takes(const NodeId& node) const {
  if (launched_.contains(node)) return true;
  const fleet::Node* const was = find(then_.nodes, node);
  const fleet::Node* const is = find(now_.nodes, node);
  if (!was || !is || joined_.contains(node)) return false;
  // It has joined meanwhile: that is what was waited for.
  if (is->phase != was->phase && !(was->phase == Phase::kLaunching && is->phase == Phase::kReady))
    return false;
  if (is->notice != was->notice || (was->reachable && !is->reachable)) return false;
  if (memory_of(*is, now_) < memory_of(*was, then_)) return false;
  const fleet::Offering* const price_was = find(then_.offerings, was->offering);
  const fleet::Offering* const price_is = find(now_.offerings, was->offering);
  return !price_was || !price_is || price_is->rate <= price_was->rate;
}

bool Drift::offered(const plan::Launch& launch) const {
  const fleet::Offering* const was = find(then_.offerings, launch.offering);
  const fleet::Offering* const is = find(now_.offerings, launch.offering);
  if (!was || !is || is->refused_until != was->refused_until || is->lost_at != was->lost_at)
    return false;
  if (is->rate > was->rate || find(now_.nodes, launch.node)) return false;
  return launch.guests.empty() ||
         std::ranges::any_of(launch.guests, [&](const GuestId& id) { return same(id); });
}

bool Drift::idle(const NodeId& node) const {
  const fleet::Node* const was = find(then_.nodes, node);
  const fleet::Node* const is = find(now_.nodes, node);
  if (!was || !is || is->phase != was->phase || joined_.contains(node)) return false;
  return steady_ || was->notice || was->phase == Phase::kDraining ||
         was->phase == Phase::kAbandoned;
}

bool Drift::holds(const plan::Action& action) {
  return std::visit(
      [&]<class T>(const T& a) {
        if constexpr (std::is_same_v<T, plan::Launch>) {
          if (!offered(a)) return false;
          launched_.insert(a.node);
          return true;
        } else if constexpr (std::is_same_v<T, plan::Place>) {
          return same(a.guest) && takes(a.node);
        } else if constexpr (std::is_same_v<T, plan::Move>) {
          return same(a.guest) && takes(a.to);
        } else if constexpr (std::is_same_v<T, plan::Stay>) {
          return same(a.guest);
        } else {
          return idle(a.node);
        }
      },
      action);
}

}  // namespace godwit::control
