#include "apps/agent_wiring.h"

#include <csignal>
#include <cstdio>

#include "agent/agent.h"
#include "apps/console.h"
#include "edges/files/record.h"
#include "edges/grpc/agent_mailer.h"
#include "edges/grpc/control.h"
#include "edges/grpc/peer.h"
#include "edges/grpc/peer_logs.h"
#include "edges/guestlink/guest_control.h"
#include "edges/linux/network.h"
#include "edges/qemu/command_line.h"
#include "edges/qemu/hypervisor.h"
#include "lib/tls/digest.h"

namespace godwit::apps {
namespace {

std::string draw_key() {
  auto key = tls::random_key();
  CHECK(key.has_value());  // The system's source of randomness does not fail once it is there.
  return *key;
}

}  // namespace

int run_agent(const AgentConfig& config, const WrapPorts& wrap) {
  io::Loop loop;
  agent::Agent agent(config.agent, draw_key);
  runtime::AgentLoop turns(loop, agent, now, log);

  files::FileRecord record(config.record_dir, config.boot_id);
  const auto records = record.load();
  if (!records) return complain(records.error());
  auto network =
      linux_net::LinuxNetwork::set_up({.address = config.agent.address, .gateway = config.gateway});
  if (!network) return complain(network.error());
  std::vector<std::string> addresses;
  for (const auto& [node, address] : config.agent.addresses) addresses.push_back(address);
  if (const auto set = (*network)->set_peers(addresses); !set) return complain(set.error());

  qemu::Hypervisor hypervisor(loop, config.qemu, turns);
  grpc_edge::PeerMailer peers(config.credentials, {}, log);
  grpc_edge::PeerLogs logs(config.credentials);
  for (const auto& [node, address] : config.peers) {
    peers.set_address(node, address);
    logs.set_address(node, address);
  }
  const auto socket_of = [&config](const GuestId& guest) -> Result<std::string> {
    ASSIGN_OR_RETURN(const qemu::GuestFiles files, qemu::files_of(config.qemu, guest));
    return files.control;
  };
  guestlink::GuestControl guests(loop, {.socket_of = socket_of, .log_dir = config.log_dir}, now,
                                 turns, logs);
  if (const auto started = guests.start(); !started) return complain(started.error());
  grpc_edge::ControlClient control(
      config.control, config.credentials, turns,
      [](bool attached) { log(attached ? "control plane attached" : "control plane away"); }, {},
      log);
  grpc_edge::AgentMailer mailer(control, peers);

  const runtime::AgentPorts real{hypervisor, guests, **network, mailer, record, nullptr};
  turns.connect(wrap ? wrap(loop, real) : real);
  turns.start(*records);
  auto server =
      grpc_edge::PeerServer::start(config.listen, config.credentials, turns, log, &guests);
  if (!server) return complain(server.error());
  loop.on_signal({SIGINT, SIGTERM}, [&](int) { loop.stop(); });
  log(std::format("agent of {} ready", config.agent.self.value));
  loop.run();
  return turns.exit_code();
}

}  // namespace godwit::apps
