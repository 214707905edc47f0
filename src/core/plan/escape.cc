#include "core/plan/escape.h"

#include <algorithm>
#include <chrono>
#include <format>
#include <optional>
#include <tuple>

#include "core/plan/guards.h"
#include "core/plan/text.h"

namespace godwit::plan {
namespace {

// The state if the pool were gone: its guests are nowhere, its nodes take nobody.
State without(const State& state, const market::Pool& pool, std::set<GuestId>& homeless) {
  State s = state;
  s.shaken.insert(pool);
  for (auto& [id, slot] : s.slots) {
    if (!slot.spot() || slot.key.pool != pool) continue;
    homeless.insert(slot.residents.begin(), slot.residents.end());
  }
  for (const GuestId& guest : homeless) s.take(guest);
  return s;
}

bool offers_room(const Slot& slot, Rooms rooms) {
  return rooms == Rooms::kReady ? slot.ready() : slot.accepts;
}

// Former escapes first, so that sets change no more than they must; then in order of name.
std::vector<NodeId> candidates(const State& s, const fleet::Guest& guest) {
  std::vector<NodeId> order;
  for (const NodeId& id : guest.escapes)
    if (s.slots.contains(id)) order.push_back(id);
  for (const auto& [id, slot] : s.slots)
    if (std::ranges::find(guest.escapes, id) == guest.escapes.end()) order.push_back(id);
  return order;
}

std::map<GuestId, NodeId> assign(State& s, const std::set<GuestId>& homeless, Rooms rooms) {
  s.settled = rooms == Rooms::kPlanned;
  std::map<GuestId, NodeId> out;
  for (const GuestId& id : by_size(homeless, *s.world)) {
    for (const NodeId& node : candidates(s, s.guest(id))) {
      const Slot& slot = s.slots.at(node);
      if (!offers_room(slot, rooms) || !admits(s, slot, s.guest(id), Tier::kOnDemandToo)) continue;
      s.put(id, node);
      out[id] = node;
      break;
    }
  }
  return out;
}

// What the guests would fill of one node of the offering.
std::set<GuestId> fill(State s, const fleet::Offering& offering, const std::set<GuestId>& guests) {
  const NodeId id = s.launch(offering).id;
  std::set<GuestId> in;
  for (const GuestId& guest : by_size(guests, *s.world))
    if (admits(s, s.slots.at(id), s.guest(guest), Tier::kOnDemandToo)) {
      s.put(guest, id);
      in.insert(guest);
    }
  return in;
}

// The cheapest per MiB that it makes room for.
bool launch_reserve(State& state, const market::Pool& pool, const std::set<GuestId>& leftover) {
  std::set<GuestId> homeless;
  const State gone = without(state, pool, homeless);
  const fleet::Offering* best = nullptr;
  std::set<GuestId> best_in;
  double best_score = 0;
  for (const auto& [key, offering] : state.world->offerings) {
    if (!sound_since(offering, *state.world)) continue;
    if (key.capacity == fleet::CapacityType::kSpot && key.pool == pool) continue;
    const std::set<GuestId> in = fill(gone, offering, leftover);
    double mib = 0;
    for (const GuestId& id : in) mib += state.guest(id).memory_mib;
    if (in.empty()) continue;
    const double score = static_cast<double>(offering.rate.value) / mib;
    // At the same price on-demand is better: it needs no escape itself.
    const bool better =
        !best || score < best_score || (score == best_score && key.capacity > best->key.capacity);
    if (better) {
      best = &offering;
      best_in = in;
      best_score = score;
    }
  }
  if (!best) return false;
  state.launch(*best).reserved_for = best_in;
  return true;
}

std::set<GuestId> leftover_of(const State& state, const market::Pool& pool, Rooms rooms) {
  std::set<GuestId> homeless;
  State s = without(state, pool, homeless);
  for (const auto& [guest, node] : assign(s, homeless, rooms)) homeless.erase(guest);
  return homeless;
}

}  // namespace

std::map<GuestId, NodeId> cover(const State& state, const market::Pool& pool, Rooms rooms) {
  std::set<GuestId> homeless;
  State s = without(state, pool, homeless);
  return assign(s, homeless, rooms);
}

std::set<market::Pool> pools_with_guests(const State& state) {
  std::set<market::Pool> pools;
  for (const auto& [id, slot] : state.slots)
    if (slot.spot() && !slot.residents.empty()) pools.insert(slot.key.pool);
  return pools;
}

std::size_t uncovered(const State& state, Rooms rooms) {
  std::size_t count = 0;
  for (const market::Pool& pool : pools_with_guests(state))
    count += leftover_of(state, pool, rooms).size();
  return count;
}

void ensure_escapes(State& state) {
  for (const market::Pool& pool : pools_with_guests(state))
    for (;;) {
      const std::set<GuestId> leftover = leftover_of(state, pool, Rooms::kPlanned);
      if (leftover.empty() || !launch_reserve(state, pool, leftover)) break;
    }
  // A later pool's room may have made an earlier one's needless.
  for (auto it = state.slots.begin(); it != state.slots.end();) {
    if (it->second.node || !it->second.residents.empty()) {
      ++it;
      continue;
    }
    State without_it = state;
    without_it.slots.erase(it->first);
    const bool needless =
        uncovered(without_it, Rooms::kPlanned) <= uncovered(state, Rooms::kPlanned);
    it = needless ? state.slots.erase(it) : std::next(it);
  }
}

State settled(State state) {
  ensure_escapes(state);
  const std::size_t before = uncovered(state, Rooms::kPlanned);
  std::vector<std::pair<std::int64_t, NodeId>> idle;  // The most expensive first.
  for (const auto& [id, slot] : state.slots)
    if (slot.residents.empty()) idle.emplace_back(-slot.rate(), id);
  std::ranges::sort(idle);
  for (const auto& [rate, id] : idle) {
    auto node = state.slots.extract(id);
    if (uncovered(state, Rooms::kPlanned) > before) state.slots.insert(std::move(node));
  }
  return state;
}

Cost cost_when_settled(const State& state) {
  const State end = settled(state);
  Cost cost{.uncovered = uncovered(end, Rooms::kPlanned)};
  for (const auto& [id, slot] : end.slots)
    if (!slot.leaving) cost.rate += slot.rate();
  return cost;
}

State where_guests_run(const State& planned, bool arrivals) {
  State s = planned;
  for (const auto& [id, guest] : planned.world->guests) {
    const auto target = planned.target.find(id);
    if (!guest.on || !planned.slots.contains(*guest.on)) continue;
    if (target == planned.target.end() || target->second == *guest.on) continue;
    const Slot& to = planned.slots.at(target->second);
    if (arrivals && to.ready() && to.key != planned.slots.at(*guest.on).key) continue;
    s.take(id);
    s.put(id, *guest.on);
  }
  return s;
}

namespace {

std::int64_t seconds_left(std::int64_t bytes, const fleet::Policy& policy) {
  const auto left = policy.notice - policy.notice_reserve;
  return std::chrono::duration_cast<std::chrono::seconds>(left).count() -
         bytes / std::max<std::int64_t>(1, policy.link_bytes_per_s);
}

void add_alternates(const State& gone, const fleet::Guest& guest, std::vector<NodeId>& list) {
  for (const NodeId& id : candidates(gone, guest)) {
    if (list.size() >= gone.world->policy.escapes_max) return;
    const Slot& slot = gone.slots.at(id);
    if (std::ranges::find(list, id) == list.end() && slot.ready() &&
        admits(gone, slot, guest, Tier::kOnDemandToo))
      list.push_back(id);
  }
}

void report_pool(const State& now, const market::Pool& pool, Plan& plan) {
  std::set<GuestId> homeless;
  State gone = without(now, pool, homeless);
  const State free = gone;
  const std::map<GuestId, NodeId> rooms = assign(gone, homeless, Rooms::kReady);
  const fleet::Policy& policy = now.world->policy;
  Slack all{.seconds = seconds_left(0, policy)};
  std::map<NodeId, std::int64_t> in, out;
  for (const GuestId& id : homeless) {
    const fleet::Guest& guest = now.guest(id);
    const NodeId& from = now.target.at(id);
    out[from] += bytes_of(guest);
    std::vector<NodeId>& list = plan.escapes[id];
    const auto room = rooms.find(id);
    if (room == rooms.end()) {
      all.reserved = plan.slack[from].reserved = false;
      plan.warnings.push_back(std::format("{} has no escape that is ready", id.value));
    } else {
      list.push_back(room->second);
      in[room->second] += bytes_of(guest);
    }
    add_alternates(free, guest, list);
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
  State now = where_guests_run(state, true);
  for (const market::Pool& pool : pools_with_guests(now)) report_pool(now, pool, plan);
  for (const auto& [id, guest] : state.world->guests) {
    if (!guest.on || plan.escapes.contains(id)) continue;
    const auto on = state.slots.find(*guest.on);
    const auto target = state.target.find(id);
    if (on == state.slots.end() || !on->second.spot() || target == state.target.end()) continue;
    if (target->second != *guest.on) plan.escapes[id] = {target->second};
  }
}

}  // namespace godwit::plan
