#include "core/plan/improve.h"

#include <algorithm>
#include <chrono>
#include <format>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "core/plan/escape.h"
#include "core/plan/guards.h"
#include "core/plan/text.h"

namespace godwit::plan {
namespace {

using fleet::CapacityType;
using fleet::Reason;
using std::chrono::duration_cast;
using std::chrono::seconds;

constexpr std::size_t kOfferingsTried = 8;
constexpr std::size_t kRejectedShown = 3;

std::int64_t in_s(Duration d) { return duration_cast<seconds>(d).count(); }

struct Change {
  State state;  // Afterwards, without the node.
  Decision decision;
  const OfferingFacts* offering = nullptr;  // Of the new node.
  std::int64_t net = 0;
};

class Improvement {
 public:
  Improvement(const Draft& draft, const Slot& slot, const State& settled, Cost base)
      : draft_(draft),
        state_(draft.state),
        world_(draft.state.world()),
        slot_(slot),
        settled_(settled),
        base_(base) {}

  bool may_be_left() const {
    const fleet::Policy& policy = world_.policy;
    if (!slot_.node || !slot_.ready() || slot_.leaving || !slot_.offering) return false;
    if (slot_.lingering != fleet::Resources{}) return false;
    const Duration lead = policy.launch + leave_time(slot_.bytes, policy);
    if (!in_window(*slot_.node, lead, world_)) return false;
    if (slot_.residents.empty()) {
      const std::optional<Time>& since = slot_.node->idle_since;
      return since && *since + policy.stay_min <= world_.now;
    }
    return std::ranges::all_of(slot_.residents, [&](GuestNo no) {
      const GuestFacts& g = state_.guest(no);
      const bool here = g.on == slot_.no && !g.guest->moving_to && !draft_.decided.contains(no);
      return here && (!slot_.spot || g.guest->since_on + policy.stay_min <= world_.now);
    });
  }

  // The best change that passes, with those that do not as rejected alternatives.
  std::optional<Change> best() {
    if (!slot_.residents.empty()) into_free_room();
    for (const OfferingFacts* offering : cheapest()) into_new(*offering);
    if (changes_.empty()) return std::nullopt;
    std::ranges::stable_sort(changes_, std::greater{}, &Change::net);
    Change out = std::move(changes_.front());
    for (std::size_t i = 1; i < changes_.size(); ++i) {
      if (!changes_[i].offering || changes_[i].offering == out.offering) continue;
      rejected_.push_back({changes_[i].offering->offering->key,
                           "gains " + dollars(MicroUsd{out.net - changes_[i].net}) + " less"});
    }
    std::set<fleet::OfferingKey> seen;
    if (out.offering) seen.insert(out.offering->offering->key);
    std::erase_if(rejected_, [&](const Rejected& r) { return !seen.insert(r.offering).second; });
    if (rejected_.size() > kRejectedShown) rejected_.resize(kRejectedShown);
    out.decision.rejected = std::move(rejected_);
    return out;
  }

 private:
  // Back from on-demand only where spot has proven itself; between spot pools sound is enough.
  bool proven(const OfferingFacts& o) const {
    if (!o.sound_since) return false;
    const bool returns = !slot_.spot && o.offering->key.capacity == CapacityType::kSpot;
    return !returns || *o.sound_since + world_.policy.return_after <= world_.now;
  }

  std::vector<const OfferingFacts*> cheapest() const {
    std::vector<const OfferingFacts*> out;
    for (const OfferingFacts& o : state_.facts->offerings)
      if (&o != slot_.offering && o.offering->rate.value < slot_.rate() && proven(o))
        out.push_back(&o);
    std::ranges::stable_sort(out, {}, [](const OfferingFacts* o) { return o->offering->rate; });
    return out;
  }

  // The node without its guests: kept, for what its room is worth to others, or given up.
  State emptied(bool kept) const {
    State s = state_;
    for (const GuestNo guest : slot_.residents) s.take(guest);
    if (!kept) s.slots[slot_.no].gone = true;
    return s;
  }

  void into_new(const OfferingFacts& offering) {
    if (tried_ == kOfferingsTried) return;
    // Escape room is chosen by ensure_escapes, once.
    if (slot_.residents.empty() && tried_ > 0) return;
    ++tried_;
    const bool returns = !slot_.spot && offering.offering->key.capacity == CapacityType::kSpot;
    for (const bool kept : {true, false}) {
      if (kept && slot_.residents.empty()) continue;
      State s = emptied(kept);
      if (!slot_.residents.empty() && !fill_new(s, offering)) return;
      weigh(std::move(s), returns ? Reason::kReturn : Reason::kCheaper, &offering);
    }
  }

