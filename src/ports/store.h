// What the control plane keeps: rows, committed all or none, before anything that follows from them
// is sent. Observations (reports, prices) are not kept: after a restart they are asked for again.
// The journal (events, moves) is kept for people alone.
//
// A commit is a compare-and-set on the store's version: whoever loaded an older state loses as a
// whole (Aborted) and must end; so two control planes are safe, and an old leader does nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/money.h"
#include "base/time.h"
#include "ports/api.h"
#include "ports/container.h"
#include "ports/group_spec.h"
#include "ports/machine.h"
#include "ports/messages.h"

namespace godwit::ports {

// The part of a guest's row that says who may run it: core/migration/takeover.h, with names.
enum class GenerationKind { kNone, kOrder, kTakeover, kTaken };
struct CutName {
  EpochName epoch;
  AttemptName attempt;
  bool operator==(const CutName&) const = default;
};
struct OwnerRow {
  std::uint32_t generation = 0;
  GenerationKind kind = GenerationKind::kNone;
  NodeNames set, reach;
  EpochName reported;  // The newest report: this epoch ran at `holder`.
  NodeId holder;
  NodeId taker;                 // kTaken.
  std::optional<CutName> from;  // kTaken: what it starts from; none is a cold start.
  bool operator==(const OwnerRow&) const = default;
};

struct GuestRow {
  MachineRecord machine;
  std::optional<Container> container;
  OwnerRow owner;
  GroupId group;       // Empty: a guest by itself.
  NodeId wanted;       // Where it shall run, by the last plan or a user's wish; empty: undecided.
  std::string reason;  // Of `wanted`, one word: "cheaper", "manual".
  Time born{};         // When it was first wanted.
  Time ended{};        // When its deletion began; the epoch: it is wanted.
  bool operator==(const GuestRow&) const = default;
};

struct GroupRow {
  GroupSpec spec;
  std::uint64_t revision = 1;  // Of the spec.
  bool deleted = false;        // It goes when its last guest is gone.
  bool operator==(const GroupRow&) const = default;
};

// How far a node of ours has come. The row is written before what it says is asked for outside.
enum class NodeStage {
  kIntent,     // An instance is asked for, with the client token of `attempt`.
  kLaunched,   // It exists; its agent has not joined yet.
  kJoined,     // Its agent has a certificate.
  kEnding,     // It shall be terminated.
  kAbandoned,  // Empty, and left to the provider, who then charges less.
};

struct NodeRow {
  std::string address;  // Underlay.
  bool dead = false;    // Certified: its boot's memory is gone, for ever.
  NodeStage stage = NodeStage::kJoined;
  // What was asked for. An empty type: an instance that is not ours to launch or terminate.
  std::string type, zone;
  bool spot = false;
  MicroUsdPerHour max_price{};  // Spot: the maximum that the provider was told.
  std::uint32_t attempt = 0;
  std::string token, token_sha256;  // Of its joining; a secret until it was used, then empty.
  std::string key_sha256;           // Of the public key that joined with it.
  std::string instance;             // The provider's id.
  std::string boot_id;
  std::uint16_t port = 0;                   // Where its agent listens.
  std::uint32_t memory_mib = 0, vcpus = 0;  // That guests can have, as its agent said.
  bool cordoned = false, draining = false;
  Time launched{}, ended{};  // By the provider's clock, whole seconds; the epoch: not yet.
  bool ended_by_provider = false;
  std::string why;  // It was launched.
  bool operator==(const NodeRow&) const = default;
};

// Counters of the fleet: names and addresses are never given twice.
struct FleetRow {
  std::uint64_t nodes_named = 0;
  std::uint64_t addresses_given = 0;
  bool operator==(const FleetRow&) const = default;
};

// Of events and of moves, the newest so many by number are kept; a write beyond that is dropped.
inline constexpr std::uint64_t kJournalKept = 10'000;

struct Rows {
  std::map<GuestId, GuestRow> guests;
  std::map<NodeId, NodeRow> nodes;
  std::map<GroupId, GroupRow> groups;
  FleetRow fleet;
  // What happened, for people: by number. Nothing is decided by it.
  std::map<std::uint64_t, EventView> events;
  std::map<std::uint64_t, MoveView> moves;
  std::uint64_t version = 0;  // Of the store, counted by commits.
};

struct GuestWrite {
  GuestId guest;
  std::optional<GuestRow> row;  // nullopt removes it.
};
struct NodeWrite {
  NodeId node;
  std::optional<NodeRow> row;
};
struct GroupWrite {
  GroupId group;
  std::optional<GroupRow> row;
};
struct FleetWrite {
  FleetRow row;
};
// By its number. Bytes of a text that are not UTF-8 may come back as '?'.
struct EventWrite {
  EventView event;
};
struct MoveWrite {
  MoveView move;
};
using RowWrite = std::variant<GuestWrite, NodeWrite, GroupWrite, FleetWrite, EventWrite, MoveWrite>;

class Store {
 public:
  virtual ~Store() = default;
  virtual Result<Rows> load() = 0;
  // Durable when it returns; the version grows by one. Aborted: another version is in the store.
  virtual Status commit(std::uint64_t version, std::span<const RowWrite> writes) = 0;
};

}  // namespace godwit::ports
