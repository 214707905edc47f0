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
#include "core/plan/rebalance.h"
#include "core/plan/retire.h"

namespace godwit::plan {
namespace {

using fleet::Phase;
using fleet::Reason;

void add_slot(State& s, const fleet::Node& node) {
  const Facts& facts = *s.facts;
  Slot slot{.no = static_cast<SlotNo>(s.slots.size()), .node = &node, .key = &node.offering};
  const auto offering = std::ranges::lower_bound(
      facts.offerings, node.offering, {}, [](const OfferingFacts& o) { return o.offering->key; });
  if (offering != facts.offerings.end() && offering->offering->key == node.offering)
    slot.offering = &*offering;
  slot.pool = facts.pool_numbers.at(node.offering.pool);
  slot.zone = facts.zone_numbers.at(node.offering.pool.zone);
  slot.spot = node.offering.capacity == fleet::CapacityType::kSpot;
  if (node.memory_mib > 0)
    slot.capacity = {node.memory_mib, node.vcpus};
  else if (slot.offering)
    slot.capacity = {slot.offering->offering->memory_mib, slot.offering->offering->vcpus};
  const bool cordoned = node.phase == Phase::kCordoned;
  slot.leaving =
      node.notice || !(node.phase == Phase::kLaunching || node.phase == Phase::kReady || cordoned);
  slot.accepts = !slot.leaving && !cordoned && slot.capacity.memory_mib > 0 &&
                 slot.capacity.vcpus > 0 && (node.reachable || node.phase == Phase::kLaunching);
  if (node.notice && slot.spot) s.shaken[slot.pool] = true;
  s.slots.push_back(std::move(slot));
}

State as_observed(const Facts& facts) {
  State s{.facts = &facts, .next_node = facts.world.next_node};
  s.shaken.resize(facts.pools.size());
  s.target.resize(facts.guests.size(), kNone);
  for (const fleet::Node* node : facts.nodes) add_slot(s, *node);
  for (const GuestFacts& guest : facts.guests)
    if (guest.on != kNone) s.slots[guest.on].lingering += guest.need;
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
using Needs = std::map<Need, std::set<GuestNo>>;

Need need_without(const State& s, const GuestFacts& guest) {
  if (!guest.guest->on) return {Reason::kStart, false};
  if (guest.on == kNone) return {Reason::kLoss, false};
  const fleet::Node& node = *s.slots[guest.on].node;
  if (node.phase == Phase::kDraining && !node.notice) return {Reason::kDrain, false};
  return {Reason::kNotice, true};
}

// Rule "keep", and of "leave" what the nodes' phases say.
void keep(State& s, Needs& needs) {
  for (GuestNo no = 0; no < s.target.size(); ++no) {
    const GuestFacts& guest = s.guest(no);
    if (guest.moving_to != kNone) {
      s.put(no, guest.moving_to);
      continue;
    }
    const Slot* const on = guest.on == kNone ? nullptr : &s.slots[guest.on];
    const Slot* const wanted = guest.wanted == kNone ? nullptr : &s.slots[guest.wanted];
    const bool on_notice = on && on->node->notice;
    if (wanted && wanted != on && wanted->accepts && (!on_notice || wanted->ready()))
      s.put(no, guest.wanted);
    else if (on && !on->leaving)
      s.put(no, guest.on);
    else
      needs[need_without(s, guest)].insert(no);
  }
}

// A guest that must not go or stay where it was to be: back to where it runs, if it may stay there.
void send_away(State& s, GuestNo no, SlotNo from, Need need, Needs& needs) {
  const GuestFacts& guest = s.guest(no);
  s.take(no);
  if (guest.on == from)
    needs[need].insert(no);
  else if (guest.on != kNone && !s.slots[guest.on].leaving)
    s.put(no, guest.on);
  else
    needs[need_without(s, guest)].insert(no);
}

std::vector<GuestNo> not_moving_to(const State& s, const Slot& slot) {
  std::vector<GuestNo> out = slot.residents;
  std::erase_if(out, [&](GuestNo no) { return s.guest(no).moving_to == slot.no; });
  return out;
}

// Of rule "leave", the two guards of the maximum price.
void guard_prices(State& s, Needs& needs) {
  const fleet::World& world = s.world();
  std::vector<std::pair<GuestNo, SlotNo>> above;
  std::vector<SlotNo> evicted;
  for (Slot& slot : s.slots) {
    if (slot.leaving || !slot.spot || !slot.offering) continue;
    const Duration leave = leave_time(slot.bytes, world.policy);
    const fleet::Offering& offering = *slot.offering->offering;
    if (eviction_guard(*slot.node, offering, leave, world)) {
      slot.leaving = true;
      slot.accepts = false;
      evicted.push_back(slot.no);
      continue;
    }
    for (const GuestNo no : not_moving_to(s, slot))
      if (cost_guard(*slot.node, offering, ceiling_on(slot, s.guest(no)), leave, world))
        above.emplace_back(no, slot.no);
  }
  for (const SlotNo slot : evicted)
    for (const GuestNo no : not_moving_to(s, s.slots[slot]))
      send_away(s, no, slot, {Reason::kMaxPrice, true}, needs);
  for (const auto& [no, slot] : above)
    if (s.target[no] == slot) send_away(s, no, slot, {Reason::kMaxPrice, false}, needs);
}

// A guest that runs and has no other place stays: a plan stops nobody.
void stay_where_nothing_else_is(Draft& draft, Plan& plan) {
  for (const auto& [no, why] : draft.unplaceable) {
    const GuestFacts& guest = draft.state.guest(no);
    plan.unplaceable[guest.guest->id] = why;
    if (guest.on == kNone) continue;
    draft.state.put(no, guest.on);
    plan.warnings.push_back(std::format("{} should leave {} and has no place to go: {}",
                                        guest.guest->id.value, guest.guest->on->value, why));
  }
}

bool in_danger(const Draft& draft, const Needs& needs) {
  const bool hurry = std::ranges::any_of(needs, [](const auto& n) { return n.first.hurry; });
  return hurry || std::ranges::any_of(draft.state.slots, [](const Slot& slot) {
           const bool someone = !slot.residents.empty() || slot.lingering != fleet::Resources{};
           return slot.node && slot.node->notice && someone;
         });
}

std::optional<MicroUsdPerHour> bid_for(const Slot& slot, const State& s) {
  if (!slot.spot) return std::nullopt;
  const fleet::Offering& offering = *slot.offering->offering;
  if (s.world().policy.bid == fleet::Bid::kOnDemand || slot.residents.empty())
    return offering.on_demand;
  MicroUsdPerHour highest = offering.rate;
  for (const GuestNo no : slot.residents)
    highest = std::max(highest, ceiling_on(slot, s.guest(no)));
  return highest;
}

void add_launches(const Draft& draft, Plan& plan) {
  for (const Slot& slot : draft.state.there()) {
    if (slot.node) continue;
    const auto found = draft.launched.find(slot.no);
    const Decision why = found == draft.launched.end() ? Decision{Reason::kEscape} : found->second;
    Launch launch{.node = draft.state.name(slot),
                  .offering = *slot.key,
                  .rate = slot.offering->offering->rate,
                  .bid = bid_for(slot, draft.state),
                  .guests = {},
                  .reason = why.reason,
                  .terms = why.terms,
                  .rejected = why.rejected};
    for (const GuestNo no : slot.residents.empty() ? slot.reserved_for : slot.residents)
      launch.guests.push_back(draft.state.guest(no).guest->id);
    plan.actions.push_back(std::move(launch));
  }
}

void add_guests(const Draft& draft, Plan& plan) {
  const State& s = draft.state;
  for (GuestNo no = 0; no < s.target.size(); ++no) {
    const fleet::Guest& guest = *s.guest(no).guest;
    if (s.target[no] == kNone || guest.moving_to) continue;
    const NodeId target = s.name(s.slots[s.target[no]]);
    const bool runs = s.guest(no).on != kNone;
    const auto decided = draft.decided.find(no);
    const Decision why = decided == draft.decided.end() ? Decision{} : decided->second;
    if (runs && target == *guest.on) {
      if (guest.wanted && *guest.wanted != target)
        plan.actions.push_back(
            Stay{guest.id, target, guest.wanted->value + " is no place for it now"});
    } else if (guest.wanted != target) {
      if (runs)
        plan.actions.push_back(
            Move{guest.id, *guest.on, target, why.reason, why.terms, why.rejected});
      else
        plan.actions.push_back(Place{guest.id, target, guest.on ? Reason::kLoss : Reason::kStart});
    }
  }
}

}  // namespace

Plan make_plan(const fleet::World& world) {
  const Facts facts(world);
  Draft draft{.state = as_observed(facts)};
  Plan plan;
  Needs needs;
  keep(draft.state, needs);
  guard_prices(draft.state, needs);
  for (const Need& need : kOrder)
    if (needs.contains(need)) place(draft, needs.at(need), need.reason, need.hurry);
  stay_where_nothing_else_is(draft, plan);
  ensure_escapes(draft.state);
  const std::vector<Action> ends = retire(draft.state);
  if (!in_danger(draft, needs) && !rebalance(draft)) improve(draft);
  add_launches(draft, plan);
  add_guests(draft, plan);
  plan.actions.insert(plan.actions.end(), ends.begin(), ends.end());
  report_escapes(draft.state, plan);
  plan.look_again = look_again(world);
  plan.next_node = draft.state.next_node;
  return plan;
}

}  // namespace godwit::plan