  std::vector<GuestNo> by_size() const {
    std::vector<GuestNo> guests = slot_.residents;
    sort_by_size(guests, *state_.facts);
    return guests;
  }

  bool fill_new(State& s, const OfferingFacts& offering) const {
    const SlotNo no = s.launch(offering).no;
    return fill(s, no, by_size(), Tier::kBelowMaximum).size() == slot_.residents.size();
  }

  void into_free_room() {
    for (const bool kept : {true, false}) {
      State s = emptied(kept);
      Reason reason = Reason::kConsolidate;
      if (fill_free(s, reason)) weigh(std::move(s), reason, nullptr);
    }
  }

  bool fill_free(State& s, Reason& reason) const {
    for (const GuestNo guest : by_size()) {
      const auto takes = [&](const Slot& other, bool used) {
        return other.no != slot_.no && other.residents.empty() != used && other.offering &&
               settled_.has(other.no) &&  // It will stay.
               proven(*other.offering) && admits(s, other, guest, Tier::kBelowMaximum);
      };
      // Beside other guests rather than into a node that would otherwise be empty.
      auto slots = s.there();
      auto to = std::ranges::find_if(slots, [&](const Slot& other) { return takes(other, true); });
      if (to == slots.end())
        to = std::ranges::find_if(slots, [&](const Slot& other) { return takes(other, false); });
      if (to == slots.end()) return false;
      if (to->spot && !slot_.spot) reason = Reason::kReturn;
      s.put(guest, to->no);
    }
    return true;
  }

  // While both run: until the new node is ready and the guests have left the old one.
  std::int64_t double_pay(const State& after) const {
    std::int64_t rate = 0;
    for (const Slot& slot : after.there())
      if (!slot.node) rate += slot.rate();
    const fleet::Policy& p = world_.policy;
    return over(rate, p.launch + leave_time(slot_.bytes, p), world_);
  }

  std::int64_t transfer(const State& after) const {
    std::int64_t bytes = 0;
    for (const GuestNo guest : slot_.residents)
      if (after.slots[after.target[guest]].zone != slot_.zone) bytes += after.guest(guest).bytes;
    return transfer_cost(bytes, world_.policy);
  }

  // Losses that are expected more, over the stay: on spot only, and among spot pools alike.
  std::int64_t interruption(const State& after) const {
    if (slot_.spot) return 0;
    std::int64_t guests = 0;
    for (const GuestNo guest : slot_.residents) guests += after.slots[after.target[guest]].spot;
    const fleet::Policy& p = world_.policy;
    const double losses = static_cast<double>(p.interruptions_per_1000_days) / 1000 *
                          in_s(p.expected_stay) / 86'400 * p.notices_lost_percent / 100;
    return static_cast<std::int64_t>(losses * p.loss_of_guest.value) * guests;
  }

  void weigh(State after, Reason reason, const OfferingFacts* offering) {
    ensure_escapes(after);
    const Cost cost = cost_of_settled(without_needless(after));
    const std::int64_t saved = base_.rate - cost.rate;
    const std::int64_t saving = over(saved, world_.policy.expected_stay, world_);
    std::vector<Term> terms = {{"saving", {saving}},
                               {"pause", {-pause_cost(slot_.residents.size(), world_.policy)}},
                               {"interruption", {-interruption(after)}},
                               {"transfer", {-transfer(after)}},
                               {"double pay", {-double_pay(after)}}};
    std::int64_t net = 0;
    for (const Term& t : terms) net += t.amount.value;
    const bool enough =
        reason == Reason::kReturn || saved * 100 >= slot_.rate() * world_.policy.saving_percent_min;
    const bool covered = cost.uncovered <= base_.uncovered;
    if (covered && saved > 0 && net > 0 && enough && !room_is_cheaper(after)) {
      changes_.push_back({std::move(after), {reason, std::move(terms), {}}, offering, net});
    } else if (offering) {
      rejected_.push_back({offering->offering->key,
                           covered ? "gains " + dollars(MicroUsd{net}) : "no room for its escape"});
    }
  }

