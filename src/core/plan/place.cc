#include "core/plan/place.h"

#include <algorithm>
#include <format>
#include <optional>
#include <tuple>

#include "core/plan/escape.h"
#include "core/plan/guards.h"
#include "core/plan/text.h"

namespace godwit::plan {
namespace {

using fleet::CapacityType;

// New nodes are weighed with their escape room only if they are among the best without it.
constexpr std::size_t kOfferingsWeighed = 8;
constexpr std::size_t kRejectedShown = 3;

bool go_in_a_hurry(Draft& draft, const GuestId& id) {
  State& s = draft.state;
  const fleet::Guest& guest = s.guest(id);
  std::vector<NodeId> order = guest.escapes;
  for (const auto& [node, slot] : s.slots)
    if (std::ranges::find(guest.escapes, node) == guest.escapes.end()) order.push_back(node);
  for (const Tier tier : {Tier::kBelowMaximum, Tier::kOnDemandToo})
    for (const NodeId& node : order) {
      const auto slot = s.slots.find(node);
      if (slot == s.slots.end() || !slot->second.ready()) continue;
      if (!admits(s, slot->second, guest, tier)) continue;
      s.put(id, node);
      return true;
    }
  // None is ready. What was chosen before is nearer to it than anything new.
  const auto wanted = guest.wanted ? s.slots.find(*guest.wanted) : s.slots.end();
  if (wanted == s.slots.end() || !admits(s, wanted->second, guest, Tier::kOnDemandToo))
    return false;
  s.put(id, wanted->first);
  return true;
}

struct Option {
  const fleet::Offering* offering = nullptr;  // A new node of it, or
  NodeId node;                                // this one.
  std::vector<GuestId> guests;                // It takes.
  double value = 0;
  Cost cost;
  double score = 0;  // Added cost per value.

  auto order() const {
    const bool spot = offering && offering->key.capacity == CapacityType::kSpot;
    return std::tuple(cost.uncovered, score, offering != nullptr, spot, node,
                      offering ? offering->key : fleet::OfferingKey{});
  }
};

// What a guest is worth in comparisons of nodes that take different guests: its part of the
// cheapest node, so that neither memory nor vCPUs are favoured.
double value_of(const fleet::Guest& guest, const fleet::World& world) {
  double least = 0;
  for (const auto& [key, o] : world.offerings) {
    if (o.memory_mib < guest.memory_mib || o.vcpus < guest.vcpus) continue;
    const double part = std::max(static_cast<double>(guest.memory_mib) / o.memory_mib,
                                 static_cast<double>(guest.vcpus) / o.vcpus);
    const double rate = static_cast<double>(o.rate.value) * part;
    if (least == 0 || rate < least) least = rate;
  }
  return std::max(least, 1.0);
}

class Choice {
 public:
  Choice(const State& state, const std::vector<GuestId>& guests, Tier tier)
      : state_(state), guests_(guests), tier_(tier) {
    base_ = cost_when_settled(state);
  }

  std::vector<Option> options() const {
    std::vector<Option> all = news();
    std::ranges::sort(all, {}, [](const Option& o) {
      return std::tuple(static_cast<double>(o.offering->rate.value) / o.value, o.offering->key);
    });
    if (all.size() > kOfferingsWeighed) all.resize(kOfferingsWeighed);
    for (const auto& [id, slot] : state_.slots) {
      Option o{.node = id};
      if (slot.accepts && fills(state_, o)) all.push_back(std::move(o));
    }
    for (Option& o : all) weigh(o);
    std::ranges::sort(all, {}, &Option::order);
    return all;
  }

 private:
  bool fills(State s, Option& o) const {
    for (const GuestId& id : guests_) {
      if (!admits(s, s.slots.at(o.node), s.guest(id), tier_)) continue;
      s.put(id, o.node);
      o.guests.push_back(id);
      o.value += value_of(s.guest(id), *s.world);
    }
    return !o.guests.empty();
  }

  std::vector<Option> news() const {
    std::vector<Option> all;
    for (const auto& [key, offering] : state_.world->offerings) {
      if (!sound_since(offering, *state_.world)) continue;
      State s = state_;
      Option o{.offering = &offering, .node = s.launch(offering).id};
      if (fills(std::move(s), o)) all.push_back(std::move(o));
    }
    return all;
  }

