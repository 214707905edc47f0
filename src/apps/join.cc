#include "apps/join.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <format>
#include <fstream>
#include <iterator>
#include <thread>

#include "apps/console.h"
#include "apps/node_facts.h"
#include "edges/grpc/join_client.h"
#include "lib/cgroup/cgroup.h"
#include "lib/tls/signing_request.h"

namespace godwit::apps {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds kCallMax{10'000}, kPauseFirst{500}, kPauseMax{30'000};
// Of nobody on Debian or Ubuntu: above 65535, below the ranges of subuid(5) and systemd-nspawn.
constexpr std::uint32_t kUidFirst = 70'000, kUidCount = 1'000;

// Let through, not read: the QEMUs' users must reach their own files.
Status make_folder(const std::string& path, mode_t mode) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return system_error(std::format("make {}", path), error.value());
  if (::chmod(path.c_str(), mode) != 0) return system_error(std::format("chmod {}", path), errno);
  return {};
}

std::string read_whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// Whole or not at all; 0600.
Status write_whole(const std::string& path, const std::string& bytes) {
  const std::string draft = path + ".new";
  ::unlink(draft.c_str());
  const int fd = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return system_error(std::format("open {}", draft), errno);
  const ssize_t done = ::write(fd, bytes.data(), bytes.size());
  const bool good = done == static_cast<ssize_t>(bytes.size()) && ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  if (!good) return system_error(std::format("write {}", draft), error);
  if (::rename(draft.c_str(), path.c_str()) != 0)
    return system_error(std::format("rename {}", draft), errno);
  return {};
}

// Held by a descriptor that is never closed: it ends with the process, however that ends.
Status take_lock(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return system_error(std::format("open {}", path), errno);
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return {};
  ::close(fd);
  return precondition(std::format("{} is held: an agent runs here already", path));
}

Result<std::string> own_key(const std::string& path) {
  if (std::string kept = read_whole(path); tls::request_for(kept)) return kept;
  ASSIGN_OR_RETURN(const tls::SigningRequest made, tls::make_request());
  TRY(write_whole(path, made.key));
  return made.key;
}

// Is worth another try: everything but what stays as it is.
bool may_pass(const Error& error) {
  return error.code != Code::kPermissionDenied && error.code != Code::kInvalidArgument;
}

Result<std::string> certificate_for(const JoinConfig& config, const std::string& key) {
  grpc_edge::JoinWish wish{.address = config.join,
                           .authority = config.authority,
                           .token = config.token,
                           .signing_request = ""};
  ASSIGN_OR_RETURN(wish.signing_request, tls::request_for(key));
  std::string told;
  for (milliseconds pause = kPauseFirst;; pause = std::min(2 * pause, kPauseMax)) {
    auto joined = grpc_edge::join(wish, kCallMax);
    if (joined && !tls::is_pair({joined->certificate, key}))
      joined = data_loss(std::format("join at {}: a certificate for another key", config.join));
    if (joined) {
      log(std::format("joined as {}", joined->node.value));
      return joined->certificate;
    }
    if (!may_pass(joined.error())) return std::unexpected(joined.error());
    // Once for each reason: it may last for hours.
    if (told != joined.error().message) log(to_string(joined.error()));
    told = joined.error().message;
    std::this_thread::sleep_for(pause);
  }
}

Result<tls::Identity> identity(const JoinConfig& config) {
  const std::string folder = config.state_dir + "/identity";
  TRY(make_folder(folder, 0700));
  tls::Identity self;
  ASSIGN_OR_RETURN(self.key, own_key(folder + "/key.pem"));
  self.certificate = read_whole(folder + "/node.pem");
  if (tls::is_pair(self)) return self;
  ASSIGN_OR_RETURN(self.certificate, certificate_for(config, self.key));
  TRY(write_whole(folder + "/node.pem", self.certificate));
  return self;
}

// The group that all guests' groups are below.
std::string guests_group() {
  const std::string name = "godwit-guests";
  const auto group = cgroup::Group::create(name);  // Goes at once if it is empty.
  if (group) return name;
  log(std::format("guests are not held by control groups: {}", to_string(group.error())));
  return "";
}

}  // namespace

Result<AgentConfig> become_node(const JoinConfig& join) {
  TRY(make_folder(join.state_dir, 0711));
  TRY(make_folder(join.run_dir, 0711));
  TRY(take_lock(join.run_dir + "/agent.lock"));
  AgentConfig config;
  ASSIGN_OR_RETURN(config.credentials.self, identity(join));
  config.credentials.authority = join.authority;
  ASSIGN_OR_RETURN(config.agent.self.value, tls::common_name(config.credentials.self.certificate));
  ASSIGN_OR_RETURN(config.agent.address, own_address(join.control));
  config.agent.port = join.port;
  config.boot_id = "/proc/sys/kernel/random/boot_id";
  ASSIGN_OR_RETURN(config.agent.boot_id, read_boot_id(config.boot_id));
  ASSIGN_OR_RETURN(const Room room, room_for_guests(join.memory_reserve_mib));
  config.agent.memory_mib = room.memory_mib;
  config.agent.vcpus = room.vcpus;
  config.listen = std::format("{}:{}", config.agent.address, join.port);
  config.control = join.control;
  config.gateway = join.gateway;
  config.record_dir = join.state_dir + "/records";
  config.log_dir = join.state_dir + "/logs";
  config.qemu.run_dir = join.run_dir + "/guests";
  config.qemu.disk_dir = join.state_dir + "/guests";
  config.qemu.image_dir = join.state_dir + "/images";
  for (const std::string* path : {&config.record_dir, &config.log_dir})
    TRY(make_folder(*path, 0700));
  for (const std::string* path :
       {&config.qemu.run_dir, &config.qemu.disk_dir, &config.qemu.image_dir})
    TRY(make_folder(*path, 0711));
  config.qemu.listen_address = config.agent.address;
  config.qemu.uid_first = kUidFirst;
  config.qemu.uid_count = kUidCount;
  config.qemu.cgroup = guests_group();
  config.artifacts = join.artifacts;
  config.imds = join.imds;
  if (!config.imds.empty()) config.agent.ask_notice = kAskNotice;
  return config;
}

}  // namespace godwit::apps
