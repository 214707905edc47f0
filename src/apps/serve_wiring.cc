#include "apps/serve_wiring.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <format>
#include <memory>
#include <string>
#include <utility>

#include "apps/admin_door.h"
#include "apps/boot_script.h"
#include "apps/console.h"
#include "apps/state_dir.h"
#include "edges/artifacts/server.h"
#include "edges/ec2/cloud.h"
#include "edges/grpc/control.h"
#include "edges/grpc/join_server.h"
#include "edges/grpc/public_server.h"
#include "edges/runtime/control_loop.h"
#include "edges/sqlite/store.h"
#include "lib/tls/digest.h"

namespace godwit::apps {
namespace {

namespace fs = std::filesystem;

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

Result<std::unique_ptr<grpc_edge::PublicServer>> open_api(const std::string& address,
                                                          const grpc_edge::Credentials& proof,
                                                          runtime::ControlLoop& turns) {
  if (address.empty()) return nullptr;
  ASSIGN_OR_RETURN(auto api, grpc_edge::PublicServer::start(address, proof, turns, {}));
  api->begin(static_cast<std::uint64_t>(now().time_since_epoch().count()));
  return api;
}

// A hard link, or a copy where there can be none: images are never changed.
Result<std::string> put_in(const std::string& dir, const std::string& path) {
  auto hash = in_context(path, tls::sha256_of_file(path));
  if (!hash) return std::unexpected(hash.error());
  const std::string to = dir + "/" + *hash;
  std::error_code error;
  if (fs::exists(to, error)) return *hash;
  fs::copy_file(path, to + ".new", fs::copy_options::overwrite_existing, error);
  if (!error) fs::rename(to + ".new", to, error);
  if (error) return system_error(std::format("copy {} to {}", path, to), error.value());
  return *hash;
}

// All that exists only with a cloud: the provider, and how its instances become nodes.
struct Region {
  Random random;
  std::unique_ptr<ec2::Cloud> cloud;
  std::unique_ptr<artifacts::Server> artifacts;
  std::unique_ptr<grpc_edge::JoinServer> joins;
};

control::Token draw_token() {
  const auto text = tls::random_hex(32);
  CHECK(text.has_value());  // The system's source of randomness does not fail once it is there.
  return {*text, tls::sha256(*text)};
}

// What the control plane must know of the images and of the boot of instances.
Result<std::string> complete(const ServeConfig& config, const grpc_edge::Credentials& proof,
                             control::Config& control) {
  const CloudConfig& cloud = *config.cloud;
  std::error_code error;
  fs::create_directories(cloud.images, error);
  if (error) return system_error(std::format("make {}", cloud.images), error.value());
  ASSIGN_OR_RETURN(control.machine.kernel_sha256, put_in(cloud.images, cloud.kernel));
  ASSIGN_OR_RETURN(control.machine.initramfs_sha256, put_in(cloud.images, cloud.initramfs));
  const std::string agent = cloud.agent.empty() ? "/proc/self/exe" : cloud.agent;
  auto agent_sha256 = in_context(agent, tls::sha256_of_file(agent));
  if (!agent_sha256) return std::unexpected(agent_sha256.error());
  control.draw_token = draw_token;
  control.image_bytes = [dir = cloud.images](const std::string& sha256) {
    std::error_code failed;
    const std::uint64_t bytes = fs::file_size(dir + "/" + sha256, failed);
    return failed ? std::nullopt : std::optional{bytes};
  };
  BootScript script{.agent_sha256 = *agent_sha256,
                    .join = {.authority = proof.authority,
                             .join = cloud.join,
                             .control = config.listen,
                             .artifacts = "http://" + cloud.artifacts,
                             .imds = "http://169.254.169.254",
                             .memory_reserve_mib = control.provider->memory_reserve_mib}};
  if (control.gateway) script.join.gateway = control.gateway->address;
  control.boot_script = [script](const NodeId&, const std::string& token) {
    BootScript with_token = script;
    with_token.join.token = token;
    return boot_script(with_token);
  };
  return *agent_sha256;
}

Result<std::unique_ptr<Region>> open_region(const ServeConfig& config,
                                            const grpc_edge::Credentials& proof,
                                            const std::string& agent_sha256, io::Loop& loop,
                                            runtime::ControlLoop& turns) {
  const CloudConfig& cloud = *config.cloud;
  auto region = std::make_unique<Region>(
      Region{Random{static_cast<std::uint64_t>(now().time_since_epoch().count())}, {}, {}, {}});
  region->cloud = std::make_unique<ec2::Cloud>(
      loop, turns,
      ec2::Config{.endpoint = cloud.endpoint,
                  .region = config.control.provider->region,
                  .credentials = {cloud.access_key_id, cloud.secret_access_key}},
      region->random);
  ASSIGN_OR_RETURN(const http::Address at, http::parse_address("http://" + cloud.artifacts));
  ASSIGN_OR_RETURN(
      region->artifacts,
      artifacts::Server::start(
          {.host = at.host,
           .port = at.port,
           .image_dir = cloud.images,
           .files = {{agent_sha256, cloud.agent.empty() ? "/proc/self/exe" : cloud.agent}}}));
  ASSIGN_OR_RETURN(tls::Identity authority, open_authority(config.state_dir, now()));
  ASSIGN_OR_RETURN(region->joins, grpc_edge::JoinServer::start(
                                      cloud.join, proof, std::move(authority), turns, now, {}));
  return region;
}

}  // namespace

int run_serve(const ServeConfig& config, runtime::ControlLoop::Gate gate) {
  if (const auto made = make_state_dir(config.state_dir); !made) return complain(made.error());
  const auto proof = credentials(config.state_dir);
  if (!proof) return complain(proof.error());
  const auto store = open_store(config.state_dir);
  if (!store) return complain(store.error());

  control::Config known = config.control;
  known.incarnation = config.cloud ? (*store)->incarnation() : "";
  const auto agent_sha256 =
      config.cloud ? complete(config, *proof, known) : Result<std::string>{""};
  if (!agent_sha256) return complain(agent_sha256.error());

  io::Loop loop;
  control::Control control(std::move(known), config.policy);
  runtime::ControlLoop turns(loop, control, **store, now, log);
  turns.set_gate(std::move(gate));
  const auto seen = [&turns](const NodeId& node, bool attached) {
    log(std::format("agent of {} {}", node.value, attached ? "attached" : "away"));
    turns.offer(control::Event{control::AgentSeen{node, attached}});
  };
  const auto server = grpc_edge::ControlServer::start(config.listen, *proof, turns, seen, {}, log);
  if (!server) return complain(server.error());
  const auto api = open_api(config.api, *proof, turns);
  if (!api) return complain(api.error());
  auto region = config.cloud ? open_region(config, *proof, *agent_sha256, loop, turns)
                             : Result<std::unique_ptr<Region>>{};
  if (!region) return complain(region.error());
  Region* const rented = region->get();
  grpc_edge::SplitAnswers answers(rented ? rented->joins.get() : nullptr, api->get());
  turns.connect(**server, &answers, rented ? rented->cloud.get() : nullptr, api->get());
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
