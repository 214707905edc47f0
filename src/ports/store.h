// What the control plane keeps: rows, committed all or none, before anything that follows from them
// is sent. Observations (reports, prices) are not kept: after a restart they are asked for again.
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
#include "ports/container.h"
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
  bool operator==(const GuestRow&) const = default;
};

struct NodeRow {
  std::string address;  // Underlay.
  bool dead = false;    // Certified: its boot's memory is gone, for ever.
  bool operator==(const NodeRow&) const = default;
};

struct Rows {
  std::map<GuestId, GuestRow> guests;
  std::map<NodeId, NodeRow> nodes;
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
using RowWrite = std::variant<GuestWrite, NodeWrite>;

class Store {
 public:
  virtual ~Store() = default;
  virtual Result<Rows> load() = 0;
  // Durable when it returns; the version grows by one. Aborted: another version is in the store.
  virtual Status commit(std::uint64_t version, std::span<const RowWrite> writes) = 0;
};

}  // namespace godwit::ports
