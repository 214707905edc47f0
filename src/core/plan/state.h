// The planner's working copy: nodes with the guests that shall be on them. Trials change copies.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/fleet/fleet.h"
#include "core/fleet/share.h"

namespace godwit::plan {

struct Slot {
  NodeId id;
  fleet::OfferingKey key;
  const fleet::Offering* offering = nullptr;  // Null: unknown; no rule of price touches it.
  const fleet::Node* node = nullptr;          // Null: launched by this plan.
  fleet::Resources capacity;
  bool accepts = true;          // Takes guests.
  bool leaving = false;         // Notice, drained or to be left for its price: not paid for long.
  std::set<GuestId> residents;  // That shall be here.
  fleet::Resources taken;       // By residents.
  fleet::Resources lingering;   // By guests that run here and shall be elsewhere.
  std::int64_t bytes = 0;       // Of residents.
  std::set<GuestId> reserved_for;  // A new node for escapes: whose room it is.

  bool spot() const { return key.capacity == fleet::CapacityType::kSpot; }
  bool ready() const {
    return node && node->phase == fleet::Phase::kReady && node->reachable && accepts;
  }
  std::int64_t rate() const { return offering ? offering->rate.value : 0; }
};

// What is asked of a place for a guest.
enum class Tier {
  kBelowMaximum,  // Share at most the maximum.
  kOnDemandToo,   // Or on-demand, whatever it costs.
};

struct State {
  const fleet::World* world = nullptr;
  std::map<NodeId, Slot> slots;
  std::map<GuestId, NodeId> target;
  std::set<market::Pool> shaken;  // Pools with a notice now: none of their nodes takes guests.
  bool settled = false;           // Looked at as if all who linger were gone.
  std::uint64_t next_node = 1;

  const fleet::Guest& guest(const GuestId& id) const { return world->guests.at(id); }
  void put(const GuestId& guest, const NodeId& node);
  void take(const GuestId& guest);  // From its target.
  Slot& launch(const fleet::Offering& offering);
};

fleet::Resources need_of(const fleet::Guest& guest);
std::int64_t bytes_of(const fleet::Guest& guest);
const fleet::Group& group_of(const fleet::Guest& guest, const fleet::World& world);

// The node rate at which the guest's share reaches its maximum, with what is planned on the slot;
// the guest is one of its residents.
MicroUsdPerHour ceiling_on(const Slot& slot, const fleet::Guest& guest, const fleet::World& world);

// Bytes that a spot node can be rid of inside a notice.
std::int64_t escape_bytes_max(const fleet::Policy& policy);

// Why the guest may not go there, "" if it may: capacity, spread, choices, escape bytes, and the
// ceilings of the guest and of all that are there.
std::string refusal(const State& state, const Slot& slot, const fleet::Guest& guest, Tier tier);
inline bool admits(const State& state, const Slot& slot, const fleet::Guest& guest, Tier tier) {
  return refusal(state, slot, guest, tier).empty();
}

// Largest first, then by name: the order in which guests are packed.
std::vector<GuestId> by_size(const std::set<GuestId>& guests, const fleet::World& world);

}  // namespace godwit::plan
