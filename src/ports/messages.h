// What agents say to each other and to the control plane about one guest (the protocol is
// core/migration/ownership.h). Any message may be lost, late, doubled or overtaken; whoever waits
// repeats.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "ports/container.h"
#include "ports/machine.h"

namespace godwit::ports {

using NodeNames = std::set<NodeId>;

// Agent to agent.
struct Prepare {
  AttemptName attempt;
  EpochName epoch;
  std::string key;
  MachineRecord machine;
  std::optional<Container> container;  // As in Take: what the destination's record will say.
};
struct Ready {
  AttemptName attempt;
  std::string host;
  std::uint16_t migration_port = 0;
  std::uint16_t disk_port = 0;
};
struct NotReady {
  AttemptName attempt;
  std::string why;
};
struct Switch {
  AttemptName attempt;
};
struct Switched {
  AttemptName attempt;
};
struct StreamLoaded {
  AttemptName attempt;
};
struct Cancel {
  AttemptName attempt;
};
struct Grant {
  AttemptName attempt;
  EpochName epoch;
  NodeNames set;
};
struct Ack {
  EpochName epoch;
  NodeId ran_at;
};
struct Refuse {
  AttemptName attempt;
  EpochName epoch;
  std::string why;
};

// Control plane to agent.
struct Order {
  std::uint32_t generation = 0;
  NodeNames set;
};
struct Seal {
  std::uint32_t generation = 0;
  NodeNames set;
};
struct Take {
  std::uint32_t generation = 0;
  NodeNames set;
  // From the copy with this cut that T has, or none: a cold start of `machine`.
  std::optional<AttemptName> from;
  MachineRecord machine;
  // What a cold start runs in the guest. None: a guest without our init, which is left to itself.
  std::optional<Container> container;
};
struct AskClear {
  std::uint32_t generation = 0;
};
struct AskReport {};
// Leave for `to`, a node of the set. The agent would do the same by its escape plan.
struct Move {
  NodeId to;
};

// Agent to control plane.
enum class RoleName { kIdle, kHolds, kGranted };
struct Spare {
  AttemptName attempt;
  EpochName epoch;
};
struct Report {
  RoleName role = RoleName::kIdle;
  EpochName epoch, held;
  std::uint32_t counter = 0;
  std::optional<Spare> spare;
  bool qemu_gone = false;  // The holder lost its QEMU.
};
struct Not {
  std::uint32_t generation = 0;
  std::optional<Spare> spare;
};
struct Pend {
  std::uint32_t generation = 0;
  AttemptName attempt;
  EpochName epoch;
  NodeId to;
};
struct Clear {
  std::uint32_t generation = 0;
};
// The story of a finished or failed move, for people and benchmarks; carries no right.
struct Moved {
  AttemptName attempt;  // Without a source: none was begun.
  bool done = false;
  std::string why;  // Of a failure.
  std::int64_t stopped_us = 0,
               resumed_us = 0;  // QEMU's timestamps, microseconds since the epoch; 0 = not seen.
  std::uint64_t bytes = 0, bytes_while_stopped = 0;
};

// The guest's clock was set after a RESUME; for people and benchmarks. Fields as in ClockWasSet.
struct ClockSet {
  std::int64_t behind_us = 0, stepped_us = 0, ahead_us = 0, round_trip_us = 0;
};

using Body = std::variant<Prepare, Ready, NotReady, Switch, Switched, StreamLoaded, Cancel, Grant,
                          Ack, Refuse, Order, Seal, Take, AskClear, AskReport, Move, Report, Not,
                          Pend, Clear, Moved, ContainerState, ClockSet>;

// The control plane's place in `from` and `to`.
inline const NodeId kControl{"control"};

struct Message {
  GuestId guest;
  NodeId
      from;  // Set by the transport from the sender's certificate, never believed from the bytes.
  NodeId to;
  Body body;
};

}  // namespace godwit::ports
