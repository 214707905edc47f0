#include "edges/grpc/codec.h"

#include <format>
#include <limits>
#include <utility>

#include "base/check.h"
#include "edges/grpc/utf8.h"
#include "godwit/agent/v1/message.pb.h"

namespace godwit::grpc_edge {
namespace {

namespace wire = agent::v1;

// --- To the wire.

void put(const ports::AttemptName& from, wire::Attempt& to) {
  to.set_source(from.source.value);
  to.set_number(from.number);
}

void put(const ports::EpochName& from, wire::Epoch& to) {
  to.set_generation(from.generation);
  to.set_hop(from.hop);
}

void put(const ports::MachineRecord& from, wire::Machine& to) {
  to.set_qemu_version(from.qemu_version);
  to.set_machine_type(from.machine_type);
  to.set_cpu_model(from.cpu_model);
  to.set_memory_mib(from.memory_mib);
  to.set_vcpus(from.vcpus);
  to.set_mtu(from.mtu);
  to.set_overlay_bytes(from.overlay_bytes);
  to.set_mac(from.mac);
  to.set_address(from.address);
  to.set_kernel_sha256(from.kernel_sha256);
  to.set_initramfs_sha256(from.initramfs_sha256);
  to.set_base_sha256(from.base_sha256);
  to.set_append(from.append);
}

void put(const ports::Spare& from, wire::Spare& to) {
  put(from.attempt, *to.mutable_attempt());
  put(from.epoch, *to.mutable_epoch());
}

void put(const ports::NodeNames& from, auto& to) {
  for (const NodeId& node : from) to.add_set(node.value);
}

wire::Role role_of(ports::RoleName role) {
  switch (role) {
    case ports::RoleName::kIdle:
      return wire::ROLE_IDLE;
    case ports::RoleName::kHolds:
      return wire::ROLE_HOLDS;
    case ports::RoleName::kGranted:
      return wire::ROLE_GRANTED;
  }
  return wire::ROLE_UNSPECIFIED;
}

// Our enums count from 0; on the wire 0 is "not given", so that a value that is missing shows.
template <class Wire, class Ours>
Wire shifted(Ours value) {
  return static_cast<Wire>(static_cast<int>(value) + 1);
}

void put(const std::vector<std::string>& from, auto& to) {
  for (const std::string& word : from) *to.Add() = word;
}

void put(const ports::HealthCheck& from, wire::HealthCheck& to) {
  to.set_kind(shifted<wire::HealthCheck::Kind>(from.kind));
  to.set_port(from.port);
  put(from.argv, *to.mutable_argv());
  to.set_interval_ms(from.interval_ms);
  to.set_timeout_ms(from.timeout_ms);
  to.set_failures(from.failures);
}

void put(const ports::Container& from, wire::Container& to) {
  put(from.argv, *to.mutable_argv());
  put(from.env, *to.mutable_env());
  to.set_cwd(from.cwd);
  to.set_uid(from.uid);
  to.set_gid(from.gid);
  to.set_hostname(from.hostname);
  to.set_restart(shifted<wire::RestartPolicy>(from.restart));
  to.set_backoff_ms(from.backoff_ms);
  to.set_backoff_max_ms(from.backoff_max_ms);
  put(from.health, *to.mutable_health());
}

// One overload per body; a body without one does not compile.
struct Writer {
  wire::Envelope& to;

