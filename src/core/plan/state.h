// The planner's working copy: nodes with the guests that shall be on them. Trials change copies, or
// take back what they did.
#pragma once

#include <cstdint>
#include <ranges>
#include <string_view>
#include <vector>

#include "core/plan/facts.h"

namespace godwit::plan {

struct Slot {
  SlotNo no = 0;
  const fleet::Node* node = nullptr;        // Null: launched by this plan, as
  std::uint64_t number = 0;                 // this one of the fleet.
  const OfferingFacts* offering = nullptr;  // Null: unknown; no rule of price touches it.
  const fleet::OfferingKey* key = nullptr;
  PoolNo pool = 0;
  std::uint32_t zone = 0;
  bool spot = false;
  bool gone = false;          // Given up by this plan: looked at no more.
  bool accepts = true;        // Takes guests.
  bool leaving = false;       // Notice, drained or to be left for its price: not paid for long.
  std::uint32_t limited = 0;  // Residents with a maximum price.
  fleet::Resources capacity;
  fleet::Resources taken;             // By residents.
  fleet::Resources lingering;         // By guests that run here and shall be elsewhere.
  std::int64_t bytes = 0;             // Of residents.
  std::vector<GuestNo> residents;     // That shall be here; in order of name.
  std::vector<GuestNo> reserved_for;  // A new node for escapes: whose room it is.

  bool ready() const {
    return node && node->phase == fleet::Phase::kReady && node->reachable && accepts;
  }
  std::int64_t rate() const { return offering ? offering->offering->rate.value : 0; }
};

// What is asked of a place for a guest.
enum class Tier {
  kBelowMaximum,  // Share at most the maximum.
  kOnDemandToo,   // Or on-demand, whatever it costs.
};

struct State {
  const Facts* facts = nullptr;
  std::vector<Slot> slots;     // By number: the world's nodes in order of name, then launches.
  std::vector<SlotNo> target;  // Of guests; kNone: nowhere.
  std::vector<bool> shaken;    // Pools with a notice now: none of their spot nodes takes guests.
  bool settled = false;        // Looked at as if all who linger were gone.
  std::uint64_t next_node = 1;

  const fleet::World& world() const { return facts->world; }
  const GuestFacts& guest(GuestNo no) const { return facts->guests[no]; }
  // Those that are not gone.
  auto there() const {
    return slots | std::views::filter([](const Slot& slot) { return !slot.gone; });
  }
  auto there() {
    return slots | std::views::filter([](const Slot& slot) { return !slot.gone; });
  }
  bool has(SlotNo no) const { return no != kNone && !slots[no].gone; }
  NodeId name(const Slot& slot) const;

  void put(GuestNo guest, SlotNo node);
  void take(GuestNo guest);  // From its target.
  Slot& launch(const OfferingFacts& offering);
  void take_back_launch();  // The last one; it is empty.
};

// The node rate at which the guest's share reaches its maximum, with what is planned on the slot;
// the guest is one of its residents.
MicroUsdPerHour ceiling_on(const Slot& slot, const GuestFacts& guest);

// Bytes that a spot node can be rid of inside a notice.
std::int64_t escape_bytes_max(const fleet::Policy& policy);

// Another of the guest's group is so near to the slot that the group's spread does not allow it.
bool spread_broken(const State& state, const Slot& slot, GuestNo guest);

// Why the guest may not go there, "" if it may: capacity, spread, choices, escape bytes, and the
// ceilings of the guest and of all that are there.
std::string_view refusal(const State& state, const Slot& slot, GuestNo guest, Tier tier);
inline bool admits(const State& state, const Slot& slot, GuestNo guest, Tier tier) {
  return refusal(state, slot, guest, tier).empty();
}

// Puts on the slot whom it takes, in this order; the answer is who it was.
std::vector<GuestNo> fill(State& state, SlotNo slot, const std::vector<GuestNo>& guests, Tier tier);
// The same for a new node, and takes all back: who would be on it.
std::vector<GuestNo> try_new(State& state, const OfferingFacts& offering,
                             const std::vector<GuestNo>& guests, Tier tier);

// Largest first, then by name: the order in which guests are packed.
void sort_by_size(std::vector<GuestNo>& guests, const Facts& facts);

// Equal for slots that are the same but for their names and their guests' names.
std::vector<std::int64_t> signature(const State& state, const Slot& slot);

}  // namespace godwit::plan
