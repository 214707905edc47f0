// Observed and wanted world in, plan out. A pure function: same world, same plan, whatever happened
// before; so it can be shown, stored, compared and refused before anything is done.
//
// The caller adopts a plan by writing rows, then acts: Place, Move and Stay set the guest's
// `wanted`; Launch makes a node in phase kLaunching with its intent; Terminate and Abandon change a
// node's phase; escapes replace the guest's. World::next_node becomes Plan::next_node. With that
// done, make_plan of the same world has no actions but the end of nodes that the moves empty.
// A guest goes to its wanted node as soon as that is ready: no plan says so again.
// If a launch is refused, the node is dropped and the offering's refused_until set: the guests that
// wanted it are planned anew.
//
// The rules, in order (each can be found by its name in the folder):
//   1. keep     a guest stays wanted where it is wanted, while that is sound
//   2. leave    notice, max-price (two guards), drain, loss, start: the guest needs another place
//   3. place    ready room first if it hurries; else the cheapest way for the whole fleet, escape
//               room counted; spot in sound pools before on-demand
//   4. escape   every spot node, and every pool at once, has its guests' room reserved elsewhere
//   5. retire   empty nodes that no escape needs: Terminate, or Abandon where it will be refunded
//   6. rebalance  one guest at a time that breaks its group's spread, where another place is
//   7. improve  cheaper, return, consolidate: whole nodes, if it pays, with hysteresis
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/fleet/fleet.h"

namespace godwit::plan {

// What a decision weighs: gains positive, costs negative, in one unit. Over the expected stay.
struct Term {
  std::string name;  // "saving", "pause", "interruption", "transfer", "double pay".
  MicroUsd amount;
  bool operator==(const Term&) const = default;
};
// What was not chosen, and why: "0.0341 $/h more".
struct Rejected {
  fleet::OfferingKey offering;
  std::string why;
  bool operator==(const Rejected&) const = default;
};

struct Launch {
  NodeId node;
  fleet::OfferingKey offering;
  MicroUsdPerHour rate;                // Now.
  std::optional<MicroUsdPerHour> bid;  // Spot: the maximum price to tell the provider.
  std::vector<GuestId> guests;         // It is for; with kEscape: whose room it is.
  fleet::Reason reason = fleet::Reason::kStart;
  std::vector<Term> terms = {};
  std::vector<Rejected> rejected = {};
  bool operator==(const Launch&) const = default;
};
// A guest that runs nowhere: kStart, or kLoss. With kLoss `node` is where to take over.
struct Place {
  GuestId guest;
  NodeId node;
  fleet::Reason reason = fleet::Reason::kStart;
  bool operator==(const Place&) const = default;
};
// One of a decision: those for money are of whole nodes, and each move has the terms of the whole.
struct Move {
  GuestId guest;
  NodeId from, to;
  fleet::Reason reason = fleet::Reason::kCheaper;
  std::vector<Term> terms = {};
  std::vector<Rejected> rejected = {};
  bool operator==(const Move&) const = default;
};
// A move that was wanted and has not begun is called off.
struct Stay {
  GuestId guest;
  NodeId node;
  std::string why;
  bool operator==(const Stay&) const = default;
};
// Of an empty node.
struct Terminate {
  NodeId node;
  std::string why;
  bool operator==(const Terminate&) const = default;
};
// Of an empty node that the provider will end, and then charge less: nothing is done to it.
struct Abandon {
  NodeId node;
  std::string why;
  bool operator==(const Abandon&) const = default;
};
using Action = std::variant<Launch, Place, Move, Stay, Terminate, Abandon>;

// Seconds of the notice left over if an escape began now, after the reserve. Below 0: it does not
// fit. `reserved` is false if some guest has no destination that is ready, its image included.
struct Slack {
  std::int64_t seconds = 0;
  bool reserved = true;
  bool operator==(const Slack&) const = default;
};

struct Plan {
  // Launches first, in order of number, then what uses them, ends last; these in order of name.
  std::vector<Action> actions;
  // Of every guest on spot, also without actions: ready nodes in other pools, best first; the first
  // has its room reserved, also if the whole pool escapes at once. A guest under notice goes to the
  // first that still lives.
  std::map<GuestId, std::vector<NodeId>> escapes;
  std::map<GuestId, std::string> unplaceable;  // Guests without a place, and why.
  std::map<NodeId, Slack> slack;               // Of spot nodes with guests.
  std::map<market::Pool, Slack> pool_slack;    // Of their pools, ended all at once.
  std::vector<std::string> warnings;           // Promises that do not hold at the moment.
  std::optional<Time> look_again;              // Nothing but time can change the plan before.
  std::uint64_t next_node = 1;
  bool operator==(const Plan&) const = default;
};

Plan make_plan(const fleet::World& world);

}  // namespace godwit::plan
