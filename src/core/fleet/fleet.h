// What the planner is told of the world, as plain values. Whoever fills them in reads no meaning
// into them; what they mean for a decision is said here and decided in core/plan.
//
// Rates are per hour of the market: BillingRule::period_s seconds, 3600 unless compressed.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/money.h"
#include "base/time.h"
#include "core/fleet/policy.h"
#include "core/market/billing.h"
#include "core/market/price.h"

namespace godwit::fleet {

enum class CapacityType { kSpot, kOnDemand };

// What can be rented, by name. A spot key is a pool, the unit in which capacity disappears.
struct OfferingKey {
  market::Pool pool;
  CapacityType capacity = CapacityType::kSpot;
  auto operator<=>(const OfferingKey&) const = default;
};

// One that nests guests (the others are filtered before).
struct Offering {
  OfferingKey key;
  std::string family;                       // "c8i", as Group::families names it.
  std::string region, cloud;                // As Group names them; empty where there is only one.
  MicroUsdPerHour rate;                     // In effect now.
  MicroUsdPerHour on_demand;                // Of the same type in the same region.
  std::uint32_t memory_mib = 0, vcpus = 0;  // That guests can have: what a node of it will report.

  // Spot. Price changes since now - Policy::trend and the one in effect then, in order of time; may
  // be empty, then no trend is seen.
  std::vector<market::PriceChange> recent = {};
  // Spot. Since when the rate has been below on-demand without a break, as far as is known.
  std::optional<Time> below_since = {};
  // The provider refused (capacity or quota), and is not asked again before. The caller makes it
  // longer with each refusal in a row.
  std::optional<Time> refused_until = {};
  // Spot. When an instance of this pool was interrupted last, its notice counts.
  std::optional<Time> lost_at = {};
  bool operator==(const Offering&) const = default;
};

// Guests of the group are on different nodes, on different pools (on-demand: nodes), in different
// zones.
enum class Spread { kNone, kNode, kPool, kZone };
// When no place costs at most the maximum: on-demand all the same, or stay unplaced until there is
// one. Only for guests that do not run yet: a running guest is never stopped by a plan.
enum class AboveMaximum { kOnDemand, kWait };

// Both empty: everything. `allow` not empty: nothing else. `deny` wins.
struct Choice {
  std::set<std::string> allow, deny;
  bool operator==(const Choice&) const = default;
};
bool admits(const Choice& choice, const std::string& name);

struct Group {
  GroupId id;
  std::optional<MicroUsdPerHour> maximum_price;  // Of one guest's share. None: on-demand.
  AboveMaximum above_maximum = AboveMaximum::kOnDemand;
  Spread spread = Spread::kNone;
  Choice clouds, regions, zones, families;
  bool operator==(const Group&) const = default;
};

// The exact words of moves; the last two are for launches and placements only.
enum class Reason {
  kCheaper,
  kNotice,
  kMaxPrice,
  kCapacity,  // On-demand, because no spot was to be had: the fallback.
  kReturn,    // Back from on-demand.
  kDrain,
  kManual,
  kConsolidate,
  kRebalance,
  kLoss,
  kStart,
  kEscape,  // Room for escapes.
};
std::string to_string(Reason reason);

struct Guest {
  GuestId id;
  GroupId group;
  std::uint32_t memory_mib = 0, vcpus = 1;
  // Where it runs, starts, or ran last as far as is known. A node that is not in the world: lost.
  std::optional<NodeId> on;
  // Where it shall run: what the last adopted plan or a user's wish said. Kept while it is sound.
  std::optional<NodeId> wanted;
  std::optional<NodeId> moving_to;   // A move is under way; it is not disturbed.
  Time since_on;                     // It runs on `on` since.
  std::int64_t bytes = 0;            // To be copied by a move: memory and overlay. 0: memory_mib.
  std::vector<NodeId> escapes = {};  // Of the last adopted plan.
  // Nodes that it could not come to now: its image is not there yet.
  std::set<NodeId> preparing = {};
  bool operator==(const Guest&) const = default;
};

enum class Phase {
  kLaunching,    // From the intent until its agent has joined.
  kReady,        // May take guests.
  kCordoned,     // Takes no new guests.
  kDraining,     // Cordoned, and its guests shall leave.
  kAbandoned,    // By Abandon: left for the provider to end.
  kTerminating,  // By Terminate, or its end was seen.
};

// An instance of ours that lives, or is asked for. One whose memory is certified gone is left out.
struct Node {
  NodeId id;
  OfferingKey offering;
  Phase phase = Phase::kLaunching;
  std::uint32_t memory_mib = 0, vcpus = 0;  // That guests can have. 0 MiB: as its offering.
  Time launched;                            // By the provider: the bill's start. Launching: asked.
  std::optional<MicroUsdPerHour> bid;       // Spot: the maximum price that the provider was told.
  std::optional<Time> notice;               // Interruption was announced: when it will be ended.
  // Since when no guest runs on it, moves to it or is wanted on it, as far as is known; none: some.
  std::optional<Time> idle_since;
  // Attached and heard of lately: an unreachable node is no destination, its guests stay.
  bool reachable = true;
  bool operator==(const Node&) const = default;
};

struct World {
  Time now;
  std::string incarnation;      // Nodes are named "n-INCARNATION-NUMBER".
  std::uint64_t next_node = 1;  // The first number that was never used.
  // Permuting what was put in changes nothing: all are ordered by name.
  std::map<OfferingKey, Offering> offerings;
  std::map<GroupId, Group> groups;
  std::map<GuestId, Guest> guests;  // All that shall exist.
  std::map<NodeId, Node> nodes;
  Policy policy;
  market::BillingRule billing;
};

}  // namespace godwit::fleet
