#include <format>
#include <limits>
#include <utility>

#include "edges/grpc/codec.h"
#include "godwit/agent/v1/message.pb.h"

namespace godwit::grpc_edge {
namespace {

namespace wire = agent::v1;

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
  ports::PeerAddress peer(const auto& m) {
    need(!m.address().empty(), "address of a node");
    need(m.port() > 0, "port of a node");
    return {m.address(), port(m.port(), "port of a node")};
  }
  ports::Fleet fleet(const wire::Fleet& m) {
    ports::Fleet fleet;
    for (const auto& [name, where] : m.nodes())
      fleet.nodes[node(name, "node of the fleet")] = peer(where);
    if (m.has_gateway()) fleet.gateway = peer(m.gateway());
    return fleet;
  }
  ports::NodeState node_state(const wire::NodeState& m) {
    need(!m.boot_id().empty(), "boot id");
    ports::NodeState state{.boot_id = m.boot_id(),
                           .address = peer(m).address,
                           .port = peer(m).port,
                           .memory_mib = m.memory_mib(),
                           .vcpus = m.vcpus(),
                           .notice_why = m.notice_why(),
                           .images = {m.images().begin(), m.images().end()}};
    if (m.has_notice_us()) state.notice = time(m.notice_us());
    return state;
  }
  ports::Publish publish(const wire::Publish& m) {
    ports::Publish publish{.address = text(m.address(), "address of the guest")};
    for (const wire::Publish::Port& from : m.ports()) {
      need(from.port() > 0, "port of the guest");
      publish.ports.push_back(
          {port(from.port(), "port of the guest"), port(from.published(), "published port")});
    }
    return publish;
  }
  ports::LogsRead logs(const wire::LogsRead& m) {
    ports::LogsRead logs{
        .request = m.request(), .next = m.next(), .ended = m.ended(), .error = m.error()};
    for (const wire::LogsRead::Line& line : m.lines())
      logs.lines.push_back({line.number(), time(line.at_us()), line.err(), line.text()});
    return logs;
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
  std::string text(const std::string& value, const char* what) {
    need(!value.empty(), what);
    return value;
  }
  static Time time(std::int64_t us) { return Time{Duration{us}}; }
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
    case wire::Envelope::kGrant: {
      const auto& m = e.grant();
      return ports::Grant{p.attempt(m),           p.epoch(m),     p.set(m),
                          m.begun_us(),           m.stopped_us(), m.bytes(),
                          m.bytes_while_stopped()};
    }
    case wire::Envelope::kAck:
      return ports::Ack{p.epoch(e.ack()), p.node(e.ack().ran_at(), "node it ran at")};
    case wire::Envelope::kRefuse:
      return ports::Refuse{p.attempt(e.refuse()), p.epoch(e.refuse()), e.refuse().why()};
    case wire::Envelope::kRouteAt:
      return ports::RouteAt{p.text(e.route_at().address(), "address of the guest"),
                            p.text(e.route_at().node_address(), "address of the node"),
                            p.epoch(e.route_at())};
    default:
      p.need(false, "body that this release knows");
      return ports::AskReport{};
  }
}

ports::Body agents_body(const wire::Envelope& e, Parts& p) {
  switch (e.body_case()) {
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
                          m.begun_us(),
                          m.stopped_us(),
                          m.resumed_us(),
                          m.bytes(),
                          m.bytes_while_stopped(),
                          {m.epoch().generation(), m.epoch().hop()}};
    }
    case wire::Envelope::kContainerState:
      return p.container_state(e.container_state());
    case wire::Envelope::kNodeState:
      return p.node_state(e.node_state());
    case wire::Envelope::kForgotten:
      return ports::Forgotten{e.forgotten().generation()};
    case wire::Envelope::kLogsRead:
      return p.logs(e.logs_read());
    case wire::Envelope::kExecDone: {
      const auto& m = e.exec_done();
      return ports::ExecDone{m.request(), m.exit_status(), m.signal(), m.out(),
                             m.err(),     m.dropped(),     m.error()};
    }
    case wire::Envelope::kClockSet: {
      const auto& m = e.clock_set();
      return ports::ClockSet{m.behind_us(), m.stepped_us(), m.ahead_us(), m.round_trip_us()};
    }
    default:
      return peers_body(e, p);
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
    case wire::Envelope::kFleet:
      return p.fleet(e.fleet());
    case wire::Envelope::kImagesWanted:
      return ports::ImagesWanted{
          {e.images_wanted().sha256().begin(), e.images_wanted().sha256().end()}};
    case wire::Envelope::kPublish:
      return p.publish(e.publish());
    case wire::Envelope::kForget:
      return ports::Forget{e.forget().generation()};
    case wire::Envelope::kLogsWanted: {
      const auto& m = e.logs_wanted();
      return ports::LogsWanted{m.request(), m.from(), m.limit()};
    }
    case wire::Envelope::kExecWanted: {
      const auto& m = e.exec_wanted();
      p.need(m.argv_size() > 0, "program");
      return ports::ExecWanted{m.request(), Parts::words(m.argv()), m.timeout_ms()};
    }
    default:
      return agents_body(e, p);
  }
}

}  // namespace

Result<ports::Message> from_wire(const wire::Envelope& envelope) {
  if (envelope.version() == 0) return invalid("message without version");
  if (envelope.version() > kWireVersion) {
    return precondition(std::format("message of version {}, this release reads {}",
                                    envelope.version(), kWireVersion));
  }
  Parts parts;
  parts.need(!envelope.to().empty(), "receiver");
  ports::Message message{GuestId{envelope.guest()}, NodeId{}, NodeId{envelope.to()},
                         controls_body(envelope, parts)};
  const bool of_node =
      std::visit([]<class T>(const T&) { return ports::kNodeLevel<T>; }, message.body);
  parts.need(envelope.guest().empty() == of_node, of_node ? "absence of a guest" : "guest");
  if (parts.missing()) {
    return invalid(std::format("message for guest '{}' (body {}) without valid {}",
                               envelope.guest(), static_cast<int>(envelope.body_case()),
                               parts.missing()));
  }
  return message;
}

Result<ports::Message> from_bytes(std::string_view bytes) {
  wire::Envelope envelope;
  if (!envelope.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return invalid(std::format("{} bytes that are no message", bytes.size()));
  }
  return from_wire(envelope);
}

}  // namespace godwit::grpc_edge
