#include "tests/gateway/rig.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <format>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "lib/json/json.h"
#include "lib/netlink/route.h"
#include "lib/nft/nft.h"

namespace godwit::lab {
namespace {

namespace fs = std::filesystem;
using namespaces::run_inside;

constexpr const char* kMac = "52:54:00:00:00:07";
constexpr tls::Validity kValidity{Time{std::chrono::seconds{1'600'000'000}},
                                  Time{std::chrono::seconds{4'000'000'000}}};

void end(pid_t pid) {
  ::kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

}  // namespace

Result<std::unique_ptr<GatewayRig>> GatewayRig::make() {
  std::unique_ptr<GatewayRig> rig(new GatewayRig);
  TRY(rig->build());
  return rig;
}

Status GatewayRig::build() {
  char folder[] = "/tmp/gateway-XXXXXX";
  if (!mkdtemp(folder)) return system_error("mkdtemp", errno);
  folder_ = folder;
  ASSIGN_OR_RETURN(lab_, Lab::make(2));
  ASSIGN_OR_RETURN(guest_, Guest::make(kGuestAddress, kMac));
  for (int node = 0; node < 2; ++node) {
    ASSIGN_OR_RETURN(auto network, run_inside(lab_->node(node), [&] {
                       return linux_net::LinuxNetwork::set_up(
                           {.address = node_address(node), .gateway = kGatewayAddress});
                     }));
    TRY(run_inside(lab_->node(node), [&] { return network->set_peers({node_address(1 - node)}); }));
    networks_.push_back(std::move(network));
  }
  ASSIGN_OR_RETURN(authority_, tls::make_authority("godwit test", kValidity));
  TRY(write_credentials(folder_ + "/gateway", "gateway", "gateway"));
  for (int node = 0; node < 2; ++node)
    TRY(write_credentials(std::format("{}/node{}", folder_, node), "node",
                          std::format("n-{}", node)));
  std::ofstream(folder_ + "/gateway.json")
      << json::Value{}
             .set("address", kGatewayAddress)
             .set("listen", std::format("{}:{}", kGatewayAddress, kGatewayPort))
             .set("control", std::format("{}:7002", kControlAddress))
             .set("outside", "out")
             .set("public_address", kPublicAddress)
             .set("credentials", folder_ + "/gateway")
             .dump();
  ASSIGN_OR_RETURN(const tls::Identity self,
                   tls::issue(authority_, ports::kControl, {}, kValidity));
  ASSIGN_OR_RETURN(control_, run_inside(lab_->control(), [&] {
                     return grpc_edge::ControlServer::start(
                         std::format("{}:7002", kControlAddress), {self, authority_.certificate},
                         *this,
                         [this](const NodeId&, bool attached) {
                           const std::lock_guard lock(mutex_);
                           attached_ += attached ? 1 : 0;
                           changed_.notify_all();
                         },
                         {}, [](const std::string&) {});
                   }));
  return {};
}

GatewayRig::~GatewayRig() {
  for (const auto& [node, pid] : announcers_) end(pid);
  kill_gateway();
  control_.reset();
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

Status GatewayRig::write_credentials(const std::string& folder, const std::string& name,
                                     const std::string& id) const {
  ASSIGN_OR_RETURN(const tls::Identity identity, tls::issue(authority_, {id}, {}, kValidity));
  fs::create_directory(folder);
  std::ofstream(folder + "/ca.pem") << authority_.certificate;
  std::ofstream(std::format("{}/{}.pem", folder, name)) << identity.certificate;
  std::ofstream(std::format("{}/{}.key", folder, name)) << identity.key;
  return {};
}

Result<pid_t> GatewayRig::spawn(const NetworkNamespace& where,
                                const std::vector<std::string>& argv) const {
  return namespaces::spawn_inside(where, argv, folder_ + "/log");
}

Status GatewayRig::start_gateway() {
  {
    const std::lock_guard lock(mutex_);
    expected_ = attached_ + 1;
  }
  ASSIGN_OR_RETURN(gateway_,
                   spawn(lab_->gateway(), {GODWIT_PROGRAM, "gateway", folder_ + "/gateway.json"}));
  return {};
}

void GatewayRig::kill_gateway() {
  if (gateway_) end(*gateway_);
  gateway_.reset();
}

bool GatewayRig::await_attached() {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds{20},
                           [this] { return attached_ >= expected_; });
}

void GatewayRig::tell(const std::string& guest, ports::Body body) {
  control_->send({{guest}, ports::kControl, {"gateway"}, std::move(body)});
}

void GatewayRig::tell_fleet() {
  ports::Fleet fleet;
  for (int node = 0; node < 2; ++node)
    fleet.nodes[NodeId{std::format("n-{}", node)}] = {node_address(node), 7001};
  tell("", fleet);
}

void GatewayRig::publish(const std::string& guest, const std::string& address, ports::Port port) {
  tell(guest, ports::Publish{address, {port}});
}

Status GatewayRig::run_on(int node) {
  auto& network = *networks_.at(static_cast<std::size_t>(node));
  ASSIGN_OR_RETURN(const std::string tap,
                   run_inside(lab_->node(node), [&]() -> Result<std::string> {
                     ASSIGN_OR_RETURN(auto name, network.make_tap({"g"}, kGuestAddress, kMac));
                     TRY(network.route_to_tap({"g"}, kGuestAddress));
                     return name;
                   }));
  TRY(guest_->attach(lab_->node(node), tap));
  guest_->run();
  return {};
}

Status GatewayRig::forward(int node) {
  auto& network = *networks_.at(static_cast<std::size_t>(node));
  return run_inside(lab_->node(node),
                    [&] { return network.route_to_node(kGuestAddress, node_address(1 - node)); });
}

Status GatewayRig::unroute(int node) {
  auto& network = *networks_.at(static_cast<std::size_t>(node));
  return run_inside(lab_->node(node), [&] { return network.remove_route(kGuestAddress); });
}

Status GatewayRig::announce(int node, std::uint32_t generation, std::uint32_t hop) {
  stop_announcing(node);
  ASSIGN_OR_RETURN(announcers_[node],
                   spawn(lab_->node(node),
                         {ANNOUNCER, std::format("{}/node{}", folder_, node),
                          std::format("{}:{}", kGatewayAddress, kGatewayPort), "g", kGuestAddress,
                          node_address(node), std::to_string(generation), std::to_string(hop)}));
  return {};
}

void GatewayRig::stop_announcing(int node) {
  const auto found = announcers_.find(node);
  if (found == announcers_.end()) return;
  end(found->second);
  announcers_.erase(found);
}

bool GatewayRig::await_routed(int node) const {
  const auto leads = [&]() -> Result<bool> {
    ASSIGN_OR_RETURN(const auto socket, netlink::Socket::open());
    ASSIGN_OR_RETURN(const auto guest, netlink::parse_ipv4(kGuestAddress));
    ASSIGN_OR_RETURN(const auto to, netlink::parse_ipv4(node_address(node)));
    ASSIGN_OR_RETURN(const auto routes, netlink::routes(*socket));
    return std::ranges::any_of(routes, [&](const netlink::Route& r) {
      return r.to == netlink::Prefix{guest, 32} && r.encap && r.encap->to == to;
    });
  };
  for (int i = 0; i < 200; ++i) {
    if (run_inside(lab_->gateway(), leads).value_or(false)) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
  return false;
}

Result<std::uint64_t> GatewayRig::counted(const std::string& comment) const {
  ASSIGN_OR_RETURN(const std::string rules,
                   run_inside(lab_->gateway(), [] { return nft::list("table inet godwit"); }));
  // "... counter packets 3 bytes 252 drop comment "denied"".
  std::istringstream lines(rules);
  for (std::string line; std::getline(lines, line);) {
    static constexpr std::string_view kBefore = "counter packets ";
    const auto at = line.find(kBefore);
    if (at == std::string::npos || !line.contains(std::format("comment \"{}\"", comment))) continue;
    std::uint64_t packets = 0;
    std::from_chars(line.data() + at + kBefore.size(), line.data() + line.size(), packets);
    return packets;
  }
  return not_found(comment);
}

std::string GatewayRig::log() const {
  std::ifstream in(folder_ + "/log", std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace godwit::lab
