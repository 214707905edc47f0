#include "core/plan/state.h"

#include <algorithm>
#include <chrono>
#include <format>

#include "base/check.h"

namespace godwit::plan {

using fleet::Resources;
using fleet::Spread;

NodeId State::name(const Slot& slot) const {
  if (slot.node) return slot.node->id;
  return NodeId{std::format("n-{}-{}", world().incarnation, slot.number)};
}

void State::put(GuestNo no, SlotNo node) {
  CHECK(target[no] == kNone);
  const GuestFacts& g = guest(no);
  Slot& slot = slots[node];
  target[no] = node;
  slot.residents.insert(std::ranges::lower_bound(slot.residents, no), no);
  slot.taken += g.need;
  slot.bytes += g.bytes;
  slot.limited += g.group->maximum_price.has_value();
  if (g.on == node) slot.lingering -= g.need;
}

void State::take(GuestNo no) {
  CHECK(target[no] != kNone);
  const GuestFacts& g = guest(no);
  Slot& slot = slots[target[no]];
  slot.residents.erase(std::ranges::lower_bound(slot.residents, no));
  slot.taken -= g.need;
  slot.bytes -= g.bytes;
  slot.limited -= g.group->maximum_price.has_value();
  if (g.on == slot.no) slot.lingering += g.need;
  target[no] = kNone;
}

Slot& State::launch(const OfferingFacts& offering) {
  Slot slot{.no = static_cast<SlotNo>(slots.size()), .number = next_node++, .offering = &offering};
  slot.key = &offering.offering->key;
  slot.pool = offering.pool;
  slot.zone = offering.zone;
  slot.spot = slot.key->capacity == fleet::CapacityType::kSpot;
  slot.capacity = {offering.offering->memory_mib, offering.offering->vcpus};
  return slots.emplace_back(std::move(slot));
}

void State::take_back_launch() {
  CHECK(slots.back().residents.empty() && !slots.back().node);
  slots.pop_back();
  --next_node;
}

namespace {

MicroUsdPerHour ceiling(const Slot& slot, const GuestFacts& guest, const Resources& taken) {
  return fleet::ceiling(guest.group->maximum_price, slot.offering->offering->on_demand, guest.need,
                        taken, slot.capacity);
}

}  // namespace

MicroUsdPerHour ceiling_on(const Slot& slot, const GuestFacts& guest) {
  return ceiling(slot, guest, slot.taken);
}

std::int64_t escape_bytes_max(const fleet::Policy& policy) {
  const auto left = policy.notice - policy.notice_reserve;
  return policy.link_bytes_per_s * std::chrono::duration_cast<std::chrono::seconds>(left).count();
}

bool spread_broken(const State& state, const Slot& slot, GuestNo guest) {
  const GuestFacts& g = state.guest(guest);
  const Spread spread = g.group->spread;
  if (spread == Spread::kNone) return false;
  return std::ranges::any_of(state.facts->members[g.group_no], [&](GuestNo other) {
    if (other == guest || state.target[other] == kNone) return false;
    const Slot& at = state.slots[state.target[other]];
    return at.no == slot.no ||
           (spread == Spread::kPool && slot.spot && at.spot && at.pool == slot.pool) ||
           (spread == Spread::kZone && at.zone == slot.zone);
  });
}

namespace {

// With the guest on the slot. Who is there already may be nearer to its ceiling than who comes:
// it shall not have to leave because of that.
bool above_ceiling(const State& state, const Slot& slot, GuestNo guest, const Resources& taken) {
  const MicroUsdPerHour rate = slot.offering->offering->rate;
  if (slot.offering->entry > ceiling(slot, state.guest(guest), taken).value) return true;
  if (slot.limited < slot.residents.size() && rate > slot.offering->offering->on_demand)
    return true;
  return slot.limited > 0 && std::ranges::any_of(slot.residents, [&](GuestNo resident) {
           return resident != guest && rate > ceiling(slot, state.guest(resident), taken);
         });
}

bool price_refuses(const State& state, const Slot& slot, GuestNo guest, Tier tier) {
  if (!slot.offering || (!slot.spot && tier == Tier::kOnDemandToo)) return false;
  Resources taken = slot.taken;
  if (state.target[guest] != slot.no) taken += state.guest(guest).need;
  if (slot.spot) return above_ceiling(state, slot, guest, taken);
  return slot.offering->offering->rate > ceiling(slot, state.guest(guest), taken);
}

}  // namespace

std::string_view refusal(const State& state, const Slot& slot, GuestNo no, Tier tier) {
  const GuestFacts& guest = state.guest(no);
  if (!slot.accepts) return "it takes no guests";
  if (slot.spot && state.shaken[slot.pool]) return "its pool is being interrupted";
  if (slot.offering && !state.facts->allows(guest.group_no, slot.offering->no))
    return "the group does not allow it";
  if (state.target[no] != slot.no) {
    Resources free = slot.capacity;
    free -= slot.taken;
    if (!state.settled) free -= slot.lingering;
    // Going back to where it still runs takes no more room than it has.
    if (!state.settled && guest.on == slot.no) free += guest.need;
    if (!fleet::fits(guest.need, free)) return "no room";
    if (slot.spot && slot.bytes + guest.bytes > escape_bytes_max(state.world().policy))
      return "it could not be left inside a notice";
  }
  if (spread_broken(state, slot, no)) return "the group's spread";
  if (slot.spot && slot.offering && slot.offering->lost_lately)
    return "its pool was interrupted lately";
  return price_refuses(state, slot, no, tier) ? "above the maximum price" : "";
}

std::vector<GuestNo> fill(State& state, SlotNo slot, const std::vector<GuestNo>& guests,
                          Tier tier) {
  std::vector<GuestNo> in;
  std::vector<bool> refused(state.facts->kinds);
  for (const GuestNo guest : guests) {
    const GuestFacts& g = state.guest(guest);
    if (refused[g.kind] && g.on != slot) continue;
    if (!admits(state, state.slots[slot], guest, tier)) {
      refused[g.kind] = refused[g.kind] || g.on != slot;
      continue;
    }
    state.put(guest, slot);
    in.push_back(guest);
  }
  return in;
}

std::vector<GuestNo> try_new(State& state, const OfferingFacts& offering,
                             const std::vector<GuestNo>& guests, Tier tier) {
  const SlotNo no = state.launch(offering).no;
  std::vector<GuestNo> in = fill(state, no, guests, tier);
  for (const GuestNo guest : in) state.take(guest);
  state.take_back_launch();
  return in;
}

void sort_by_size(std::vector<GuestNo>& guests, const Facts& facts) {
  std::ranges::sort(guests, {}, [&](GuestNo no) { return facts.guests[no].rank; });
}

std::vector<std::int64_t> signature(const State& state, const Slot& slot) {
  std::vector<std::int64_t> out{
      slot.offering ? std::int64_t{slot.offering->no} : -1 - std::int64_t{slot.no},
      slot.node ? static_cast<std::int64_t>(slot.node->phase) : -1,
      slot.ready(),
      slot.accepts,
      slot.leaving,
      slot.capacity.memory_mib,
      slot.capacity.vcpus,
      slot.lingering.memory_mib,
      slot.lingering.vcpus};
  const std::size_t own = out.size();
  for (const GuestNo guest : slot.residents) out.push_back(state.guest(guest).kind);
  std::sort(out.begin() + static_cast<std::ptrdiff_t>(own), out.end());
  return out;
}

}  // namespace godwit::plan
