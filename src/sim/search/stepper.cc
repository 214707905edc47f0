// What happens at the nodes: QEMUs, agents, faults, and messages that arrive.
#include "sim/search/stepper.h"

#include <algorithm>
#include <format>
#include <utility>

#include "base/check.h"

namespace godwit::search {
namespace {

// Its agent has told QEMU to end, which is a matter of milliseconds unless the agent crashes.
bool is_doomed(const NodeView& node) {
  return node.agent.place == Place::kDiscarding || node.agent.place == Place::kUnaccepting;
}

// A whole image that could run.
bool is_copy(const NodeView& node) {
  if (node.dead || node.qemu.broken || is_doomed(node)) return false;
  const Qemu q = node.qemu.state;
  return q == Qemu::kRuns || q == Qemu::kPreSwitchover || q == Qemu::kCompleted ||
         q == Qemu::kWhole;
}

bool discards(Do effect) { return effect == Do::kDiscardAll || effect == Do::kDiscardKeepOverlay; }

void break_property(Transition& out, std::string what) {
  if (out.broken.empty()) out.broken = std::move(what);
}

}  // namespace

void Stepper::emit(Transition&& out, const std::function<std::string()>& label) {
  if (going_) going_ = take_(std::move(out), label);
}

void Stepper::send(Transition& out, Message message) { out.next.sent.set(model_.intern(message)); }

// A guest begins to run at n, under its agent's epoch.
void Stepper::starts(Transition& out, Node n) {
  World& w = out.next;
  NodeView& node = w.nodes[n];
  for (Node other = 0; other < kNodes; ++other) {
    if (other == n) continue;
    if (!w.nodes[other].dead && w.nodes[other].qemu.state == Qemu::kRuns)
      break_property(out, std::format("S1: {} and {} run", n, other));
    if (is_copy(w.nodes[other]) && w.nodes[other].qemu.version > node.qemu.version)
      break_property(out, std::format("S2: {} starts, {} has a newer copy", n, other));
  }
  if (w.head && w.head_version > node.qemu.version)
    break_property(out, std::format("S2: {} starts, the vault has a newer copy", n));
  const Epoch epoch = node.agent.record.epoch;
  if (epoch < w.ran || (epoch == w.ran && w.ran_at != n))
    break_property(out,
                   std::format("S5: {} runs epoch {}.{} after {}.{} ran at {}", n, epoch.generation,
                               epoch.hop, w.ran.generation, w.ran.hop, w.ran_at));
  w.ran = epoch;
  w.ran_at = n;
  node.qemu.state = Qemu::kRuns;
  node.qemu.broken = false;
  node.qemu.version = ++w.top;
}

// The protocol decides to kill the QEMU of n.
void Stepper::removes(Transition& out, Node n, bool was_copy) {
  World& w = out.next;
  if (!was_copy || w.nodes[n].qemu.version != w.top) return;
  bool left = w.head && w.head_version == w.top;
  for (Node other = 0; other < kNodes; ++other)
    left = left || (other != n && is_copy(w.nodes[other]) && w.nodes[other].qemu.version == w.top);
  if (!left) break_property(out, std::format("S3: {} removes the last copy of the newest", n));
}

bool Stepper::agent(Transition& out, Node n, const Input& input) {
  NodeView& node = out.next.nodes[n];
  const Outcome outcome = step(rules().agent, n, node.agent, input);
  if (!outcome.row) return false;
  ++model_.taken_[outcome.row->name];
  const bool was_copy = is_copy(node);
  const State before = node.agent;  // A row may forget the attempt that its messages name.
  node.agent = outcome.next;
  if (std::ranges::any_of(outcome.effects, discards)) removes(out, n, was_copy);
  for (const Do effect : outcome.effects) carry_out(out, n, effect, input, before);
  return true;
}

void Stepper::carry_out(Transition& out, Node n, Do effect, const Input& in, const State& before) {
  NodeView& node = out.next.nodes[n];
  State& s = node.agent;
  const Record& r = s.record;
  switch (effect) {
    case Do::kWrite:
      node.written = r;
      return;
    case Do::kReceive:
      node.qemu = {.state = Qemu::kIncoming, .in = in.attempt, .in_epoch = in.epoch};
      return;
    case Do::kBoot:
      node.boots_from = in.attempt.source == kNoNode ? std::uint8_t{0} : out.next.head_version;
      return;
    case Do::kDiscardAll:
    case Do::kDiscardKeepOverlay:
      // A step of its own, but for a planted bug that does not wait for it.
      if (!is_doomed(node)) node.qemu = {};
      return;
    case Do::kStopAgent:
      return break_property(out, std::format("{}: record and QEMU contradict each other", n));
    case Do::kResume:
    case Do::kRun:
    case Do::kFinish:
      return;  // The place says so; steps of their own.
    default:
      return say(out, n, effect, in, before);
  }
}

// The messages of a row. `before`: a row may forget the attempt that its messages name.
void Stepper::say(Transition& out, Node n, Do effect, const Input& in, const State& before) {
  NodeView& node = out.next.nodes[n];
  const State& s = node.agent;
  const Record& r = s.record;
  const auto spare = [&]() -> std::optional<Cut> {
    if (s.place != Place::kSpare) return std::nullopt;
    return Cut{s.source_epoch, s.attempt};
  };
  switch (effect) {
    case Do::kSendPrepare:
      return send(out, {Kind::kPrepare, n, s.to, s.attempt, r.epoch});
    case Do::kSendLoaded:
      return send(out, {Kind::kLoaded, n, s.attempt.source, s.attempt});
    case Do::kSendCancel:
      if (before.to == kNoNode) return;  // Forgotten over a restart.
      return send(out, {Kind::kCancel, n, before.to, before.attempt});
    case Do::kSendGrant:
      return send(out, {.kind = Kind::kGrant,
                        .from = n,
                        .to = r.to,
                        .attempt = r.attempt,
                        .epoch = r.epoch,
                        .set = r.set});
    case Do::kSendAck: {
      const Node to = in.from == kNoNode ? before.attempt.source : in.from;
      if (to == kNoNode || to >= kNodes) return;
      return send(out, {.kind = Kind::kAck, .from = n, .to = to, .epoch = r.held});
    }
    case Do::kSendRefuse:
      if (in.on == On::kDiscarded)
        return send(out, {Kind::kRefuse, n, before.attempt.source, before.attempt, s.refused});
      return send(out, {Kind::kRefuse, n, in.from, in.attempt, in.epoch});
    case Do::kSendNot:
      return send(out, {.kind = Kind::kNot,
                        .from = n,
                        .to = kControlPlane,
                        .generation = in.on == On::kSeal ? in.generation : r.sealed,
                        .copy = spare()});
    case Do::kSendPend:
      return send(out, {.kind = Kind::kPend,
                        .from = n,
                        .to = kControlPlane,
                        .epoch = r.epoch,
                        .generation = in.generation,
                        .copy = Cut{{r.epoch.generation, r.epoch.hop - 1}, r.attempt}});
    case Do::kSendClear:
      return send(
          out, {.kind = Kind::kClear, .from = n, .to = kControlPlane, .generation = in.generation});
    case Do::kSendReport:
      if (r.role != Role::kHolds) return;  // What it says was reported when that epoch ran.
      return send(
          out,
          {.kind = Kind::kReport, .from = n, .to = kControlPlane, .epoch = r.held, .role = r.role});
    case Do::kSendCheckpoint: {
      World& w = out.next;
      const Cut cut{r.epoch, {n, r.counter}};
      w.checkpoints[w.cuts++] = {cut, node.qemu.version};
      node.qemu.version = ++w.top;  // It runs on: its memory is newer than what was cut.
      return send(out, {.kind = Kind::kCheckpoint, .from = n, .to = kVault, .copy = cut});
    }
    default:
      CHECK(false);  // A change of the state: step() has done it.
  }
}

void Stepper::inside(Node n) {
  const NodeView& node = world_.nodes[n];
  if (node.dead) return;
  stream(n);
  resume(n);
  run(n);
  discard(n);
  const Place place = node.agent.place;
  const auto simply = [&](On on, const char* what) {
    Transition out{world_, {}};
    if (agent(out, n, {.on = on}))
      emit(std::move(out), [&] { return std::format("{} {}", n, what); });
  };
  if (place == Place::kStopped && node.qemu.state == Qemu::kCompleted && !node.agent.stream_done)
    simply(On::kStreamDone, "sees its stream completed");
  if (place == Place::kIncoming && node.qemu.state == Qemu::kWhole)
    simply(On::kLoadedHere, "finds the stream whole");
  if (place == Place::kIncoming && node.qemu.state != Qemu::kWhole)
    simply(On::kAttemptFailed, "gives up receiving");
  if (place == Place::kPrecopy || place == Place::kStopped || place == Place::kGranted)
    simply(On::kAttemptFailed, "gives up sending");
  if (place == Place::kBooting) {
    Transition out{world_, {}};
    out.next.nodes[n].qemu = {.state = Qemu::kPrelaunch, .version = node.boots_from};
    if (agent(out, n, {.on = On::kBooted}))
      emit(std::move(out), [&] { return std::format("{} has booted", n); });
  }
  if (place == Place::kTaken && node.qemu.state == Qemu::kRuns) simply(On::kRan, "sees RESUME");
}

// Precopy converges and stops the guest; then the rest goes, and either end may see it fail.
void Stepper::stream(Node n) {
  const NodeView& node = world_.nodes[n];
  const State& s = node.agent;
  if (s.to >= kNodes) return;
  const NodeView& peer = world_.nodes[s.to];
  const bool connected =
      !peer.dead && peer.qemu.state == Qemu::kIncoming && peer.qemu.in == s.attempt;
  if (!connected) return;
  if (s.place == Place::kPrecopy && node.qemu.state == Qemu::kRuns) {
    Transition out{world_, {}};
    out.next.nodes[n].qemu.state = Qemu::kPreSwitchover;
    out.next.nodes[n].qemu.out = s.attempt;
    if (agent(out, n, {.on = On::kStopped}))
      emit(std::move(out), [&] { return std::format("{} stops for {}", n, s.attempt.number); });
  }
  if (s.place != Place::kStopped || node.qemu.state != Qemu::kPreSwitchover) return;
  Transition whole{world_, {}};
  whole.next.nodes[s.to].qemu.state = Qemu::kWhole;
  whole.next.nodes[s.to].qemu.version = node.qemu.version;
  Transition late = whole;
  whole.next.nodes[n].qemu.state = Qemu::kCompleted;
  emit(std::move(whole), [&] { return std::format("{} has sent all to {}", n, s.to); });
  // The peer has all, the acknowledgement is lost: QEMU says failed and runs the guest by itself.
  if (!faults()) return;
  starts(late, n);
  if (agent(late, n, {.on = On::kAttemptFailed}))
    emit(std::move(late), [&] { return std::format("{} has sent all, and runs by itself", n); });
}

// The source's QEMU does as it was told; a stream in its last part may end whole instead.
void Stepper::resume(Node n) {
  const NodeView& node = world_.nodes[n];
  if (node.agent.place != Place::kResuming || node.qemu.state == Qemu::kNone) return;
  Transition out{world_, {}};
  const bool paused = node.qemu.state != Qemu::kRuns;
  Transition late = out;
  if (paused) starts(out, n);
  if (agent(out, n, {.on = On::kRan}))
    emit(std::move(out), [&] { return std::format("{} runs again", n); });
  if (!faults() || node.qemu.state != Qemu::kPreSwitchover) return;
  for (Node other = 0; other < kNodes; ++other) {
    Program& peer = late.next.nodes[other].qemu;
    if (late.next.nodes[other].dead || peer.state != Qemu::kIncoming) continue;
    if (!(peer.in == node.qemu.out)) continue;
    peer.state = Qemu::kWhole;
    peer.version = node.qemu.version;
    starts(late, n);
    if (agent(late, n, {.on = On::kRan}))
      emit(std::move(late), [&] { return std::format("{} runs again, {} is whole", n, other); });
    return;
  }
}

void Stepper::run(Node n) {
  const NodeView& node = world_.nodes[n];
  if (node.agent.place != Place::kTaken) return;
  const Qemu q = node.qemu.state;
  if (q != Qemu::kWhole && q != Qemu::kCompleted && q != Qemu::kPrelaunch) return;
  Transition out{world_, {}};
  starts(out, n);
  emit(std::move(out), [&] { return std::format("{} runs", n); });
  if (!faults() || world_.run_failures >= bounds().run_failures) return;
  Transition fails{world_, {}};
  ++fails.next.run_failures;
  fails.next.nodes[n].qemu.broken = true;
  agent(fails, n, {.on = On::kRunFailed});
  emit(std::move(fails), [&] { return std::format("{} cannot run", n); });
}

void Stepper::discard(Node n) {
  const Place place = world_.nodes[n].agent.place;
  if (place != Place::kDiscarding && place != Place::kUnaccepting) return;
  Transition out{world_, {}};
  out.next.nodes[n].qemu = {};
  if (agent(out, n, {.on = On::kDiscarded}))
    emit(std::move(out), [&] { return std::format("{} has killed its QEMU", n); });
}

void Stepper::wishes_of(Node n) {
  const NodeView& node = world_.nodes[n];
  if (!wishes() || node.dead || node.agent.place != Place::kStill) return;
  for (Node to = 0; to < kNodes && world_.attempts < bounds().attempts; ++to) {
    if (to == n) continue;
    Transition out{world_, {}};
    ++out.next.attempts;
    if (agent(out, n, {.on = On::kMove, .to = to}))
      emit(std::move(out), [&] { return std::format("{} wants to go to {}", n, to); });
  }
  if (world_.cuts >= bounds().checkpoints) return;
  Transition out{world_, {}};
  if (agent(out, n, {.on = On::kCheckpoint}))
    emit(std::move(out), [&] { return std::format("{} cuts a checkpoint", n); });
}

void Stepper::faults_of(Node n) {
  const NodeView& node = world_.nodes[n];
  if (!faults() || node.dead) return;
  if (bounds().agent_crashes) crash(n, false);
  if (node.qemu.state != Qemu::kNone && world_.qemu_crashes < bounds().qemu_crashes) {
    if (bounds().agent_crashes) crash(n, true);
    Transition out{world_, {}};
    ++out.next.qemu_crashes;
    out.next.nodes[n].qemu = {};
    agent(out, n, {.on = On::kQemuGone});
    emit(std::move(out), [&] { return std::format("{}'s QEMU ends", n); });
  }
  if (world_.deaths >= bounds().deaths) return;
  Transition out{world_, {}};
  ++out.next.deaths;
  NodeView corpse;
  corpse.dead = true;
  corpse.written = node.written;  // Nobody reads it; it says where the token was.
  out.next.nodes[n] = corpse;
  emit(std::move(out), [&] { return std::format("{} dies", n); });
}

// What it knew is gone; record and QEMU are inspected. With `qemu`, that ended meanwhile.
void Stepper::crash(Node n, bool qemu) {
  Transition out{world_, {}};
  if (qemu) {
    out.next.nodes[n].qemu = {};
    ++out.next.qemu_crashes;
  }
  const NodeView node = out.next.nodes[n];
  NodeView& after = out.next.nodes[n];
  after.agent = {};
  after.agent.record = node.written;
  Input found;
  found.attempt = node.qemu.in;
  found.epoch = node.qemu.in_epoch;
  switch (node.qemu.state) {
    case Qemu::kNone:
      found.on = On::kFoundNone;
      break;
    case Qemu::kRuns:
      found.on = node.agent.place == Place::kPrecopy ? On::kFoundSending : On::kFoundRunning;
      break;
    case Qemu::kPreSwitchover:
      found.on = On::kFoundSending;
      break;
    case Qemu::kCompleted:
      found.on = On::kFoundCompleted;
      break;
    case Qemu::kPrelaunch:
      found.on = On::kFoundPrelaunch;
      break;
    case Qemu::kIncoming:
      found.on = On::kFoundIncoming;
      break;
    case Qemu::kWhole:
      found.on = On::kFoundLoaded;
      break;
  }
  agent(out, n, found);
  emit(std::move(out), [&] {
    return std::format("agent of {}{} crashes, and restarts", n, qemu ? " and its QEMU" : "");
  });
}

void Stepper::deliveries() {
  for (std::size_t i = 0; i < model_.messages_.size() && going_; ++i) {
    if (!world_.sent.test(i)) continue;
    const Message message = model_.messages_[i];
    const bool from_node = message.from < kNodes;
    if (!faults() && from_node && world_.nodes[message.from].dead) continue;
    if (!control() && !from_node) continue;
    deliver(message);
  }
}

void Stepper::deliver(const Message& m) {
  if (m.kind == Kind::kCheckpoint) return to_vault(m);
  Input in{.from = m.from,
           .attempt = m.attempt,
           .epoch = m.epoch,
           .generation = m.generation,
           .set = m.set};
  const auto arrive = [&](Node to, On on) {
    if (world_.nodes[to].dead) return;
    in.on = on;
    Transition out{world_, {}};
    if (agent(out, to, in))
      emit(std::move(out), [&] { return std::format("{} gets {}", to, to_string(m)); });
  };
  static constexpr std::pair<Kind, On> kPlain[] = {
      {Kind::kPrepare, On::kPrepare},  {Kind::kLoaded, On::kLoaded},
      {Kind::kCancel, On::kCancel},    {Kind::kGrant, On::kGrant},
      {Kind::kAck, On::kAck},          {Kind::kRefuse, On::kRefuse},
      {Kind::kOrder, On::kOrder},      {Kind::kSeal, On::kSeal},
      {Kind::kAskClear, On::kAskClear}};
  for (const auto& [kind, on] : kPlain)
    if (m.kind == kind) return arrive(m.to, on);
  if (m.kind == Kind::kTake) {
    if (m.copy) in.attempt = m.copy->attempt;
    return arrive(m.to, m.copy && !m.from_vault ? On::kTake : On::kTakeFromNone);
  }
  // Where a guest ran is told to everybody: routes.
  if (m.kind != Kind::kReport || m.epoch == Epoch{}) return;
  for (Node to = 0; to < kNodes; ++to)
    if (to != m.from) arrive(to, On::kAck);
  if (!bounds().route) return;
  Transition out{world_, {}};
  const Route offered{m.epoch, m.from};
  const Route before = out.next.route;
  if (offered == before || !(replaces(offered, before) || !rules().route_only_grows)) return;
  out.next.route = offered;
  if (offered.epoch < before.epoch)
    out.broken = std::format("S5: the route to {} gives way to an older one", before.node);
  if (steps_ == Steps::kAll)
    emit(std::move(out), [&] { return std::format("the route goes to {}", m.from); });
}

void Stepper::to_vault(const Message& m) {
  if (steps_ == Steps::kAgentsAlone || !m.copy) return;
  if (m.copy->epoch.generation < world_.floor) return;
  if (world_.head && !newer(*m.copy, *world_.head)) return;
  Transition out{world_, {}};
  out.next.head = m.copy;
  for (const Checkpoint& c : world_.checkpoints)
    if (c.version != 0 && c.cut == *m.copy) out.next.head_version = c.version;
  emit(std::move(out), [&] { return std::format("the vault has {}", to_string(m)); });
}

}  // namespace godwit::search