  void weigh(Option& o) const {
    State s = state_;
    if (o.offering) s.launch(*o.offering);
    for (const GuestId& id : o.guests) s.put(id, o.node);
    o.cost = cost_when_settled(s);
    o.score = static_cast<double>(o.cost.rate - base_.rate) / o.value;
  }

  const State& state_;
  const std::vector<GuestId>& guests_;
  const Tier tier_;
  Cost base_;
};

std::vector<Rejected> rejected(const std::vector<Option>& options) {
  std::vector<Rejected> out;
  const Option& best = options.front();
  for (std::size_t i = 1; i < options.size() && out.size() < kRejectedShown; ++i) {
    const Option& o = options[i];
    if (!o.offering) continue;
    const bool no_escape = o.cost.uncovered > best.cost.uncovered;
    const auto more = static_cast<std::int64_t>((o.score - best.score) * best.value);
    out.push_back({o.offering->key,
                   no_escape ? "no room for its escape"
                             : to_text(MicroUsdPerHour{more}) + " more for the same guests"});
  }
  return out;
}

bool spot_is_there(const fleet::World& world) {
  return std::ranges::any_of(world.offerings, [&](const auto& entry) {
    return entry.first.capacity == CapacityType::kSpot && sound_since(entry.second, world);
  });
}

// One node for as many as it takes. False: no node takes any.
bool place_some(Draft& draft, std::vector<GuestId>& guests, fleet::Reason reason, Tier tier) {
  const Choice choice(draft.state, guests, tier);
  const std::vector<Option> options = choice.options();
  if (options.empty()) return false;
  const Option& best = options.front();
  const std::vector<Rejected> others = rejected(options);
  if (best.offering) {
    const NodeId id = draft.state.launch(*best.offering).id;
    const bool fallback = best.offering->key.capacity == CapacityType::kOnDemand &&
                          (tier == Tier::kOnDemandToo || !spot_is_there(*draft.state.world));
    draft.launched[id] = {fallback ? fleet::Reason::kCapacity : reason, {}, others};
  }
  for (const GuestId& id : best.guests) {
    draft.state.put(id, best.node);
    draft.decided[id] = {reason, {}, others};
    std::erase(guests, id);
  }
  return true;
}

bool may_pay_more(const fleet::Guest& guest, const fleet::World& world) {
  const bool runs = guest.on && world.nodes.contains(*guest.on);
  return runs || group_of(guest, world).above_maximum == fleet::AboveMaximum::kOnDemand;
}

std::string why_not(const State& state, const fleet::Guest& guest) {
  std::map<std::string, int> whys;
  State s = state;
  for (const auto& [key, offering] : state.world->offerings) {
    if (!sound_since(offering, *state.world)) {
      ++whys["no capacity, interrupted lately or not below on-demand"];
      continue;
    }
    const NodeId id = s.launch(offering).id;
    ++whys[refusal(s, s.slots.at(id), guest, Tier::kBelowMaximum)];
    s.slots.erase(id);
  }
  std::string out = std::format("none of {} offerings takes it", state.world->offerings.size());
  for (const auto& [why, count] : whys) out += std::format("; {}: {}", count, why);
  return out;
}

}  // namespace

void place(Draft& draft, const std::set<GuestId>& guests, fleet::Reason reason, bool hurry) {
  const fleet::World& world = *draft.state.world;
  std::vector<GuestId> rest;
  for (const GuestId& id : by_size(guests, world)) {
    if (hurry && go_in_a_hurry(draft, id))
      draft.decided[id] = {reason};
    else
      rest.push_back(id);
  }
  while (!rest.empty() && place_some(draft, rest, reason, Tier::kBelowMaximum)) {
  }
  std::vector<GuestId> waiting;
  std::erase_if(rest, [&](const GuestId& id) {
    const bool waits = !may_pay_more(draft.state.guest(id), world);
    if (waits) waiting.push_back(id);
    return waits;
  });
  while (!rest.empty() && place_some(draft, rest, reason, Tier::kOnDemandToo)) {
  }
  rest.insert(rest.end(), waiting.begin(), waiting.end());
  for (const GuestId& id : rest)
    draft.unplaceable[id] = why_not(draft.state, draft.state.guest(id));
}

}  // namespace godwit::plan
