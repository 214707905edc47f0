#include "core/plan/state.h"

#include <algorithm>
#include <chrono>
#include <format>
#include <tuple>

#include "base/check.h"
#include "core/plan/guards.h"

namespace godwit::plan {

using fleet::CapacityType;
using fleet::Resources;
using fleet::Spread;

Resources need_of(const fleet::Guest& guest) { return {guest.memory_mib, guest.vcpus}; }

std::int64_t bytes_of(const fleet::Guest& guest) {
  return guest.bytes > 0 ? guest.bytes : std::int64_t{guest.memory_mib} << 20;
}

const fleet::Group& group_of(const fleet::Guest& guest, const fleet::World& world) {
  static const fleet::Group kNoWishes;
  const auto found = world.groups.find(guest.group);
  return found == world.groups.end() ? kNoWishes : found->second;
}

void State::put(const GuestId& id, const NodeId& node) {
  CHECK(!target.contains(id));
  const fleet::Guest& g = guest(id);
  Slot& slot = slots.at(node);
  target[id] = node;
  slot.residents.insert(id);
  slot.taken += need_of(g);
  slot.bytes += bytes_of(g);
  if (g.on == node) slot.lingering -= need_of(g);
}

void State::take(const GuestId& id) {
  const fleet::Guest& g = guest(id);
  const auto found = target.find(id);
  CHECK(found != target.end());
  Slot& slot = slots.at(found->second);
  slot.residents.erase(id);
  slot.taken -= need_of(g);
  slot.bytes -= bytes_of(g);
  if (g.on == found->second) slot.lingering += need_of(g);
  target.erase(found);
}

Slot& State::launch(const fleet::Offering& offering) {
  const NodeId id{std::format("n-{}-{}", world->incarnation, next_node++)};
  Slot& slot = slots[id];
  slot.id = id;
  slot.key = offering.key;
  slot.offering = &offering;
  slot.capacity = {offering.memory_mib, offering.vcpus};
  return slot;
}

MicroUsdPerHour ceiling_on(const Slot& slot, const fleet::Guest& guest, const fleet::World& world) {
  return fleet::ceiling(group_of(guest, world).maximum_price, slot.offering->on_demand,
                        need_of(guest), slot.taken, slot.capacity);
}

std::int64_t escape_bytes_max(const fleet::Policy& policy) {
  const auto left = policy.notice - policy.notice_reserve;
  return policy.link_bytes_per_s * std::chrono::duration_cast<std::chrono::seconds>(left).count();
}

namespace {

bool chosen(const fleet::Group& group, const fleet::Offering& offering) {
  return admits(group.clouds, offering.cloud) && admits(group.regions, offering.region) &&
         admits(group.zones, offering.key.pool.zone) && admits(group.families, offering.family);
}

bool spread_broken(const State& state, const Slot& slot, const fleet::Guest& guest, Spread spread) {
  if (spread == Spread::kNone) return false;
  for (const auto& [id, other] : state.slots) {
    const bool same = id == slot.id ||
                      (spread == Spread::kPool && slot.spot() && other.spot() &&
                       other.key.pool == slot.key.pool) ||
                      (spread == Spread::kZone && other.key.pool.zone == slot.key.pool.zone);
    if (!same) continue;
    for (const GuestId& resident : other.residents)
      if (resident != guest.id && state.guest(resident).group == guest.group) return true;
  }
  return false;
}

// With the guest on the slot. Who is there already may be nearer to its ceiling than who comes:
// it shall not have to leave because of that.
bool above_ceiling(const Slot& slot, const fleet::Guest& guest, const fleet::World& world) {
  for (const GuestId& resident : slot.residents) {
    const fleet::Guest& g = world.guests.at(resident);
    const MicroUsdPerHour ceiling = ceiling_on(slot, g, world);
    if (resident == guest.id ? !may_enter(*slot.offering, ceiling, world)
                             : slot.offering->rate > ceiling)
      return true;
  }
  return false;
}

std::string price_refusal(const Slot& slot, const fleet::Guest& guest, Tier tier,
                          const fleet::World& world) {
  if (!slot.offering) return "";
  if (slot.spot() ? false : tier == Tier::kOnDemandToo) return "";
  Slot with = slot;
  if (with.residents.insert(guest.id).second) with.taken += need_of(guest);
  if (!slot.spot())
    return slot.offering->rate > ceiling_on(with, guest, world) ? "above the maximum price" : "";
  return above_ceiling(with, guest, world) ? "above the maximum price" : "";
}

}  // namespace

std::string refusal(const State& state, const Slot& slot, const fleet::Guest& guest, Tier tier) {
  const fleet::World& world = *state.world;
  const fleet::Group& group = group_of(guest, world);
  if (!slot.accepts) return "it takes no guests";
  if (slot.spot() && state.shaken.contains(slot.key.pool)) return "its pool is being interrupted";
  if (slot.offering && !chosen(group, *slot.offering)) return "the group does not allow it";
  Resources free = slot.capacity;
  free -= slot.taken;
  if (!state.settled) free -= slot.lingering;
  // Going back to where it still runs takes no more room than it has.
  if (!state.settled && guest.on == slot.id) free += need_of(guest);
  if (!slot.residents.contains(guest.id)) {
    if (!fleet::fits(need_of(guest), free)) return "no room";
    if (slot.spot() && slot.bytes + bytes_of(guest) > escape_bytes_max(world.policy))
      return "it could not be left inside a notice";
  }
  if (spread_broken(state, slot, guest, group.spread)) return "the group's spread";
  if (slot.spot() && slot.offering && slot.offering->lost_at &&
      *slot.offering->lost_at + world.policy.loss_backoff > world.now)
    return "its pool was interrupted lately";
  return price_refusal(slot, guest, tier, world);
}

std::vector<GuestId> by_size(const std::set<GuestId>& guests, const fleet::World& world) {
  std::vector<GuestId> out(guests.begin(), guests.end());
  std::ranges::sort(out, {}, [&](const GuestId& id) {
    const fleet::Guest& g = world.guests.at(id);
    return std::tuple(-std::int64_t{g.memory_mib}, -std::int64_t{g.vcpus}, id);
  });
  return out;
}

}  // namespace godwit::plan
