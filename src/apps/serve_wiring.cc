#include "apps/serve_wiring.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <format>
#include <map>
#include <memory>
#include <string>

#include "apps/admin_door.h"
#include "apps/console.h"
#include "apps/state_dir.h"
#include "edges/grpc/control.h"
#include "edges/grpc/public_server.h"
#include "edges/runtime/control_loop.h"
#include "edges/sqlite/store.h"
#include "lib/tls/digest.h"

namespace godwit::apps {
namespace {

// Our own certificate lives as long as the process: a restart draws another.
Result<grpc_edge::Credentials> credentials(const std::string& state_dir) {
  ASSIGN_OR_RETURN(const tls::Identity authority, open_authority(state_dir, now()));
  TRY(make_first_user(state_dir, authority, now()));
  TRY(make_gateway(state_dir, authority, now()));
  const tls::Validity valid{now() - std::chrono::hours{1}, now() + std::chrono::years{5}};
  ASSIGN_OR_RETURN(const tls::Identity self, tls::issue(authority, ports::kControl, {}, valid));
  return grpc_edge::Credentials{self, authority.certificate};
}

Result<std::unique_ptr<sqlite::SqliteStore>> open_store(const std::string& state_dir) {
  ASSIGN_OR_RETURN(const std::string incarnation, tls::random_hex(8));
  return sqlite::SqliteStore::open(store_path(state_dir), incarnation);
}

// What the control plane does not do yet, by method of api/godwit/v1.
const std::map<std::string, std::string>& unserved() {
  static const std::map<std::string, std::string> kUnserved{
      {"Groups.Apply", "groups are not placed yet: guests are made by the admin door"},
      {"Groups.Delete", "guests do not end yet"},
      {"Guests.ReadLogs", "logs are read at the node, in its log_dir"},
      {"Guests.Exec", "exec is not carried to the node yet"},
      {"Nodes.Cordon", "nodes are not cordoned yet"},
      {"Nodes.Uncordon", "nodes are not cordoned yet"},
      {"Nodes.Drain", "nodes are not drained yet: migrate their guests one by one"},
      {"Events.List", "events are not kept yet: see the log of `serve`"},
      {"Events.Watch", "watching is not served yet: ask again"},
  };
  return kUnserved;
}

Result<std::unique_ptr<grpc_edge::PublicServer>> open_api(const std::string& address,
                                                          const grpc_edge::Credentials& proof,
                                                          runtime::ControlLoop& turns) {
  if (address.empty()) return nullptr;
  ASSIGN_OR_RETURN(auto api,
                   grpc_edge::PublicServer::start(address, proof, turns, {.unserved = unserved()}));
  api->begin(static_cast<std::uint64_t>(now().time_since_epoch().count()));
  return api;
}

}  // namespace

int run_serve(const ServeConfig& config) {
  if (const auto made = make_state_dir(config.state_dir); !made) return complain(made.error());
  const auto proof = credentials(config.state_dir);
  if (!proof) return complain(proof.error());
  const auto store = open_store(config.state_dir);
  if (!store) return complain(store.error());

  io::Loop loop;
  control::Control control;
  runtime::ControlLoop turns(loop, control, **store, now, log);
  const auto seen = [&turns](const NodeId& node, bool attached) {
    log(std::format("agent of {} {}", node.value, attached ? "attached" : "away"));
    turns.offer(control::Event{control::AgentSeen{node, attached}});
  };
  const auto server = grpc_edge::ControlServer::start(config.listen, *proof, turns, seen, {}, log);
  if (!server) return complain(server.error());
  const auto api = open_api(config.api, *proof, turns);
  if (!api) return complain(api.error());
  turns.connect(**server, api->get());
  if (const auto started = turns.start(); !started) return complain(started.error());

  std::unique_ptr<AdminDoor> door;
  if (!config.admin_door.empty()) {
    auto opened = AdminDoor::open(loop, config.admin_door, turns, control, (*store)->incarnation());
    if (!opened) return complain(opened.error());
    door = *std::move(opened);
  }
  loop.on_signal({SIGINT, SIGTERM}, [&](int) { loop.stop(); });
  log(std::format("control plane of fleet {} ready", (*store)->incarnation()));
  loop.run();
  return turns.exit_code();
}

}  // namespace godwit::apps
