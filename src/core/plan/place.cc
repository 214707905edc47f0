#include "core/plan/place.h"

#include <algorithm>
#include <cstdint>
#include <format>
#include <set>
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

bool go_in_a_hurry(State& s, GuestNo no) {
  const GuestFacts& guest = s.guest(no);
  for (const Tier tier : {Tier::kBelowMaximum, Tier::kOnDemandToo}) {
    const auto goes = [&](SlotNo node) {
      const Slot& slot = s.slots[node];
      if (slot.gone || !slot.ready() || !admits(s, slot, no, tier)) return false;
      s.put(no, node);
      return true;
    };
    if (std::ranges::any_of(guest.escapes, goes)) return true;
    for (SlotNo node = 0; node < s.slots.size(); ++node)
      if (goes(node)) return true;
  }
  // None is ready. What was chosen before is nearer to it than anything new.
  if (!s.has(guest.wanted) || !admits(s, s.slots[guest.wanted], no, Tier::kOnDemandToo))
    return false;
  s.put(no, guest.wanted);
  return true;
}

struct Option {
  const OfferingFacts* offering = nullptr;  // A new node of it, or
  SlotNo node = kNone;                      // this one.
  std::vector<GuestNo> guests;              // It takes.
  double value = 0;
  Cost cost;
  double score = 0;  // Added cost per value.

  auto order() const {
    const bool spot = offering && offering->offering->key.capacity == CapacityType::kSpot;
    return std::tuple(cost.uncovered, score, offering != nullptr, spot, node,
                      offering ? offering->no : 0);
  }
};

class Choice {
 public:
  Choice(const State& state, const std::vector<GuestNo>& guests, Tier tier)
      : s_(state), guests_(guests), tier_(tier), base_(cost_when_settled(state)) {}

  std::vector<Option> options() {
    std::vector<Option> all = news();
    std::ranges::sort(all, {}, [](const Option& o) {
      return std::tuple(static_cast<double>(o.offering->offering->rate.value) / o.value,
                        o.offering->no);
    });
    if (all.size() > kOfferingsWeighed) all.resize(kOfferingsWeighed);
    add_those_there(all);
    for (Option& o : all) weigh(o);
    std::ranges::sort(all, {}, &Option::order);
    return all;
  }

 private:
  double value(const std::vector<GuestNo>& guests) const {
    double sum = 0;
    for (const GuestNo guest : guests) sum += s_.guest(guest).value;
    return sum;
  }

  std::vector<Option> news() {
    std::vector<Option> all;
    for (const OfferingFacts& offering : s_.facts->offerings) {
      if (!offering.sound_since) continue;
      Option o{.offering = &offering, .guests = try_new(s_, offering, guests_, tier_)};
      o.value = value(o.guests);
      if (!o.guests.empty()) all.push_back(std::move(o));
    }
    return all;
  }

  // Of nodes that are the same and would take the same, the first.
  void add_those_there(std::vector<Option>& all) {
    std::set<std::vector<std::int64_t>> seen;
    for (SlotNo no = 0; no < s_.slots.size(); ++no) {
      if (s_.slots[no].gone || !s_.slots[no].accepts) continue;
      std::vector<std::int64_t> like = signature(s_, s_.slots[no]);
      Option o{.node = no, .guests = fill(s_, no, guests_, tier_)};
      for (const GuestNo guest : o.guests) s_.take(guest);
      if (o.guests.empty()) continue;
      like.push_back(-1);
      for (const GuestNo guest : o.guests) like.push_back(s_.guest(guest).kind);
      if (!seen.insert(std::move(like)).second) continue;
      o.value = value(o.guests);
      all.push_back(std::move(o));
    }
  }

  void weigh(Option& o) const {
    State s = s_;
    const SlotNo no = o.offering ? s.launch(*o.offering).no : o.node;
    for (const GuestNo guest : o.guests) s.put(guest, no);
    o.cost = cost_when_settled(s);
    o.score = static_cast<double>(o.cost.rate - base_.rate) / o.value;
  }

  State s_;  // As it was given, between trials.
  const std::vector<GuestNo>& guests_;
  const Tier tier_;
  const Cost base_;
};

std::vector<Rejected> rejected(const std::vector<Option>& options) {
  std::vector<Rejected> out;
  const Option& best = options.front();
  for (std::size_t i = 1; i < options.size() && out.size() < kRejectedShown; ++i) {
    const Option& o = options[i];
    if (!o.offering) continue;
    const bool no_escape = o.cost.uncovered > best.cost.uncovered;
    const auto more = static_cast<std::int64_t>((o.score - best.score) * best.value);
    out.push_back({o.offering->offering->key,
                   no_escape ? "no room for its escape"
                             : to_text(MicroUsdPerHour{more}) + " more for the same guests"});
  }
  return out;
}

