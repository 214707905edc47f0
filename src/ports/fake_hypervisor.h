// The Hypervisor port in memory: true small QEMUs that do one step at a time, when they are told
// to.
//
// submit() only queues. Nothing happens until deliver(), which does one step of one guest and
// offers the events of that step; so a test or the simulator owns the timing. Fakes that share a
// FakeWire reach each other by port number, and a Send on one fills a Receive on the other.
//
//   while (fake.deliver()) {}   // Everything there is to do has been done.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "ports/hypervisor.h"

namespace godwit::ports {

class FakeHypervisor;

// The network between the fakes, and their clock. Outlives them.
class FakeWire {
 public:
  // QEMU's timestamps; moved by whoever owns the wire.
  Time now{};

 private:
  friend class FakeHypervisor;
  struct End {
    FakeHypervisor* node = nullptr;
    GuestId guest;
  };
  std::map<std::uint16_t, End> listeners_;  // By migration port; the disk port is the next one.
  std::uint16_t next_port_ = 40000;
};

// What goes wrong once, at the next step it fits: all seen on QEMU, or read in its code.
enum class FakeFault {
  kMirrorError,    // CloseMirror: the job concludes with an error (an export gone, say).
  kLateFailure,    // Continue: the peer has loaded all, the acknowledgement is lost, QEMU here says
                   // failed and runs the guest by itself.
  kNoEnd,          // Continue: stays in `device`; no answer comes, only Resume ends it.
  kResumeTooLate,  // Resume finds that the stream has completed meanwhile: runs by `cont`.
  kRunFails,       // Run: `cont` fails; the guest stays paused.
  kStartFails,     // Boot, Receive.
  kStuck,          // Send: gives up in precopy.
  kResumeFails,    // Resume: no answer in time; nothing has changed.
};

class FakeHypervisor final : public Hypervisor {
 public:
  FakeHypervisor(FakeWire& wire, EventSink<HypervisorEvent>& sink) : wire_(wire), sink_(sink) {}
  ~FakeHypervisor() override;

  void submit(const GuestId& guest, HypervisorCommand command) override;

  // Whether a step could be done, for any guest or for this one.
  bool pending() const;
  bool pending(const GuestId& guest) const;
  // Does one step; of the guest least in order of id that has one. False: there was none.
  bool deliver();
  bool deliver(const GuestId& guest);

  void plant(const GuestId& guest, FakeFault fault) { guests_[guest].faults.insert(fault); }
  // While on, streams of this guest stay in precopy, with Progress at each step.
  void hold_stream(const GuestId& guest, bool on) { guests_[guest].held = on; }
  // QEMU ends by itself: Gone at once.
  void kill(const GuestId& guest);
  // The agent's restart: what was under way is forgotten, the QEMUs stay as they are.
  void forget();

  // The witness of one memory: set while the guest runs, carried by its stream.
  std::uint64_t memory(const GuestId& guest) const;
  void set_memory(const GuestId& guest, std::uint64_t value) { guests_[guest].memory = value; }
  bool runs(const GuestId& guest) const;
  bool has_qemu(const GuestId& guest) const;
  // The QEMU here has all of the guest's memory: runs, ran and is paused, or received it whole.
  bool holds_copy(const GuestId& guest) const;

 private:
  enum class Run { kNone, kPrelaunch, kRunning, kIncoming, kFinishMigrate, kPostmigrate, kPaused };
  // kSent: all is at the peer, its acknowledgement is on its way.
  enum class Stream { kNone, kActive, kPreSwitchover, kDevice, kSent, kCompleted, kFailed };
  enum class Mirror { kNone, kReady, kClosed, kBroken };
  struct Qemu {
    // The program.
    Run run = Run::kNone;
    Stream stream = Stream::kNone;
    Mirror mirror = Mirror::kNone;
    MachineRecord machine;
    std::optional<AttemptName> attempt;
    EpochName epoch;
    std::string key;
    std::uint16_t port = 0;       // Listens there; 0: no more.
    std::uint16_t peer_port = 0;  // Sends there.
    std::uint64_t memory = 0;
    // Our side of it.
    std::deque<HypervisorCommand> queue;
    int step = 0;  // Of the command in front.
    std::set<FakeFault> faults;
    bool held = false;
  };
  // What a step came to: the answer that ends the command, or none yet.
  using Outcome = std::optional<HypervisorAnswer>;

  Outcome step(const GuestId& id, Qemu& q, const HypervisorCommand& command);
  Outcome start(const GuestId& id, Qemu& q, const MachineRecord& machine);
  Outcome receive(const GuestId& id, Qemu& q, const Receive& command);
  Outcome run(Qemu& q);
  Outcome send(const GuestId& id, Qemu& q, const Send& command);
  Outcome close_mirror(Qemu& q);
  Outcome go_on(Qemu& q);
  Outcome finish(Qemu& q);
  Outcome resume(Qemu& q);
  Inspected inspect(const Qemu& q) const;
  void end(Qemu& q);
  Qemu* peer(std::uint16_t port);
  static bool takes_fault(Qemu& q, FakeFault fault) { return q.faults.erase(fault) > 0; }
  static bool blocked(const Qemu& q);

  FakeWire& wire_;
  EventSink<HypervisorEvent>& sink_;
  std::map<GuestId, Qemu> guests_;
};

}  // namespace godwit::ports
