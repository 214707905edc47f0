#include "core/plan/plan.h"

#include <algorithm>
#include <chrono>
#include <format>
#include <set>
#include <utility>

#include "core/plan/escape.h"
#include "core/plan/guards.h"
#include "core/plan/improve.h"
#include "core/plan/look_again.h"
#include "core/plan/place.h"
#include "core/plan/retire.h"

namespace godwit::plan {
namespace {

using fleet::Phase;
using fleet::Reason;

State as_observed(const fleet::World& world) {
  State s{.world = &world, .next_node = world.next_node};
  for (const auto& [id, node] : world.nodes) {
    Slot slot{.id = id, .key = node.offering, .node = &node};
    const auto offering = world.offerings.find(node.offering);
    if (offering != world.offerings.end()) slot.offering = &offering->second;
    if (node.memory_mib > 0)
      slot.capacity = {node.memory_mib, node.vcpus};
    else if (slot.offering)
      slot.capacity = {slot.offering->memory_mib, slot.offering->vcpus};
    const bool cordoned = node.phase == Phase::kCordoned;
    slot.leaving = node.notice ||
                   !(node.phase == Phase::kLaunching || node.phase == Phase::kReady || cordoned);
    slot.accepts = !slot.leaving && !cordoned && slot.capacity.memory_mib > 0 &&
                   slot.capacity.vcpus > 0 && (node.reachable || node.phase == Phase::kLaunching);
    if (node.notice && slot.spot()) s.shaken.insert(slot.key.pool);
    s.slots.emplace(id, std::move(slot));
  }
  for (const auto& [id, guest] : world.guests)
    if (guest.on && s.slots.contains(*guest.on)) s.slots.at(*guest.on).lingering += need_of(guest);
  return s;
}

// Why guests need a place, the most urgent first; within one, all are placed together.
struct Need {
  Reason reason;
  bool hurry;
  auto operator<=>(const Need&) const = default;
};
constexpr Need kOrder[] = {{Reason::kNotice, true},    {Reason::kMaxPrice, true},
                           {Reason::kMaxPrice, false}, {Reason::kLoss, false},
                           {Reason::kDrain, false},    {Reason::kStart, false}};
using Needs = std::map<Need, std::set<GuestId>>;

Need need_without(const State& s, const fleet::Guest& guest) {
  if (!guest.on) return {Reason::kStart, false};
  const auto on = s.slots.find(*guest.on);
  if (on == s.slots.end()) return {Reason::kLoss, false};
  const fleet::Node& node = *on->second.node;
  if (node.phase == Phase::kDraining && !node.notice) return {Reason::kDrain, false};
  return {Reason::kNotice, true};
}

// Rule "keep", and of "leave" what the nodes' phases say.
void keep(State& s, Needs& needs) {
  for (const auto& [id, guest] : s.world->guests) {
    if (guest.moving_to && s.slots.contains(*guest.moving_to)) {
      s.put(id, *guest.moving_to);
      continue;
    }
    const auto on = guest.on ? s.slots.find(*guest.on) : s.slots.end();
    const auto wanted = guest.wanted ? s.slots.find(*guest.wanted) : s.slots.end();
    const bool on_notice = on != s.slots.end() && on->second.node->notice;
    const bool elsewhere = wanted != s.slots.end() && wanted != on && wanted->second.accepts &&
                           (!on_notice || wanted->second.ready());
    if (elsewhere)
      s.put(id, wanted->first);
    else if (on != s.slots.end() && !on->second.leaving)
      s.put(id, on->first);
    else
      needs[need_without(s, guest)].insert(id);
  }
}

// A guest that must not go or stay where it was to be: back to where it runs, if it may stay there.
void send_away(State& s, const GuestId& id, const Slot& slot, Need need, Needs& needs) {
  const fleet::Guest& guest = s.guest(id);
  const NodeId from = slot.id;
  s.take(id);
  if (guest.on == from) {
    needs[need].insert(id);
    return;
  }
  const auto on = guest.on ? s.slots.find(*guest.on) : s.slots.end();
  if (on != s.slots.end() && !on->second.leaving)
    s.put(id, on->first);
  else
    needs[need_without(s, guest)].insert(id);
}

std::set<GuestId> not_moving_to(const State& s, const Slot& slot) {
  std::set<GuestId> out;
  for (const GuestId& id : slot.residents)
    if (s.guest(id).moving_to != slot.id) out.insert(id);
  return out;
}

// Of rule "leave", the two guards of the maximum price.
void guard_prices(State& s, Needs& needs) {
  const fleet::World& world = *s.world;
  std::vector<std::pair<GuestId, Slot*>> above;
  std::vector<Slot*> evicted;
  for (auto& [node, slot] : s.slots) {
    if (slot.leaving || !slot.spot() || !slot.offering) continue;
    const Duration leave = leave_time(slot.bytes, world.policy);
    if (eviction_guard(*slot.node, *slot.offering, leave, world)) {
      slot.leaving = true;
      slot.accepts = false;
      evicted.push_back(&slot);
      continue;
    }
    for (const GuestId& id : not_moving_to(s, slot))
      if (cost_guard(*slot.node, *slot.offering, ceiling_on(slot, s.guest(id), world), leave,
                     world))
        above.emplace_back(id, &slot);
  }
  for (Slot* slot : evicted)
    for (const GuestId& id : not_moving_to(s, *slot))
      send_away(s, id, *slot, {Reason::kMaxPrice, true}, needs);
  for (const auto& [id, slot] : above)
    if (s.target.at(id) == slot->id) send_away(s, id, *slot, {Reason::kMaxPrice, false}, needs);
}

// A guest that runs and has no other place stays: a plan stops nobody.
void stay_where_nothing_else_is(Draft& draft, Plan& plan) {
  for (const auto& [id, why] : draft.unplaceable) {
    const fleet::Guest& guest = draft.state.guest(id);
    if (!guest.on || !draft.state.slots.contains(*guest.on)) continue;
    draft.state.put(id, *guest.on);
    plan.warnings.push_back(std::format("{} should leave {} and has no place to go: {}", id.value,
                                        guest.on->value, why));
  }
}

bool in_danger(const Draft& draft, const Needs& needs) {
  const bool hurry = std::ranges::any_of(needs, [](const auto& n) { return n.first.hurry; });
  return hurry || std::ranges::any_of(draft.state.slots, [](const auto& entry) {
           const Slot& slot = entry.second;
           const bool someone = !slot.residents.empty() || slot.lingering != fleet::Resources{};
           return slot.node && slot.node->notice && someone;
         });
}

std::optional<MicroUsdPerHour> bid_for(const Slot& slot, const fleet::World& world) {
  if (!slot.spot()) return std::nullopt;
  if (world.policy.bid == fleet::Bid::kOnDemand || slot.residents.empty())
    return slot.offering->on_demand;
  MicroUsdPerHour highest = slot.offering->rate;
  for (const GuestId& id : slot.residents)
    highest = std::max(highest, ceiling_on(slot, world.guests.at(id), world));
  return highest;
}

void add_launches(const Draft& draft, Plan& plan) {
  for (const auto& [id, slot] : draft.state.slots) {
    if (slot.node) continue;
    const auto found = draft.launched.find(id);
    const Decision why = found == draft.launched.end() ? Decision{Reason::kEscape} : found->second;
    const std::set<GuestId>& who = slot.residents.empty() ? slot.reserved_for : slot.residents;
    plan.actions.push_back(Launch{.node = id,
                                  .offering = slot.key,
                                  .rate = slot.offering->rate,
                                  .bid = bid_for(slot, *draft.state.world),
                                  .guests = {who.begin(), who.end()},
                                  .reason = why.reason,
                                  .terms = why.terms,
                                  .rejected = why.rejected});
  }
}

void add_guests(const Draft& draft, Plan& plan) {
  const fleet::World& world = *draft.state.world;
  for (const auto& [id, guest] : world.guests) {
    const auto found = draft.state.target.find(id);
    if (found == draft.state.target.end() || guest.moving_to) continue;
    const NodeId& target = found->second;
    const bool runs = guest.on && draft.state.slots.contains(*guest.on);
    const auto decided = draft.decided.find(id);
    const Decision why = decided == draft.decided.end() ? Decision{} : decided->second;
    if (runs && target == *guest.on) {
      if (guest.wanted && *guest.wanted != target)
        plan.actions.push_back(Stay{id, target, guest.wanted->value + " is no place for it now"});
    } else if (guest.wanted != target) {
      if (runs)
        plan.actions.push_back(Move{id, *guest.on, target, why.reason, why.terms, why.rejected});
      else
        plan.actions.push_back(Place{id, target, guest.on ? Reason::kLoss : Reason::kStart});
    }
  }
}

}  // namespace

Plan make_plan(const fleet::World& world) {
  Draft draft{.state = as_observed(world)};
  Plan plan;
  Needs needs;
  keep(draft.state, needs);
  guard_prices(draft.state, needs);
  for (const Need& need : kOrder)
    if (needs.contains(need)) place(draft, needs.at(need), need.reason, need.hurry);
  stay_where_nothing_else_is(draft, plan);
  ensure_escapes(draft.state);
  const std::vector<Action> ends = retire(draft.state);
  if (!in_danger(draft, needs)) improve(draft);
  add_launches(draft, plan);
  add_guests(draft, plan);
  plan.actions.insert(plan.actions.end(), ends.begin(), ends.end());
  report_escapes(draft.state, plan);
  plan.unplaceable = draft.unplaceable;
  plan.look_again = look_again(world);
  plan.next_node = draft.state.next_node;
  return plan;
}

}  // namespace godwit::plan
