#include "core/plan/escape.h"

#include <algorithm>
#include <chrono>
#include <format>
#include <map>
#include <set>
#include <utility>

#include "core/plan/guards.h"
#include "core/plan/text.h"

namespace godwit::plan {
namespace {

using Guests = std::vector<GuestNo>;

bool of(const Slot& slot, PoolNo pool) { return slot.spot && slot.pool == pool; }

// The state if the pool were gone: its guests are nowhere, its nodes take nobody. `homeless` is in
// the order of size.
State without(const State& state, PoolNo pool, Guests& homeless) {
  State s = state;
  s.shaken[pool] = true;
  for (const Slot& slot : state.there())
    if (of(slot, pool))
      homeless.insert(homeless.end(), slot.residents.begin(), slot.residents.end());
  for (const GuestNo guest : homeless) s.take(guest);
  sort_by_size(homeless, *s.facts);
  return s;
}

bool offers_room(const Slot& slot, Rooms rooms) {
  return !slot.gone && (rooms == Rooms::kReady ? slot.ready() : slot.accepts);
}

// The first room for each: former escapes first, so that sets change no more than they must; then
// in order of number. What refused a guest refuses the next of its kind, who starts to look where
// the former found its room, unless its own node may have kept room for it. Full nodes are not
// looked at: most are.
class Assignment {
 public:
  Assignment(State& s, Rooms rooms) : s_(s), rooms_(rooms), next_(s.facts->kinds) {
    s_.settled = rooms == Rooms::kPlanned;
    for (const Slot& slot : s_.slots) {
      fleet::Resources free = slot.capacity;
      free -= slot.taken;
      if (offers_room(slot, rooms) && fits(s_.facts->least_need, free) &&
          !(slot.spot && s_.shaken[slot.pool]))
        open_.push_back(slot.no);
    }
  }

  SlotNo place(GuestNo guest) {
    const GuestFacts& g = s_.guest(guest);
    for (const SlotNo no : g.escapes)
      if (put(guest, g, no)) return no;
    const bool may_return = !s_.settled && s_.has(g.on);
    std::size_t from_start = 0;
    std::size_t& next = may_return ? from_start : next_[g.kind];
    for (; next < open_.size(); ++next)
      if (put(guest, g, open_[next])) return open_[next];
    return kNone;
  }

 private:
  bool put(GuestNo guest, const GuestFacts& g, SlotNo no) {
    const Slot& slot = s_.slots[no];
    if (slot.taken.memory_mib + g.need.memory_mib > slot.capacity.memory_mib) return false;
    if (!offers_room(slot, rooms_) || !admits(s_, slot, guest, Tier::kOnDemandToo)) return false;
    s_.put(guest, no);
    return true;
  }

