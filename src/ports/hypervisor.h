// The door to the virtual machine monitor of one node. One guest has at most one QEMU here.
//
// Commands are accepted at once and answered by events; a guest's commands are done in order, one
// at a time, except that Resume and Discard overtake and abort what is under way. Every event but
// Gone answers a command; after an abort the aborted command is not answered any more. The order of
// one switchover is docs/architecture.md (the list of steps); who may run a guest is
// core/migration/ownership.h: this port never decides to run one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>

#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"
#include "ports/event_sink.h"
#include "ports/machine.h"

namespace godwit::ports {

// A fresh QEMU that waits (-S), empty overlay. Answer: Started or Failed.
struct Boot {
  MachineRecord machine;
  std::string tap;
};
// A QEMU that waits for a stream (-S -incoming defer), NBD export open, both under `key`. `attempt`
// and `epoch` (of the source) are part of the QEMU's -name, so that they can be read back. An
// overlay kept by an earlier Discard is used again. Answer: Listening or Failed.
struct Receive {
  MachineRecord machine;
  std::string tap;
  AttemptName attempt;
  EpochName epoch;
  std::string key;
};
// `cont`. Answer: Running (after QEMU's RESUME) or Failed. Refused with Failed unless the status is
// paused or prelaunch (never while a stream comes in).
struct Run {};
// Mirror the overlay, then migrate, then stop. Answers: MirrorReady, Progress*, Stopped, or Failed
// (the guest runs on).
struct Send {
  AttemptName attempt;
  std::string host;
  std::uint16_t migration_port = 0;
  std::uint16_t disk_port = 0;
  std::string key;
};
// After Stopped: end the mirror and see that it ended without error. Answer: MirrorClosed or
// Failed.
struct CloseMirror {};
// After MirrorClosed: leave pre-switchover. Answer: Completed, or Failed (the guest may already run
// by itself).
struct Continue {};
// At the destination: wait for the stream's end, close the export, activate the image. Answer:
// Loaded or Failed.
struct Finish {};
// At the source: the attempt is dead; let the guest run again, by `migrate_cancel` or `cont` as
// QEMU's state asks. Answer: Running or Failed.
struct Resume {};
// Kill QEMU; the overlay file is kept for a retry or deleted. Answer: Discarded (also when there
// was none).
struct Discard {
  bool keep_overlay = false;
};
// After an agent's restart: what is there? Answer: Inspected.
struct Inspect {};

using HypervisorCommand =
    std::variant<Boot, Receive, Run, Send, CloseMirror, Continue, Finish, Resume, Discard, Inspect>;

struct Started {};
struct Listening {
  std::uint16_t migration_port = 0;
  std::uint16_t disk_port = 0;
};
struct Running {
  Time at;
};  // QEMU's own timestamp of RESUME.
struct MirrorReady {};
struct Progress {
  std::uint64_t ram_bytes = 0;
  std::uint64_t disk_bytes = 0;
};  // Sent so far.
struct Stopped {
  Time at;
};  // QEMU's own timestamp of STOP; QEMU is in pre-switchover.
struct MirrorClosed {};
struct Completed {
  std::uint64_t ram_bytes = 0;
  std::uint64_t bytes_while_stopped = 0;
};
struct Loaded {};
struct Discarded {};
struct Failed {
  std::string command;
  Error error;
};  // `command` is the name of the struct, "Send".
// QEMU ended without being told to.
struct Gone {
  std::string how;
};
struct Inspected {
  enum class Qemu {
    kNone,       // No process.
    kRunning,    // Runs the guest; no stream under way.
    kSending,    // Runs, or stopped and not completed: a stream is under way (precopy,
                 // pre-switchover, device).
    kCompleted,  // The stream went out whole; paused (postmigrate).
    kPrelaunch,  // Booted with -S, never ran.
    kIncoming,   // Waits for a stream, or one is arriving.
    kLoaded,     // A stream came in whole; paused.
  };
  Qemu qemu = Qemu::kNone;
  std::optional<AttemptName> attempt;  // Of the stream that came in, from QEMU's -name.
  EpochName epoch;                     // Of that stream's source.
};

using HypervisorAnswer =
    std::variant<Started, Listening, Running, MirrorReady, Progress, Stopped, MirrorClosed,
                 Completed, Loaded, Discarded, Failed, Gone, Inspected>;

struct HypervisorEvent {
  GuestId guest;
  HypervisorAnswer answer;
};

class Hypervisor {
 public:
  virtual ~Hypervisor() = default;
  virtual void submit(const GuestId& guest, HypervisorCommand command) = 0;
};

}  // namespace godwit::ports