  void operator()(const ports::Prepare& b) const {
    wire::Prepare& m = *to.mutable_prepare();
    put(b.attempt, *m.mutable_attempt());
    put(b.epoch, *m.mutable_epoch());
    m.set_key(b.key);
    put(b.machine, *m.mutable_machine());
    if (b.container) put(*b.container, *m.mutable_container());
  }
  void operator()(const ports::Ready& b) const {
    wire::Ready& m = *to.mutable_ready();
    put(b.attempt, *m.mutable_attempt());
    m.set_host(b.host);
    m.set_migration_port(b.migration_port);
    m.set_disk_port(b.disk_port);
  }
  void operator()(const ports::NotReady& b) const {
    wire::NotReady& m = *to.mutable_not_ready();
    put(b.attempt, *m.mutable_attempt());
    m.set_why(valid_utf8(b.why));
  }
  void operator()(const ports::Switch& b) const {
    put(b.attempt, *to.mutable_switch_()->mutable_attempt());
  }
  void operator()(const ports::Switched& b) const {
    put(b.attempt, *to.mutable_switched()->mutable_attempt());
  }
  void operator()(const ports::StreamLoaded& b) const {
    put(b.attempt, *to.mutable_stream_loaded()->mutable_attempt());
  }
  void operator()(const ports::Cancel& b) const {
    put(b.attempt, *to.mutable_cancel()->mutable_attempt());
  }
  void operator()(const ports::Grant& b) const {
    wire::Grant& m = *to.mutable_grant();
    put(b.attempt, *m.mutable_attempt());
    put(b.epoch, *m.mutable_epoch());
    put(b.set, m);
  }
  void operator()(const ports::Ack& b) const {
    wire::Ack& m = *to.mutable_ack();
    put(b.epoch, *m.mutable_epoch());
    m.set_ran_at(b.ran_at.value);
  }
  void operator()(const ports::Refuse& b) const {
    wire::Refuse& m = *to.mutable_refuse();
    put(b.attempt, *m.mutable_attempt());
    put(b.epoch, *m.mutable_epoch());
    m.set_why(valid_utf8(b.why));
  }
  void operator()(const ports::Order& b) const {
    wire::Order& m = *to.mutable_order();
    m.set_generation(b.generation);
    put(b.set, m);
  }
  void operator()(const ports::Seal& b) const {
    wire::Seal& m = *to.mutable_seal();
    m.set_generation(b.generation);
    put(b.set, m);
  }
  void operator()(const ports::Take& b) const {
    wire::Take& m = *to.mutable_take();
    m.set_generation(b.generation);
    put(b.set, m);
    if (b.from) put(*b.from, *m.mutable_from());
    put(b.machine, *m.mutable_machine());
    if (b.container) put(*b.container, *m.mutable_container());
  }
  void operator()(const ports::AskClear& b) const {
    to.mutable_ask_clear()->set_generation(b.generation);
  }
  void operator()(const ports::AskReport&) const { to.mutable_ask_report(); }
  void operator()(const ports::Move& b) const { to.mutable_move()->set_to(b.to.value); }
  void operator()(const ports::Report& b) const {
    wire::Report& m = *to.mutable_report();
    m.set_role(role_of(b.role));
    put(b.epoch, *m.mutable_epoch());
    put(b.held, *m.mutable_held());
    m.set_counter(b.counter);
    if (b.spare) put(*b.spare, *m.mutable_spare());
    m.set_qemu_gone(b.qemu_gone);
  }
  void operator()(const ports::Not& b) const {
    wire::Not& m = *to.mutable_not_();
    m.set_generation(b.generation);
    if (b.spare) put(*b.spare, *m.mutable_spare());
  }
  void operator()(const ports::Pend& b) const {
    wire::Pend& m = *to.mutable_pend();
    m.set_generation(b.generation);
    put(b.attempt, *m.mutable_attempt());
    put(b.epoch, *m.mutable_epoch());
    m.set_to(b.to.value);
  }
  void operator()(const ports::Clear& b) const {
    to.mutable_cleared()->set_generation(b.generation);
  }
  void operator()(const ports::Moved& b) const {
    wire::Moved& m = *to.mutable_moved();
    if (!b.attempt.source.value.empty()) put(b.attempt, *m.mutable_attempt());
    m.set_done(b.done);
    m.set_why(valid_utf8(b.why));
    m.set_stopped_us(b.stopped_us);
    m.set_resumed_us(b.resumed_us);
    m.set_bytes(b.bytes);
    m.set_bytes_while_stopped(b.bytes_while_stopped);
  }
  void operator()(const ports::ContainerState& b) const {
    wire::ContainerState& m = *to.mutable_container_state();
    m.set_phase(shifted<wire::ContainerState::Phase>(b.phase));
    m.set_runs(b.runs);
    m.set_exit_status(b.exit_status);
    m.set_signal(b.signal);
    m.set_health(shifted<wire::ContainerState::Health>(b.health));
    m.set_why(valid_utf8(b.why));
  }
  void operator()(const ports::ClockSet& b) const {
    wire::ClockSet& m = *to.mutable_clock_set();
    m.set_behind_us(b.behind_us);
    m.set_stepped_us(b.stepped_us);
    m.set_ahead_us(b.ahead_us);
    m.set_round_trip_us(b.round_trip_us);
  }
};

// --- From the wire.

// Reads the parts of one body; the first that is missing or wrong is remembered, the rest goes on
// with neutral values. So each body is one expression, and no part is forgotten half-way.
class Parts {
 public:
  ports::AttemptName attempt(const wire::Attempt& m, bool present) {
    need(present && !m.source().empty(), "attempt");
    return {NodeId{m.source()}, m.number()};
  }
  ports::AttemptName attempt(const auto& m) { return attempt(m.attempt(), m.has_attempt()); }
  ports::EpochName epoch(const wire::Epoch& m, bool present) {
    need(present, "epoch");
    return {m.generation(), m.hop()};
  }
  ports::EpochName epoch(const auto& m) { return epoch(m.epoch(), m.has_epoch()); }
  ports::MachineRecord machine(const auto& body) {
    need(body.has_machine(), "machine");
    const wire::Machine& m = body.machine();
    return {.qemu_version = m.qemu_version(),
            .machine_type = m.machine_type(),
            .cpu_model = m.cpu_model(),
            .memory_mib = m.memory_mib(),
            .vcpus = m.vcpus(),
            .mtu = m.mtu(),
            .overlay_bytes = m.overlay_bytes(),
            .mac = m.mac(),
            .address = m.address(),
            .kernel_sha256 = m.kernel_sha256(),
            .initramfs_sha256 = m.initramfs_sha256(),
            .base_sha256 = m.base_sha256(),
            .append = m.append()};
  }
  template <class Ours>
  Ours named(int value, Ours last, const char* what) {
    const bool known = value >= 1 && value <= static_cast<int>(last) + 1;
    need(known, what);
    return known ? static_cast<Ours>(value - 1) : Ours{};
  }
  static std::vector<std::string> words(const auto& list) { return {list.begin(), list.end()}; }
  ports::HealthCheck health(const wire::HealthCheck& m) {
    using Kind = ports::HealthCheck::Kind;
    return {.kind = named(m.kind(), Kind::kExec, "kind of health check"),
            .port = port(m.port(), "port of the health check"),
            .argv = words(m.argv()),
            .interval_ms = m.interval_ms(),
            .timeout_ms = m.timeout_ms(),
            .failures = m.failures()};
  }
  std::optional<ports::Container> container(const auto& body) {
    if (!body.has_container()) return std::nullopt;
    const wire::Container& m = body.container();
    need(m.argv_size() > 0, "program of the container");
    return ports::Container{
        .argv = words(m.argv()),
        .env = words(m.env()),
        .cwd = m.cwd(),
        .uid = m.uid(),
        .gid = m.gid(),
        .hostname = m.hostname(),
        .restart = named(m.restart(), ports::RestartPolicy::kAlways, "restart policy"),
        .backoff_ms = m.backoff_ms(),
        .backoff_max_ms = m.backoff_max_ms(),
        .health = m.has_health() ? health(m.health()) : ports::HealthCheck{}};
  }
  ports::ContainerState container_state(const wire::ContainerState& m) {
    return {.phase = named(m.phase(), ports::ContainerPhase::kEnded, "phase"),
            .runs = m.runs(),
            .exit_status = m.exit_status(),
            .signal = m.signal(),
            .health = named(m.health(), ports::Health::kUnhealthy, "health"),
            .why = m.why()};
  }
  std::optional<ports::Spare> spare(const auto& body) {
    if (!body.has_spare()) return std::nullopt;
    return ports::Spare{attempt(body.spare()), epoch(body.spare())};
  }
  ports::NodeNames set(const auto& body) {
    ports::NodeNames names;
    for (const std::string& name : body.set()) names.insert(node(name, "node of the set"));
    return names;
  }
  NodeId node(const std::string& name, const char* what) {
    need(!name.empty(), what);
    return NodeId{name};
  }
  std::uint16_t port(std::uint32_t number, const char* what) {
    need(number <= std::numeric_limits<std::uint16_t>::max(), what);
    return static_cast<std::uint16_t>(number);
  }
  ports::RoleName role(wire::Role role) {
    switch (role) {
      case wire::ROLE_IDLE:
        return ports::RoleName::kIdle;
      case wire::ROLE_HOLDS:
        return ports::RoleName::kHolds;
      case wire::ROLE_GRANTED:
        return ports::RoleName::kGranted;
      default:
        need(false, "role");
        return ports::RoleName::kIdle;
    }
  }
  void need(bool there, const char* what) {
    if (!there && !missing_) missing_ = what;
  }
  const char* missing() const { return missing_; }  // Null: nothing.