  State& s_;
  const Rooms rooms_;
  std::vector<SlotNo> open_;
  std::vector<std::size_t> next_;  // By kind, in open_.
};

// Puts the homeless where there is room; the answer is those without.
Guests assign(State& s, const Guests& homeless, Rooms rooms) {
  Assignment assignment(s, rooms);
  Guests left;
  for (const GuestNo guest : homeless)
    if (assignment.place(guest) == kNone) left.push_back(guest);
  return left;
}

// The cheapest offering for those who are left, per MiB that it makes room for; null: none takes
// any. `in` is who would fill one node of it.
const OfferingFacts* cheapest_room(State& gone, PoolNo pool, const Guests& left, Guests& in) {
  const OfferingFacts* best = nullptr;
  double best_score = 0;
  for (const OfferingFacts& o : gone.facts->offerings) {
    const bool spot = o.offering->key.capacity == fleet::CapacityType::kSpot;
    if (!o.sound_since || (spot && o.pool == pool)) continue;
    Guests takes = try_new(gone, o, left, Tier::kOnDemandToo);
    if (takes.empty()) continue;
    double mib = 0;
    for (const GuestNo guest : takes) mib += gone.guest(guest).guest->memory_mib;
    const double score = static_cast<double>(o.offering->rate.value) / mib;
    // At the same price on-demand is better: it needs no escape itself.
    const bool better =
        !best || score < best_score ||
        (score == best_score && o.offering->key.capacity > best->offering->key.capacity);
    if (!better) continue;
    best = &o;
    in = std::move(takes);
    best_score = score;
  }
  return best;
}

// Nodes for all who are left if the pool goes. Whether first-fit then finds them is seen again.
void reserve(State& state, PoolNo pool) {
  for (std::size_t before = SIZE_MAX;;) {
    Guests homeless;
    State gone = without(state, pool, homeless);
    Guests left = assign(gone, homeless, Rooms::kPlanned);
    if (left.empty() || left.size() >= before) return;
    before = left.size();
    Guests in;
    while (!left.empty()) {
      const OfferingFacts* const best = cheapest_room(gone, pool, left, in);
      if (!best) break;
      const SlotNo no = gone.launch(*best).no;
      for (const GuestNo guest : in) gone.put(guest, no);
      std::erase_if(left, [&](GuestNo guest) { return gone.target[guest] != kNone; });
      std::ranges::sort(in);
      state.launch(*best).reserved_for = in;
    }
  }
}

std::set<PoolNo> pools_with_guests(const State& state) {
  std::set<PoolNo> pools;
  for (const Slot& slot : state.there())
    if (slot.spot && !slot.residents.empty()) pools.insert(slot.pool);
  return pools;
}

// Gives up the slots that nobody needs, in this order. What one of them is needed for, the others
// of its signature are needed for too.
void give_up_needless(State& state, const std::vector<SlotNo>& order, std::size_t enough) {
  std::set<std::vector<std::int64_t>> needed;
  for (const SlotNo no : order) {
    Slot& slot = state.slots[no];
    const std::vector<std::int64_t> like = signature(state, slot);
    if (needed.contains(like)) continue;
    slot.gone = true;
    if (uncovered(state, Rooms::kPlanned, enough) <= enough) continue;
    state.slots[no].gone = false;
    needed.insert(like);
  }
}

}  // namespace

std::size_t uncovered(const State& state, Rooms rooms, std::size_t enough) {
  std::size_t count = 0;
  for (const PoolNo pool : pools_with_guests(state)) {
    Guests homeless;
    State s = without(state, pool, homeless);
    count += assign(s, homeless, rooms).size();
    if (count > enough) return count;
  }
  return count;
}

void ensure_escapes(State& state) {
  // In order of name, as everything.
  std::map<market::Pool, PoolNo> pools;
  for (const PoolNo pool : pools_with_guests(state)) pools.emplace(state.facts->pools[pool], pool);
  for (const auto& [name, pool] : pools) reserve(state, pool);
  // A later pool's room may have made an earlier one's needless.
  std::vector<SlotNo> fresh;
  for (const Slot& slot : state.there())
    if (!slot.node && slot.residents.empty()) fresh.push_back(slot.no);
  if (!fresh.empty()) give_up_needless(state, fresh, uncovered(state, Rooms::kPlanned));
}

State settled(State state) {
  ensure_escapes(state);
  return without_needless(std::move(state));
}

State without_needless(State state) {
  std::vector<std::pair<std::int64_t, SlotNo>> idle;  // The most expensive first.
  for (const Slot& slot : state.there())
    if (slot.residents.empty()) idle.emplace_back(-slot.rate(), slot.no);
  std::ranges::sort(idle);
  std::vector<SlotNo> order;
  for (const auto& [rate, no] : idle) order.push_back(no);
  if (!order.empty()) give_up_needless(state, order, uncovered(state, Rooms::kPlanned));
  return state;
}

Cost cost_of_settled(const State& end) {
  Cost cost{.uncovered = uncovered(end, Rooms::kPlanned)};
  for (const Slot& slot : end.there())
    if (!slot.leaving) cost.rate += slot.rate();
  return cost;
}

Cost cost_when_settled(const State& state) { return cost_of_settled(settled(state)); }

State where_guests_run(const State& planned, bool arrivals) {
  State s = planned;
  for (GuestNo guest = 0; guest < s.target.size(); ++guest) {
    const SlotNo on = s.guest(guest).on, target = planned.target[guest];
    if (!planned.has(on) || target == kNone || target == on) continue;
    const Slot& to = planned.slots[target];
    if (arrivals && to.ready() && *to.key != *planned.slots[on].key) continue;
    s.take(guest);
    s.put(guest, on);
  }
  return s;
}

namespace {

std::int64_t seconds_left(std::int64_t bytes, const fleet::Policy& policy) {
  const auto left = policy.notice - policy.notice_reserve;
  return std::chrono::duration_cast<std::chrono::seconds>(left).count() -
         bytes / std::max<std::int64_t>(1, policy.link_bytes_per_s);
}

void add_alternates(const State& gone, GuestNo guest, std::vector<NodeId>& list) {
  const auto add = [&](SlotNo no) {
    const Slot& slot = gone.slots[no];
    if (slot.gone || !slot.ready() || !admits(gone, slot, guest, Tier::kOnDemandToo)) return;
    NodeId id = gone.name(slot);
    if (std::ranges::find(list, id) == list.end()) list.push_back(std::move(id));
  };
  const std::size_t most = gone.world().policy.escapes_max;
  for (const SlotNo no : gone.guest(guest).escapes)
    if (list.size() < most) add(no);
  for (SlotNo no = 0; no < gone.slots.size() && list.size() < most; ++no) add(no);
}

void report_pool(const State& now, PoolNo pool_no, Plan& plan) {
  Guests homeless;
  State gone = without(now, pool_no, homeless);
  const State free = gone;
  assign(gone, homeless, Rooms::kReady);
  const fleet::Policy& policy = now.world().policy;
  const market::Pool& pool = now.facts->pools[pool_no];
  Slack all{.seconds = seconds_left(0, policy)};
  std::map<NodeId, std::int64_t> in, out;
  std::ranges::sort(homeless);
  for (const GuestNo no : homeless) {
    const GuestFacts& g = now.guest(no);
    const NodeId from = now.name(now.slots[now.target[no]]);
    out[from] += g.bytes;
    std::vector<NodeId>& list = plan.escapes[g.guest->id];
    if (gone.target[no] == kNone) {
      all.reserved = plan.slack[from].reserved = false;
      plan.warnings.push_back(std::format("{} has no escape that is ready", g.guest->id.value));
    } else {
      list.push_back(gone.name(gone.slots[gone.target[no]]));
      in[list.back()] += g.bytes;
      // Its room is reserved, but not yet of use.
      if (g.guest->preparing.contains(list.back())) {
        all.reserved = plan.slack[from].reserved = false;
        plan.warnings.push_back(std::format("{}: its escape {} has no image yet", g.guest->id.value,
                                            list.back().value));
      }
    }
    add_alternates(free, no, list);
  }
  for (const auto& [node, bytes] : out) plan.slack[node].seconds = seconds_left(bytes, policy);
  for (const auto& links : {in, out})
    for (const auto& [node, bytes] : links)
      all.seconds = std::min(all.seconds, seconds_left(bytes, policy));
  if (all.seconds < 0)
    plan.warnings.push_back(std::format("{}/{}: an escape takes {} s longer than the notice",
                                        pool.type, pool.zone, -all.seconds));
  plan.pool_slack[pool] = all;
}

}  // namespace

void report_escapes(const State& state, Plan& plan) {
  // Who is on the way to a ready node in another pool has its way out already.
  const State now = where_guests_run(state, true);
  std::map<market::Pool, PoolNo> pools;  // Warnings are in order of name.
  for (const PoolNo pool : pools_with_guests(now)) pools.emplace(now.facts->pools[pool], pool);
  for (const auto& [name, pool] : pools) report_pool(now, pool, plan);
  for (GuestNo no = 0; no < state.target.size(); ++no) {
    const GuestFacts& g = state.guest(no);
    if (plan.escapes.contains(g.guest->id) || !state.has(g.on)) continue;
    if (!state.slots[g.on].spot || state.target[no] == kNone || state.target[no] == g.on) continue;
    plan.escapes[g.guest->id] = {state.name(state.slots[state.target[no]])};
  }
}

}  // namespace godwit::plan
