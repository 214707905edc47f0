#include <utility>

#include "edges/grpc/codec.h"
#include "edges/grpc/utf8.h"
#include "godwit/agent/v1/message.pb.h"

namespace godwit::grpc_edge {
namespace {

namespace wire = agent::v1;

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

void put(const ports::PeerAddress& from, wire::PeerAddress& to) {
  to.set_address(from.address);
  to.set_port(from.port);
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
    m.set_begun_us(b.begun_us);
    m.set_stopped_us(b.stopped_us);
    m.set_bytes(b.bytes);
    m.set_bytes_while_stopped(b.bytes_while_stopped);
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
    m.set_begun_us(b.begun_us);
    m.set_stopped_us(b.stopped_us);
    m.set_resumed_us(b.resumed_us);
    m.set_bytes(b.bytes);
    m.set_bytes_while_stopped(b.bytes_while_stopped);
    if (b.epoch != ports::EpochName{}) put(b.epoch, *m.mutable_epoch());
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
  void operator()(const ports::Fleet& b) const {
    wire::Fleet& m = *to.mutable_fleet();
    for (const auto& [node, peer] : b.nodes) put(peer, (*m.mutable_nodes())[node.value]);
    if (b.gateway) put(*b.gateway, *m.mutable_gateway());
  }
  void operator()(const ports::NodeState& b) const {
    wire::NodeState& m = *to.mutable_node_state();
    m.set_boot_id(b.boot_id);
    m.set_address(b.address);
    m.set_port(b.port);
    m.set_memory_mib(b.memory_mib);
    m.set_vcpus(b.vcpus);
    if (b.notice) m.set_notice_us(b.notice->time_since_epoch().count());
    m.set_notice_why(valid_utf8(b.notice_why));
    for (const std::string& sha256 : b.images) m.add_images(sha256);
  }
  void operator()(const ports::ImagesWanted& b) const {
    wire::ImagesWanted& m = *to.mutable_images_wanted();
    for (const std::string& sha256 : b.sha256) m.add_sha256(sha256);
  }
  void operator()(const ports::RouteAt& b) const {
    wire::RouteAt& m = *to.mutable_route_at();
    m.set_address(b.address);
    m.set_node_address(b.node_address);
    put(b.epoch, *m.mutable_epoch());
  }
  void operator()(const ports::Publish& b) const {
    wire::Publish& m = *to.mutable_publish();
    m.set_address(b.address);
    for (const ports::Port& from : b.ports) {
      wire::Publish::Port& port = *m.add_ports();
      port.set_port(from.port);
      port.set_published(from.published);
    }
  }
  void operator()(const ports::Forget& b) const {
    to.mutable_forget()->set_generation(b.generation);
  }
  void operator()(const ports::Forgotten& b) const {
    to.mutable_forgotten()->set_generation(b.generation);
  }
  void operator()(const ports::LogsWanted& b) const {
    wire::LogsWanted& m = *to.mutable_logs_wanted();
    m.set_request(b.request);
    m.set_from(b.from);
    m.set_limit(b.limit);
  }
  void operator()(const ports::LogsRead& b) const {
    wire::LogsRead& m = *to.mutable_logs_read();
    m.set_request(b.request);
    for (const ports::LogLine& from : b.lines) {
      wire::LogsRead::Line& line = *m.add_lines();
      line.set_number(from.number);
      line.set_at_us(from.at.time_since_epoch().count());
      line.set_err(from.err);
      line.set_text(from.text);
    }
    m.set_next(b.next);
    m.set_ended(b.ended);
    m.set_error(valid_utf8(b.error));
  }
  void operator()(const ports::ExecWanted& b) const {
    wire::ExecWanted& m = *to.mutable_exec_wanted();
    m.set_request(b.request);
    put(b.argv, *m.mutable_argv());
    m.set_timeout_ms(b.timeout_ms);
  }
  void operator()(const ports::ExecDone& b) const {
    wire::ExecDone& m = *to.mutable_exec_done();
    m.set_request(b.request);
    m.set_exit_status(b.exit_status);
    m.set_signal(b.signal);
    m.set_out(b.out);
    m.set_err(b.err);
    m.set_dropped(b.dropped);
    m.set_error(valid_utf8(b.error));
  }
};

}  // namespace

void to_wire(const ports::Message& message, wire::Envelope& envelope) {
  envelope.Clear();
  envelope.set_version(kWireVersion);
  envelope.set_guest(message.guest.value);
  envelope.set_to(message.to.value);
  std::visit(Writer{envelope}, message.body);
}

std::string to_bytes(const ports::Message& message) {
  wire::Envelope envelope;
  to_wire(message, envelope);
  return envelope.SerializeAsString();
}

}  // namespace godwit::grpc_edge
