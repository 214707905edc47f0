// What agents, the gateway and the control plane say to each other, mostly about one guest (the
// protocol is core/migration/ownership.h). Any message may be lost, late, doubled or overtaken;
// whoever waits repeats.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
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
  // The source's part of the story (as in Moved), since it may be gone before it tells it. Carries
  // no right. 0: it does not know.
  std::int64_t begun_us = 0, stopped_us = 0;
  std::uint64_t bytes = 0, bytes_while_stopped = 0;
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

// The holder to every other agent and to the gateway, after RESUME and now and then: packets for
// the guest go to this node. A register that only grows (migration::Route): an older epoch is
// ignored.
struct RouteAt {
  std::string address;       // The guest's.
  std::string node_address;  // Underlay, of the node it runs on.
  EpochName epoch;
};

// Control plane to agent and gateway.
struct PeerAddress {
  std::string address;     // Underlay, IPv4.
  std::uint16_t port = 0;  // Where it listens for other agents.
  bool operator==(const PeerAddress&) const = default;
};
// The whole picture of the living nodes; it replaces the one before. About no guest.
struct Fleet {
  std::map<NodeId, PeerAddress> nodes;  // The receiver may be among them.
  std::optional<PeerAddress> gateway;
  bool operator==(const Fleet&) const = default;
};
// The files of machine records that this node shall have, by their SHA-256, since it is, or may
// come, into the set of a guest that needs them. The whole list; it replaces the one before. About
// no guest.
struct ImagesWanted {
  std::set<std::string> sha256;
};
// Control plane to gateway: all the published ports of this guest. None: none any more.
struct Publish {
  std::string address;  // The guest's.
  std::vector<Port> ports;
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

// The guest is deleted for good: nothing of it stays, and nothing of this generation or an older
// one is ever accepted again.
struct Forget {
  std::uint32_t generation = 0;
};
// Lines of the guest's log from this number on, at most so many; a page may be shorter.
struct LogsWanted {
  std::uint64_t request = 0;  // The answer names it.
  std::uint64_t from = 1;
  std::uint32_t limit = 0;
};
// A program beside the container.
struct ExecWanted {
  std::uint64_t request = 0;
  std::vector<std::string> argv;  // Never empty.
  std::uint32_t timeout_ms = 0;   // Then it is killed. 0: none.
};

// Agent to control plane.
// What a node is and how it is, told at each attach and at each change. About no guest.
struct NodeState {
  std::string boot_id;
  std::string address;  // As in PeerAddress.
  std::uint16_t port = 0;
  std::uint32_t memory_mib = 0, vcpus = 0;  // That guests can have in all.
  std::optional<Time> notice;               // The provider has said that it ends the instance then.
  std::string notice_why;
  std::set<std::string> images;  // Of those wanted, what is here and was checked.
  bool operator==(const NodeState&) const = default;
};
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
// The story of a finished or failed move, for people and benchmarks; carries no right. Both ends
// tell it, each what it knows; the last ones of each guest are told again whenever the control
// plane is there again.
struct Moved {
  AttemptName attempt;  // Without a source: none was begun.
  bool done = false;
  std::string why;  // Of a failure.
  // Microseconds since the epoch; 0: not seen. The first PREPARE by the source's clock, the others
  // are QEMU's timestamps.
  std::int64_t begun_us = 0, stopped_us = 0, resumed_us = 0;
  std::uint64_t bytes = 0, bytes_while_stopped = 0;
  EpochName epoch;  // Done: under which the destination runs it.
};

// Nothing of the guest is here, and nothing up to this generation will be.
struct Forgotten {
  std::uint32_t generation = 0;
};
struct LogsRead {
  std::uint64_t request = 0;
  std::vector<LogLine> lines;
  std::uint64_t next = 1;  // The `from` of the next page.
  bool ended = false;      // There will be no more.
  std::string error;       // Empty: none.
};
struct ExecDone {
  std::uint64_t request = 0;
  std::int32_t exit_status = -1;  // 0 to 255; -1: ended by `signal`, or never started (`error`).
  std::int32_t signal = 0;
  std::string out, err;       // Any bytes.
  std::uint64_t dropped = 0;  // Bytes of output beyond the limit.
  std::string error;          // Empty: it was run.
};

// The guest's clock was set after a RESUME; for people and benchmarks. Fields as in ClockWasSet.
struct ClockSet {
  std::int64_t behind_us = 0, stepped_us = 0, ahead_us = 0, round_trip_us = 0;
};

using Body =
    std::variant<Prepare, Ready, NotReady, Switch, Switched, StreamLoaded, Cancel, Grant, Ack,
                 Refuse, Order, Seal, Take, AskClear, AskReport, Move, Report, Not, Pend, Clear,
                 Moved, ContainerState, ClockSet, Fleet, NodeState, RouteAt, Publish, Forget,
                 Forgotten, LogsWanted, LogsRead, ExecWanted, ExecDone, ImagesWanted>;

// About a node; all others are about a guest.
template <class T>
inline constexpr bool kNodeLevel =
    std::is_same_v<T, Fleet> || std::is_same_v<T, NodeState> || std::is_same_v<T, ImagesWanted>;

// The places of the control plane and the gateway in `from` and `to`.
inline const NodeId kControl{"control"};
inline const NodeId kGateway{"gateway"};

struct Message {
  GuestId guest;  // Empty exactly when the body is about a node.
  NodeId
      from;  // Set by the transport from the sender's certificate, never believed from the bytes.
  NodeId to;
  Body body;
};

}  // namespace godwit::ports
