#include "tests/handover/rig.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <format>
#include <fstream>
#include <iterator>

#include "lib/cgroup/cgroup.h"
#include "lib/json/json.h"
#include "lib/tls/digest.h"

namespace godwit::handover {
namespace {

namespace fs = std::filesystem;
using Steady = std::chrono::steady_clock;
constexpr char kAddress[] = "100.64.0.7";
constexpr std::uint16_t kPeerPort = 7001;

Status write_file(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary);
  out << bytes;
  out.close();
  if (!out) return unavailable(std::format("{}: cannot be written", path));
  return {};
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

tls::Validity valid() {
  const auto now =
      std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  return {now - std::chrono::hours{1}, now + std::chrono::hours{24}};
}

Status write_identity(const std::string& dir, const tls::Identity& identity,
                      const tls::Identity& authority) {
  TRY(write_file(dir + "/certificate.pem", identity.certificate));
  TRY(write_file(dir + "/key.pem", identity.key));
  return write_file(dir + "/authority.pem", authority.certificate);
}

}  // namespace

Result<std::unique_ptr<Rig>> Rig::make(int nodes, const std::string& program,
                                       const std::string& image,
                                       const std::optional<tls::Identity>& authority) {
  std::unique_ptr<Rig> rig(new Rig);
  TRY(rig->build(nodes, program, image, authority));
  return rig;
}

Rig::~Rig() {
  for (const auto& [node, pid] : std::map(agents_)) kill_agent(node);
  for (int node = 0; fs::exists(node_dir(node)); ++node) {
    kill_qemu(node);
    const auto group = cgroup::Group::create(group_name(node));
    for (int i = 0; group && i < 100; ++i) {
      const auto members = (*group)->members();
      if (!members || members->empty()) break;
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    if (group) cgroup::sweep(group_name(node), 0);
  }
  control_.reset();
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

NodeId Rig::name(int node) const { return {std::format("i-{}/boot-{}", node, node)}; }

ports::NodeNames Rig::names(const std::vector<int>& nodes) const {
  ports::NodeNames names;
  for (const int node : nodes) names.insert(name(node));
  return names;
}

std::string Rig::node_dir(int node) const { return std::format("{}/{}", folder_, node); }

// By the folder's random name: a pid is not unique among pid namespaces.
std::string Rig::group_name(int node) const {
  return std::format("godwit-{}-{}", fs::path(folder_).filename().string(), node);
}

Status Rig::build(int nodes, const std::string& program, const std::string& image,
                  const std::optional<tls::Identity>& given) {
  program_ = program;
  char folder[] = "/tmp/handover-XXXXXX";
  if (!mkdtemp(folder)) return system_error("mkdtemp", errno);
  folder_ = folder;
  // QEMU passes through it under its own uid.
  if (chmod(folder, 0711) != 0) return system_error("chmod", errno);
  ASSIGN_OR_RETURN(lab_, lab::Lab::make(nodes));
  TRY(make_files(nodes, image));
  tls::Identity authority;
  if (given) {
    authority = *given;
  } else {
    ASSIGN_OR_RETURN(authority, tls::make_authority("godwit test", valid()));
    TRY(listen(authority));
  }
  for (int node = 0; node < nodes; ++node) TRY(write_config(node, nodes, authority));
  return namespaces::run_inside(lab_->gateway(), [&]() -> Status {
    ASSIGN_OR_RETURN(gateway_,
                     linux_net::LinuxGateway::set_up({.address = lab::kGatewayAddress,
                                                      .outside = "out",
                                                      .public_address = lab::kPublicAddress}));
    std::vector<std::string> peers;
    for (int node = 0; node < nodes; ++node) peers.push_back(lab::node_address(node));
    TRY(gateway_->set_peers(peers));
    return gateway_->publish(linux_net::Protocol::kTcp, kWitnessPort, kAddress, kWitnessPort);
  });
}

Status Rig::listen(const tls::Identity& authority) {
  ASSIGN_OR_RETURN(const tls::Identity self, tls::issue(authority, ports::kControl, {}, valid()));
  const grpc_edge::Credentials credentials{self, authority.certificate};
  ASSIGN_OR_RETURN(control_, namespaces::run_inside(lab_->control(), [&] {
                     return grpc_edge::ControlServer::start(
                         std::format("{}:{}", lab::kControlAddress, kControlPort), credentials,
                         *this, [](const NodeId&, bool) {}, {}, [](const std::string&) {});
                   }));
  return {};
}

Status Rig::make_files(int nodes, const std::string& image) {
  const std::string images = folder_ + "/images";
  fs::create_directory(images);
  const auto take_in = [&](const std::string& path) -> Result<std::string> {
    ASSIGN_OR_RETURN(const std::string hash, tls::sha256_of_file(path));
    fs::copy_file(path, images + "/" + hash, fs::copy_options::skip_existing);
    return hash;
  };
  const std::string base = folder_ + "/base";
  TRY(write_file(base, ""));
  fs::resize_file(base, 16 << 20);
  ASSIGN_OR_RETURN(machine_.kernel_sha256, take_in("/usr/lib/godwit/kernel/vmlinuz"));
  ASSIGN_OR_RETURN(machine_.initramfs_sha256, take_in(image));
  ASSIGN_OR_RETURN(machine_.base_sha256, take_in(base));
  machine_.qemu_version = "10.0.13";
  machine_.machine_type = "pc-i440fx-10.0,hpet=off,vmport=off";
  machine_.cpu_model = "qemu64";
  machine_.memory_mib = 128;
  machine_.overlay_bytes = 16 << 20;
  machine_.mac = "02:00:64:40:00:07";
  machine_.address = kAddress;
  machine_.append = std::format(
      "console=ttyS0 panic=-1 clocksource=acpi_pm tsc=unstable nokaslr mitigations=off "
      "random.trust_cpu=on quiet godwit.address={}",
      kAddress);
  for (int node = 0; node < nodes; ++node)
    for (const char* dir : {"run", "disk", "record"})
      fs::create_directories(std::format("{}/{}", node_dir(node), dir));
  return {};
}

Status Rig::write_config(int node, int nodes, const tls::Identity& authority) {
  const std::string dir = node_dir(node);
  ASSIGN_OR_RETURN(const tls::Identity identity, tls::issue(authority, name(node), {}, valid()));
  TRY(write_identity(dir, identity, authority));
  TRY(write_file(dir + "/boot_id", std::format("boot-{}\n", node)));
  json::Value peers{json::Value::Object{}};
  for (int other = 0; other < nodes; ++other) {
    if (other == node) continue;
    json::Value peer;
    peer.set("address", lab::node_address(other)).set("port", kPeerPort);
    peers.set(name(other).value, peer);
  }
  json::Value config;
  config.set("node", name(node).value)
      .set("address", lab::node_address(node))
      .set("listen", std::format("{}:{}", lab::node_address(node), kPeerPort))
      .set("control", std::format("{}:{}", lab::kControlAddress, kControlPort))
      .set("gateway", lab::kGatewayAddress)
      .set("certificate", dir + "/certificate.pem")
      .set("key", dir + "/key.pem")
      .set("authority", dir + "/authority.pem")
      .set("record_dir", dir + "/record")
      .set("log_dir", dir + "/logs")
      .set("run_dir", dir + "/run")
      .set("disk_dir", dir + "/disk")
      .set("image_dir", folder_ + "/images")
      .set("boot_id", dir + "/boot_id")
      .set("uid_first", 200000 + 100 * node)
      .set("uid_count", 100)
      .set("cgroup", cgroup::probe() ? group_name(node) : "")
      .set("peers", peers);
  return write_file(dir + "/agent.json", config.dump());
}

Status Rig::start_agent(int node, const std::vector<std::string>& environment) {
  std::vector<std::string> argv{"/usr/bin/env"};
  argv.insert(argv.end(), environment.begin(), environment.end());
  argv.insert(argv.end(), {program_, node_dir(node) + "/agent.json"});
  ASSIGN_OR_RETURN(agents_[node], lab_->spawn(node, argv, node_dir(node) + "/agent.log"));
  return {};
}

void Rig::kill_agent(int node) {
  const auto at = agents_.find(node);
  if (at == agents_.end()) return;
  kill(at->second, SIGKILL);
  waitpid(at->second, nullptr, 0);
  agents_.erase(at);
}

bool Rig::agent_runs(int node) {
  const auto at = agents_.find(node);
  if (at == agents_.end()) return false;
  if (waitpid(at->second, nullptr, WNOHANG) == 0) return true;
  agents_.erase(at);
  return false;
}

std::string Rig::log_dir(int node) const {
  return std::format("{}/logs/{}", node_dir(node), kGuest.value);
}

std::string Rig::control_socket(int node) const {
  return std::format("{}/run/{}/q.ctl", node_dir(node), kGuest.value);
}

pid_t Rig::qemu_pid(int node) const {
  const std::string run = node_dir(node) + "/run";
  for (const auto& file : fs::recursive_directory_iterator(run))
    if (file.path().filename() == "pid") return std::atoi(read_file(file.path()).c_str());
  return 0;
}

bool Rig::qemu_runs(int node) const {
  const pid_t pid = qemu_pid(node);
  return pid > 0 && read_file(std::format("/proc/{}/cmdline", pid)).contains("qemu");
}

bool Rig::kill_qemu(int node) const {
  if (!qemu_runs(node)) return false;
  return kill(qemu_pid(node), SIGKILL) == 0;
}

Status Rig::kill_node(int node) {
  TRY(lab_->cut(node));
  kill_agent(node);
  kill_qemu(node);
  return {};
}

std::string Rig::log_of(int node) const { return read_file(node_dir(node) + "/agent.log"); }

}  // namespace godwit::handover