bool spot_is_there(const Facts& facts) {
  return std::ranges::any_of(facts.offerings, [&](const OfferingFacts& o) {
    return o.offering->key.capacity == CapacityType::kSpot && o.sound_since;
  });
}

std::vector<std::uint32_t> kinds_of(const State& s, const std::vector<GuestNo>& guests) {
  std::vector<std::uint32_t> kinds;
  for (const GuestNo guest : guests) kinds.push_back(s.guest(guest).kind);
  return kinds;
}

// Guests of one reason and tier, node by node.
class Placing {
 public:
  Placing(Draft& draft, std::vector<GuestNo>& guests, fleet::Reason reason, Tier tier)
      : draft_(draft), guests_(guests), reason_(reason), tier_(tier) {}

  // Those who are left have no place.
  void run() {
    while (!guests_.empty()) {
      const std::vector<Option> options = Choice(draft_.state, guests_, tier_).options();
      if (options.empty()) return;
      const Option& best = options.front();
      const std::vector<Rejected> others = rejected(options);
      if (!best.offering) {
        put(best.guests, best.node, others);
        continue;
      }
      const std::size_t times = std::max<std::size_t>(1, launched_ / 8);
      const auto kinds = kinds_of(draft_.state, best.guests);
      launch(*best.offering, best.guests, others);
      for (std::size_t i = 1; i < times; ++i) {
        const auto in = try_new(draft_.state, *best.offering, guests_, tier_);
        if (kinds_of(draft_.state, in) != kinds) break;
        launch(*best.offering, in, others);
      }
    }
  }

 private:
  void launch(const OfferingFacts& offering, const std::vector<GuestNo>& in,
              const std::vector<Rejected>& others) {
    const SlotNo no = draft_.state.launch(offering).no;
    ++launched_;
    const bool fallback = offering.offering->key.capacity == CapacityType::kOnDemand &&
                          (tier_ == Tier::kOnDemandToo || !spot_is_there(*draft_.state.facts));
    draft_.launched[no] = {fallback ? fleet::Reason::kCapacity : reason_, {}, others};
    put(in, no, others);
  }

  void put(const std::vector<GuestNo>& in, SlotNo no, const std::vector<Rejected>& others) {
    for (const GuestNo guest : in) {
      draft_.state.put(guest, no);
      draft_.decided[guest] = {reason_, {}, others};
    }
    std::erase_if(guests_, [&](GuestNo guest) { return draft_.state.target[guest] != kNone; });
  }

  Draft& draft_;
  std::vector<GuestNo>& guests_;
  const fleet::Reason reason_;
  const Tier tier_;
  std::size_t launched_ = 0;
};

bool may_pay_more(const GuestFacts& guest) {
  return guest.on != kNone || guest.group->above_maximum == fleet::AboveMaximum::kOnDemand;
}

std::string why_not(State& s, GuestNo guest) {
  std::map<std::string, int> whys;
  for (const OfferingFacts& offering : s.facts->offerings) {
    if (!offering.sound_since) {
      ++whys["no capacity, interrupted lately or not below on-demand"];
      continue;
    }
    const SlotNo no = s.launch(offering).no;
    ++whys[std::string(refusal(s, s.slots[no], guest, Tier::kBelowMaximum))];
    s.take_back_launch();
  }
  std::string out = std::format("none of {} offerings takes it", s.facts->offerings.size());
  for (const auto& [why, count] : whys) out += std::format("; {}: {}", count, why);
  return out;
}

}  // namespace

bool place_below_maximum(Draft& draft, GuestNo guest, fleet::Reason reason) {
  std::vector<GuestNo> rest{guest};
  Placing(draft, rest, reason, Tier::kBelowMaximum).run();
  return rest.empty();
}

void place(Draft& draft, const std::set<GuestNo>& guests, fleet::Reason reason, bool hurry) {
  std::vector<GuestNo> order(guests.begin(), guests.end()), rest;
  sort_by_size(order, *draft.state.facts);
  for (const GuestNo guest : order) {
    if (hurry && go_in_a_hurry(draft.state, guest))
      draft.decided[guest] = {reason};
    else
      rest.push_back(guest);
  }
  Placing(draft, rest, reason, Tier::kBelowMaximum).run();
  std::vector<GuestNo> waiting;
  std::erase_if(rest, [&](GuestNo guest) {
    const bool waits = !may_pay_more(draft.state.guest(guest));
    if (waits) waiting.push_back(guest);
    return waits;
  });
  Placing(draft, rest, reason, Tier::kOnDemandToo).run();
  rest.insert(rest.end(), waiting.begin(), waiting.end());
  for (const GuestNo guest : rest) draft.unplaceable[guest] = why_not(draft.state, guest);
}

}  // namespace godwit::plan
