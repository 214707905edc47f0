// What an agent writes down beside its guests: one line per guest, as durable as the memory it
// speaks of (a file on tmpfs, or on disk without fsync, with the boot id in it). It survives the
// agent, not a reboot.
#pragma once

#include <map>
#include <optional>

#include "base/error.h"
#include "ports/messages.h"

namespace godwit::ports {

struct GuestRecord {
  RoleName role = RoleName::kIdle;
  EpochName epoch;            // Of the role.
  EpochName held;             // The highest epoch that ran here.
  std::uint32_t sealed = 0;   // The lowest generation it may still accept.
  NodeNames set;              // Of the epoch's generation.
  std::uint32_t counter = 0;  // Of cuts.
  NodeId to;                  // When granted.
  AttemptName attempt;        // When granted.
  MachineRecord machine;
  std::optional<Container> container;  // None: the guest has no init of ours.
  bool operator==(const GuestRecord&) const = default;
};

class Record {
 public:
  virtual ~Record() = default;
  // Done (write(2) returned) before anything that follows from it leaves the node. nullopt forgets
  // the guest.
  virtual Status put(const GuestId& guest, const std::optional<GuestRecord>& record) = 0;
  // FailedPrecondition if the record has another boot id: its guests died with that boot.
  virtual Result<std::map<GuestId, GuestRecord>> load() = 0;
};

}  // namespace godwit::ports