 private:
  const char* missing_ = nullptr;
};

// Designated and braced lists are evaluated in order, so messages name the first missing part.
ports::Body peers_body(const wire::Envelope& e, Parts& p) {
  switch (e.body_case()) {
    case wire::Envelope::kPrepare: {
      const auto& m = e.prepare();
      return ports::Prepare{p.attempt(m), p.epoch(m), m.key(), p.machine(m), p.container(m)};
    }
    case wire::Envelope::kReady: {
      const auto& m = e.ready();
      return ports::Ready{p.attempt(m), m.host(), p.port(m.migration_port(), "migration port"),
                          p.port(m.disk_port(), "disk port")};
    }
    case wire::Envelope::kNotReady:
      return ports::NotReady{p.attempt(e.not_ready()), e.not_ready().why()};
    case wire::Envelope::kSwitch:
      return ports::Switch{p.attempt(e.switch_())};
    case wire::Envelope::kSwitched:
      return ports::Switched{p.attempt(e.switched())};
    case wire::Envelope::kStreamLoaded:
      return ports::StreamLoaded{p.attempt(e.stream_loaded())};
    case wire::Envelope::kCancel:
      return ports::Cancel{p.attempt(e.cancel())};
    case wire::Envelope::kGrant:
      return ports::Grant{p.attempt(e.grant()), p.epoch(e.grant()), p.set(e.grant())};
    case wire::Envelope::kAck:
      return ports::Ack{p.epoch(e.ack()), p.node(e.ack().ran_at(), "node it ran at")};
    case wire::Envelope::kRefuse:
      return ports::Refuse{p.attempt(e.refuse()), p.epoch(e.refuse()), e.refuse().why()};
    default:
      p.need(false, "body that this release knows");
      return ports::AskReport{};
  }
}

ports::Body controls_body(const wire::Envelope& e, Parts& p) {
  switch (e.body_case()) {
    case wire::Envelope::kOrder:
      return ports::Order{e.order().generation(), p.set(e.order())};
    case wire::Envelope::kSeal:
      return ports::Seal{e.seal().generation(), p.set(e.seal())};
    case wire::Envelope::kTake: {
      const auto& m = e.take();
      ports::Take take{m.generation(), p.set(m), std::nullopt, p.machine(m), p.container(m)};
      if (m.has_from()) take.from = p.attempt(m.from(), true);
      return take;
    }
    case wire::Envelope::kAskClear:
      return ports::AskClear{e.ask_clear().generation()};
    case wire::Envelope::kAskReport:
      return ports::AskReport{};
    case wire::Envelope::kMove:
      return ports::Move{p.node(e.move().to(), "node to move to")};
    case wire::Envelope::kReport: {
      const auto& m = e.report();
      return ports::Report{p.role(m.role()), p.epoch(m), p.epoch(m.held(), m.has_held()),
                           m.counter(),      p.spare(m), m.qemu_gone()};
    }
    case wire::Envelope::kNot:
      return ports::Not{e.not_().generation(), p.spare(e.not_())};
    case wire::Envelope::kPend: {
      const auto& m = e.pend();
      return ports::Pend{m.generation(), p.attempt(m), p.epoch(m),
                         p.node(m.to(), "node granted to")};
    }
    case wire::Envelope::kCleared:
      return ports::Clear{e.cleared().generation()};
    case wire::Envelope::kMoved: {
      const auto& m = e.moved();
      return ports::Moved{m.has_attempt() ? p.attempt(m) : ports::AttemptName{},
                          m.done(),
                          m.why(),
                          m.stopped_us(),
                          m.resumed_us(),
                          m.bytes(),
                          m.bytes_while_stopped()};
    }
    case wire::Envelope::kContainerState:
      return p.container_state(e.container_state());
    case wire::Envelope::kClockSet: {
      const auto& m = e.clock_set();
      return ports::ClockSet{m.behind_us(), m.stepped_us(), m.ahead_us(), m.round_trip_us()};
    }
    default:
      return peers_body(e, p);
  }
}

}  // namespace

void to_wire(const ports::Message& message, wire::Envelope& envelope) {
  envelope.Clear();
  envelope.set_version(kWireVersion);
  envelope.set_guest(message.guest.value);
  envelope.set_to(message.to.value);
  std::visit(Writer{envelope}, message.body);
}

Result<ports::Message> from_wire(const wire::Envelope& envelope) {
  if (envelope.version() == 0) return invalid("message without version");
  if (envelope.version() > kWireVersion) {
    return precondition(std::format("message of version {}, this release reads {}",
                                    envelope.version(), kWireVersion));
  }
  Parts parts;
  parts.need(!envelope.guest().empty(), "guest");
  parts.need(!envelope.to().empty(), "receiver");
  ports::Message message{GuestId{envelope.guest()}, NodeId{}, NodeId{envelope.to()},
                         controls_body(envelope, parts)};
  if (parts.missing()) {
    return invalid(std::format("message for guest '{}' (body {}) without valid {}",
                               envelope.guest(), static_cast<int>(envelope.body_case()),
                               parts.missing()));
  }
  return message;
}

std::string to_bytes(const ports::Message& message) {
  wire::Envelope envelope;
  to_wire(message, envelope);
  return envelope.SerializeAsString();
}

Result<ports::Message> from_bytes(std::string_view bytes) {
  wire::Envelope envelope;
  if (!envelope.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return invalid(std::format("{} bytes that are no message", bytes.size()));
  }
  return from_wire(envelope);
}

}  // namespace godwit::grpc_edge