  // Where a pool is cheaper than the guests' own, they go there, farther below their maximum, and
  // leave their room behind; the room for their escape does not.
  bool room_is_cheaper(const State& after) const {
    if (!slot_.residents.empty()) return false;
    std::optional<std::int64_t> with_guests;
    for (const Slot& slot : after.there())
      if (!slot.residents.empty() && (!with_guests || slot.rate() < *with_guests))
        with_guests = slot.rate();
    return std::ranges::any_of(after.there(), [&](const Slot& slot) {
      return !slot.node && slot.residents.empty() && with_guests && slot.rate() < *with_guests;
    });
  }

  const Draft& draft_;
  const State& state_;
  const fleet::World& world_;
  const Slot& slot_;
  const State& settled_;
  const Cost base_;
  std::size_t tried_ = 0;
  std::vector<Change> changes_;
  std::vector<Rejected> rejected_;
};

// The node stays in the draft, since it is there until a later plan ends it.
void adopt(Draft& draft, SlotNo left, Change change) {
  const std::vector<GuestNo> moved = draft.state.slots[left].residents;
  for (const Slot& slot : change.state.there())
    if (slot.no >= draft.state.slots.size()) {
      draft.launched[slot.no] = change.decision;
      if (slot.residents.empty()) draft.launched[slot.no].reason = Reason::kEscape;
    }
  for (const GuestNo guest : moved) draft.decided[guest] = change.decision;
  draft.state = std::move(change.state);
  draft.state.slots[left].gone = false;
}

}  // namespace

std::int64_t over(std::int64_t rate, Duration how_long, const fleet::World& world) {
  return static_cast<std::int64_t>(static_cast<double>(rate) * in_s(how_long) /
                                   world.billing.period_s);
}

std::int64_t pause_cost(std::size_t guests, const fleet::Policy& policy) {
  const auto ms = duration_cast<std::chrono::milliseconds>(policy.pause).count();
  return policy.downtime_per_minute.value * ms / 60'000 * static_cast<std::int64_t>(guests);
}

std::int64_t transfer_cost(std::int64_t bytes, const fleet::Policy& policy) {
  return policy.transfer_between_zones_per_gb.value * (bytes / 1'000'000) / 1000;
}

bool quiet(const fleet::World& world) {
  const Time since = world.now - world.policy.quiet_after;
  return std::ranges::all_of(world.nodes,
                             [&](const auto& entry) {
                               const fleet::Node& node = entry.second;
                               return node.phase != fleet::Phase::kLaunching &&
                                      node.launched <= since;
                             }) &&
         std::ranges::all_of(world.guests, [&](const auto& entry) {
           const fleet::Guest& guest = entry.second;
           return !guest.moving_to && guest.since_on <= since;
         });
}

void improve(Draft& draft) {
  if (!quiet(draft.state.world())) return;
  // What leaving a node gained when it was weighed last. A change seldom makes another one gain
  // more: so the best are weighed again first, and those that gain nothing wait for the next plan.
  std::vector<std::pair<std::int64_t, SlotNo>> order;
  for (const Slot& slot : draft.state.there())
    order.emplace_back(std::numeric_limits<std::int64_t>::max(), slot.no);
  for (std::uint32_t left = draft.state.world().policy.nodes_left_max; left > 0; --left) {
    const State end = settled(draft.state);
    const Cost base = cost_of_settled(end);
    std::optional<Change> best;
    SlotNo node = kNone;
    // Of nodes that are the same, the first stands for all.
    std::map<std::vector<std::int64_t>, std::optional<std::int64_t>> weighed;
    std::vector<std::pair<std::int64_t, SlotNo>> gains;
    for (const auto& [last, no] : order) {
      const Slot& slot = draft.state.slots[no];
      Improvement improvement(draft, slot, end, base);
      if (!improvement.may_be_left()) continue;
      if (best && best->net >= last) {
        gains.emplace_back(last, no);
        continue;
      }
      const auto [gain, first] = weighed.try_emplace(signature(draft.state, slot));
      std::optional<Change> change = first ? improvement.best() : std::nullopt;
      if (change) gain->second = change->net;
      if (gain->second) gains.emplace_back(*gain->second, no);
      if (!change || (best && best->net >= change->net)) continue;
      best = std::move(change);
      node = no;
    }
    if (!best) return;
    adopt(draft, node, std::move(*best));
    order = std::move(gains);
    std::ranges::stable_sort(order, std::greater{}, [](const auto& gain) { return gain.first; });
  }
}

}  // namespace godwit::plan
