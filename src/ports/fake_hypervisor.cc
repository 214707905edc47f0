#include "ports/fake_hypervisor.h"

#include <format>

namespace godwit::ports {
namespace {

constexpr const char* kVersion = "10.0.13";
constexpr std::uint64_t kStepBytes = 1 << 20;

const char* name_of(const HypervisorCommand& command) {
  static constexpr const char* kNames[] = {"Boot",        "Receive",  "Run",    "Send",
                                           "CloseMirror", "Continue", "Finish", "Resume",
                                           "Discard",     "Inspect"};
  return kNames[command.index()];
}

bool is_abortable(const HypervisorCommand& command) {
  return !std::holds_alternative<Discard>(command) && !std::holds_alternative<Inspect>(command);
}

Failed failed(Code code, std::string why) { return {"", Error{code, std::move(why)}}; }
Failed unfit(std::string why) { return failed(Code::kFailedPrecondition, std::move(why)); }

}  // namespace

FakeHypervisor::~FakeHypervisor() {
  std::erase_if(wire_.listeners_, [this](const auto& entry) { return entry.second.node == this; });
}

void FakeHypervisor::submit(const GuestId& guest, HypervisorCommand command) {
  Qemu& q = guests_[guest];
  if (std::holds_alternative<Resume>(command) || std::holds_alternative<Discard>(command)) {
    if (!q.queue.empty() && is_abortable(q.queue.front())) q.step = 0;
    std::erase_if(q.queue, is_abortable);
  }
  q.queue.push_back(std::move(command));
}

// Waits for the peer, or for a Resume.
bool FakeHypervisor::blocked(const Qemu& q) {
  const HypervisorCommand& command = q.queue.front();
  if (std::holds_alternative<Finish>(command))
    return q.run == Run::kIncoming && q.stream != Stream::kFailed;
  return std::holds_alternative<Continue>(command) && q.stream == Stream::kDevice;
}

bool FakeHypervisor::pending(const GuestId& guest) const {
  const auto it = guests_.find(guest);
  return it != guests_.end() && !it->second.queue.empty() && !blocked(it->second);
}

bool FakeHypervisor::pending() const {
  for (const auto& [guest, q] : guests_)
    if (pending(guest)) return true;
  return false;
}

bool FakeHypervisor::deliver() {
  for (const auto& [guest, q] : guests_)
    if (pending(guest)) return deliver(guest);
  return false;
}

bool FakeHypervisor::deliver(const GuestId& guest) {
  if (!pending(guest)) return false;
  Qemu& q = guests_.at(guest);
  const HypervisorCommand command = q.queue.front();
  Outcome outcome = step(guest, q, command);
  if (!outcome) {
    ++q.step;
    return true;
  }
  q.queue.pop_front();
  q.step = 0;
  if (auto* f = std::get_if<Failed>(&*outcome)) f->command = name_of(command);
  sink_.offer({guest, std::move(*outcome)});
  return true;
}

FakeHypervisor::Outcome FakeHypervisor::step(const GuestId& id, Qemu& q,
                                             const HypervisorCommand& command) {
  if (std::holds_alternative<Discard>(command)) {
    end(q);
    return Discarded{};
  }
  if (std::holds_alternative<Inspect>(command)) return inspect(q);
  if (const auto* c = std::get_if<Boot>(&command)) {
    if (Outcome refused = start(id, q, c->machine)) return refused;
    q.run = Run::kPrelaunch;
    return Started{};
  }
  if (const auto* c = std::get_if<Receive>(&command)) return receive(id, q, *c);
  if (q.run == Run::kNone) return failed(Code::kNotFound, "no qemu");
  if (std::holds_alternative<ports::Run>(command)) return run(q);
  if (const auto* c = std::get_if<Send>(&command)) return send(id, q, *c);
  if (std::holds_alternative<CloseMirror>(command)) return close_mirror(q);
  if (std::holds_alternative<Continue>(command)) return go_on(q);
  if (std::holds_alternative<Finish>(command)) return finish(q);
  return resume(q);
}

FakeHypervisor::Outcome FakeHypervisor::start(const GuestId& id, Qemu& q,
                                              const MachineRecord& machine) {
  if (q.run != Run::kNone)
    return failed(Code::kAlreadyExists, std::format("{} has a qemu here", id.value));
  if (takes_fault(q, FakeFault::kStartFails)) return failed(Code::kUnavailable, "qemu ended");
  if (!machine.qemu_version.empty() && machine.qemu_version != kVersion)
    return unfit(std::format("machine record asks for qemu {}", machine.qemu_version));
  q.machine = machine;
  return std::nullopt;
}

FakeHypervisor::Outcome FakeHypervisor::receive(const GuestId& id, Qemu& q,
                                                const Receive& command) {
  if (Outcome refused = start(id, q, command.machine)) return refused;
  q.run = Run::kIncoming;
  q.attempt = command.attempt;
  q.epoch = command.epoch;
  q.key = command.key;
  q.port = wire_.next_port_;
  wire_.next_port_ = static_cast<std::uint16_t>(q.port + 2);
  wire_.listeners_[q.port] = {this, id};
  return Listening{q.port, static_cast<std::uint16_t>(q.port + 1)};
}

FakeHypervisor::Outcome FakeHypervisor::run(Qemu& q) {
  if (q.run != Run::kRunning) {
    const bool whole = q.stream == Stream::kNone || q.stream == Stream::kCompleted;
    const bool may =
        q.run == Run::kPrelaunch || q.run == Run::kPostmigrate || (q.run == Run::kPaused && whole);
    if (!may) return unfit("not paused");
    if (takes_fault(q, FakeFault::kRunFails)) return failed(Code::kUnavailable, "cont failed");
    q.run = Run::kRunning;
  }
  return Running{wire_.now};
}

FakeHypervisor::Qemu* FakeHypervisor::peer(std::uint16_t port) {
  const auto it = wire_.listeners_.find(port);
  if (it == wire_.listeners_.end()) return nullptr;
  return &it->second.node->guests_.at(it->second.guest);
}

FakeHypervisor::Outcome FakeHypervisor::send(const GuestId& id, Qemu& q, const Send& command) {
  Qemu* to = peer(command.migration_port);
  if (q.step == 0) {
    if (q.run != Run::kRunning || q.stream == Stream::kActive) return unfit("not running");
    if (!to || to->key != command.key || to->stream == Stream::kFailed)
      return failed(Code::kUnavailable, to ? "tls handshake failed" : "connection refused");
    if (!(to->machine == q.machine)) return unfit("another machine record");
    q.stream = Stream::kActive;
    q.mirror = Mirror::kReady;
    q.peer_port = command.migration_port;
    sink_.offer({id, MirrorReady{}});
    return std::nullopt;
  }
  if (!to || takes_fault(q, FakeFault::kStuck)) {
    q.stream = Stream::kFailed;
    q.mirror = Mirror::kNone;
    return failed(Code::kUnavailable, to ? "stream is stuck" : "connection reset");
  }
  to->stream = Stream::kActive;
  if (q.held || q.step == 1) {
    sink_.offer({id, Progress{static_cast<std::uint64_t>(q.step) * kStepBytes, kStepBytes}});
    return std::nullopt;
  }
  q.stream = Stream::kPreSwitchover;
  q.run = Run::kFinishMigrate;
  return Stopped{wire_.now};
}

FakeHypervisor::Outcome FakeHypervisor::close_mirror(Qemu& q) {
  if (q.stream != Stream::kPreSwitchover) return unfit("not pre-switchover");
  if (q.mirror != Mirror::kReady) return failed(Code::kNotFound, "no mirror");
  if (takes_fault(q, FakeFault::kMirrorError) || !peer(q.peer_port)) {
    q.mirror = Mirror::kBroken;
    return failed(Code::kUnavailable, "mirror ended with an error: Input/output error");
  }
  q.mirror = Mirror::kClosed;
  return MirrorClosed{};
}

FakeHypervisor::Outcome FakeHypervisor::go_on(Qemu& q) {
  if (q.stream == Stream::kSent) {
    q.stream = Stream::kCompleted;
    q.mirror = Mirror::kNone;
    q.run = Run::kPostmigrate;
    return Completed{std::uint64_t{q.machine.memory_mib} << 20, kStepBytes};
  }
  if (q.stream != Stream::kPreSwitchover) return unfit("not pre-switchover");
  if (q.mirror != Mirror::kClosed) return unfit("the mirror is not closed");
  if (takes_fault(q, FakeFault::kNoEnd)) {
    q.stream = Stream::kDevice;
    return std::nullopt;
  }
  Qemu* to = peer(q.peer_port);
  const bool late = takes_fault(q, FakeFault::kLateFailure);
  if (to) {
    to->memory = q.memory;
    to->stream = Stream::kCompleted;
    to->run = Run::kPaused;
  }
  if (!to || late) {
    q.stream = Stream::kFailed;
    q.mirror = Mirror::kNone;
    q.run = Run::kRunning;  // By itself.
    return failed(Code::kUnavailable, "stream failed: connection reset");
  }
  q.stream = Stream::kSent;
  return std::nullopt;
}

FakeHypervisor::Outcome FakeHypervisor::finish(Qemu& q) {
  if (q.run != Run::kPaused || q.stream != Stream::kCompleted)
    return unfit("no stream came in whole");
  // No more than one stream fills one listener.
  if (q.port != 0) wire_.listeners_.erase(q.port);
  q.port = 0;
  return Loaded{};
}

FakeHypervisor::Outcome FakeHypervisor::resume(Qemu& q) {
  if (q.run == Run::kIncoming || q.run == Run::kPrelaunch || q.run == Run::kPaused)
    return unfit("not the source of a stream");
  if (takes_fault(q, FakeFault::kResumeFails))
    return failed(Code::kDeadlineExceeded, "no answer from qemu");
  Qemu* to = peer(q.peer_port);
  const bool under_way = q.stream == Stream::kActive || q.stream == Stream::kPreSwitchover ||
                         q.stream == Stream::kDevice;
  if (q.stream == Stream::kSent) q.stream = Stream::kCompleted;
  if (under_way) {
    const bool late = takes_fault(q, FakeFault::kResumeTooLate) || q.stream == Stream::kDevice;
    if (to && late) {
      to->memory = q.memory;
      to->stream = Stream::kCompleted;
      to->run = Run::kPaused;
    } else if (to) {
      to->stream = Stream::kFailed;
    }
    q.stream = late && to ? Stream::kCompleted : Stream::kFailed;
  }
  q.mirror = Mirror::kNone;
  q.run = Run::kRunning;
  return Running{wire_.now};
}

Inspected FakeHypervisor::inspect(const Qemu& q) const {
  Inspected found;
  found.attempt = q.attempt;
  found.epoch = q.epoch;
  const bool under_way = q.stream == Stream::kActive || q.stream == Stream::kPreSwitchover ||
                         q.stream == Stream::kDevice || q.stream == Stream::kSent;
  switch (q.run) {
    case Run::kNone:
      return {};
    case Run::kPrelaunch:
      found.qemu = Inspected::Qemu::kPrelaunch;
      break;
    case Run::kIncoming:
      found.qemu = Inspected::Qemu::kIncoming;
      break;
    case Run::kPostmigrate:
      found.qemu = Inspected::Qemu::kCompleted;
      break;
    case Run::kPaused:
      found.qemu = Inspected::Qemu::kLoaded;
      break;
    case Run::kRunning:
    case Run::kFinishMigrate:
      found.qemu = under_way ? Inspected::Qemu::kSending : Inspected::Qemu::kRunning;
      break;
  }
  return found;
}

void FakeHypervisor::end(Qemu& q) {
  if (q.port != 0) wire_.listeners_.erase(q.port);
  Qemu empty;
  empty.queue = std::move(q.queue);
  empty.step = q.step;
  empty.faults = std::move(q.faults);
  empty.held = q.held;
  q = std::move(empty);
}

void FakeHypervisor::kill(const GuestId& guest) {
  Qemu& q = guests_[guest];
  if (q.run == Run::kNone) return;
  end(q);
  sink_.offer({guest, Gone{"signal 9"}});
}

void FakeHypervisor::forget() {
  for (auto& [guest, q] : guests_) {
    q.queue.clear();
    q.step = 0;
  }
}

std::uint64_t FakeHypervisor::memory(const GuestId& guest) const {
  const auto it = guests_.find(guest);
  return it == guests_.end() ? 0 : it->second.memory;
}

bool FakeHypervisor::has_qemu(const GuestId& guest) const {
  const auto it = guests_.find(guest);
  return it != guests_.end() && it->second.run != Run::kNone;
}

bool FakeHypervisor::holds_copy(const GuestId& guest) const {
  const auto it = guests_.find(guest);
  if (it == guests_.end()) return false;
  const Run run = it->second.run;
  return run == Run::kRunning || run == Run::kFinishMigrate || run == Run::kPostmigrate ||
         run == Run::kPaused;
}

bool FakeHypervisor::runs(const GuestId& guest) const {
  const auto it = guests_.find(guest);
  return it != guests_.end() && it->second.run == Run::kRunning;
}

}  // namespace godwit::ports
