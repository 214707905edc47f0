#include "apps/agent_wiring.h"

#include <csignal>
#include <cstdio>
#include <format>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "agent/agent.h"
#include "apps/console.h"
#include "edges/artifacts/fetch.h"
#include "edges/ec2/imds.h"
#include "edges/files/fleet.h"
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

// All that needs the addresses of the living nodes.
struct FleetBook {
  const std::string path;
  linux_net::LinuxNetwork& network;
  grpc_edge::PeerMailer& mailer;
  grpc_edge::PeerLogs& logs;
  std::set<NodeId> known;

  void set(const ports::Fleet& fleet) {
    if (const Status kept = files::write_fleet(path, fleet); !kept) log(to_string(kept.error()));
    std::set<std::string> addresses;
    std::set<NodeId> gone = std::exchange(known, {});
    const auto there = [&](const NodeId& node, const ports::PeerAddress& peer) {
      const std::string address = std::format("{}:{}", peer.address, peer.port);
      addresses.insert(peer.address);
      mailer.set_address(node, address);
      logs.set_address(node, address);
      known.insert(node);
      gone.erase(node);
    };
    for (const auto& [node, peer] : fleet.nodes) there(node, peer);
    if (fleet.gateway) there(ports::kGateway, *fleet.gateway);
    for (const NodeId& node : gone) mailer.forget(node);
    const Status set = network.set_peers({addresses.begin(), addresses.end()});
    if (!set) log(to_string(set.error()));
  }
};

// Null where the configuration names none.
Result<std::unique_ptr<artifacts::Fetcher>> make_fetcher(io::Loop& loop,
                                                         const AgentConfig& config) {
  if (config.artifacts.empty()) return nullptr;
  ASSIGN_OR_RETURN(http::Address server,
                   in_context("artifacts", http::parse_address(config.artifacts)));
  return std::make_unique<artifacts::Fetcher>(loop, std::move(server), config.qemu.image_dir);
}

io::Task<void> bring_image(qemu::Hypervisor& hypervisor, runtime::AgentLoop& turns,
                           std::string sha256) {
  turns.image_brought(sha256, co_await hypervisor.bring_image(sha256));
}

Result<std::unique_ptr<ec2::Imds>> make_imds(io::Loop& loop, runtime::AgentLoop& turns,
                                             const AgentConfig& config) {
  if (config.imds.empty()) return nullptr;
  ec2::ImdsConfig wanted;
  ASSIGN_OR_RETURN(wanted.endpoint, in_context("imds", http::parse_address(config.imds)));
  return std::make_unique<ec2::Imds>(loop, turns, wanted);
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
  const std::string fleet_path = config.record_dir + "/fleet";
  const auto fleet = files::read_fleet(fleet_path);
  if (!fleet && fleet.error().code != Code::kNotFound) log(to_string(fleet.error()));

  const auto fetcher = make_fetcher(loop, config);
  if (!fetcher) return complain(fetcher.error());
  const auto imds = make_imds(loop, turns, config);
  if (!imds) return complain(imds.error());
  qemu::ImageSource images;
  if (*fetcher) images = [&](std::string sha256) { return (*fetcher)->fetch(std::move(sha256)); };
  qemu::Hypervisor hypervisor(loop, config.qemu, turns, images);
  grpc_edge::PeerMailer peers(config.credentials, {}, log);
  grpc_edge::PeerLogs logs(config.credentials);
  const auto socket_of = [&config](const GuestId& guest) -> Result<std::string> {
    ASSIGN_OR_RETURN(const qemu::GuestFiles files, qemu::files_of(config.qemu, guest));
    return files.control;
  };
  guestlink::GuestControl guests(loop, {.socket_of = socket_of, .log_dir = config.log_dir}, now,
                                 turns, logs);
  if (const auto started = guests.start(); !started) return complain(started.error());
  grpc_edge::ControlClient control(
      config.control, config.credentials, turns,
      [&turns](bool attached) {
        log(attached ? "control plane attached" : "control plane away");
        turns.attached(attached);
      },
      {}, log);
  grpc_edge::AgentMailer mailer(control, peers);

  FleetBook book{fleet_path, **network, peers, logs, {}};
  const runtime::AgentPorts real{
      hypervisor,
      guests,
      **network,
      mailer,
      record,
      nullptr,
      nullptr,
      [&book](const ports::Fleet& news) { book.set(news); },
      imds->get(),
      [&](const std::string& sha256) { loop.spawn(bring_image(hypervisor, turns, sha256)); }};
  turns.connect(wrap ? wrap(loop, real, turns) : real);
  turns.start(*records, fleet.value_or(config.fleet));
  auto server =
      grpc_edge::PeerServer::start(config.listen, config.credentials, turns, log, &guests);
  if (!server) return complain(server.error());
  loop.on_signal({SIGINT, SIGTERM}, [&](int) { loop.stop(); });
  log(std::format("agent of {} ready", config.agent.self.value));
  loop.run();
  return turns.exit_code();
}

}  // namespace godwit::apps
