#include "localcloud/host.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "lib/cgroup/cgroup.h"
#include "lib/http/server.h"
#include "lib/io/child.h"
#include "lib/namespaces/network_namespace.h"
#include "lib/tls/digest.h"
#include "localcloud/admin.h"
#include "localcloud/boot.h"
#include "localcloud/imds.h"

namespace godwit::localcloud {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kOutputBytes = 1'000'000;
constexpr const char* kGroupPrefix = "godwit-cloud.";
constexpr std::int64_t kLeftForS = 600;  // A cgroup of a killed cloud is swept when this old.

Status write_file(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) return unavailable(std::format("write {}", path));
  return {};
}

std::string read_file(const std::string& path, std::size_t bytes) {
  std::ifstream file(path, std::ios::binary);
  std::string text(bytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(bytes));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

// A version 4 UUID as the kernel prints one.
Result<std::string> make_boot_id() {
  ASSIGN_OR_RETURN(std::string hex, tls::random_hex(16));
  hex[12] = '4';
  hex[16] = '8';
  return std::format("{}-{}-{}-{}-{}\n", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20));
}

std::string host_name(const std::string& address) {
  std::string name = "ip-" + address;
  for (char& c : name)
    if (c == '.') c = '-';
  return name;
}

}  // namespace

struct Host::Living {
  std::string id, address;
  std::uint64_t number = 0;
  BootSpec spec;
  std::string spec_path;
  std::unique_ptr<namespaces::NetworkNamespace> network;
  std::unique_ptr<cgroup::Group> group;
  std::unique_ptr<Imds> imds;
  std::unique_ptr<http::Server> metadata;  // After what it refers to.
  io::RunningProgram keeper;
};

Host::Host(io::Loop& loop, const HostConfig& config, std::string program, World world)
    : loop_(loop),
      config_(config),
      program_(std::move(program)),
      world_(std::move(world)),
      one_ended_(loop) {}

Host::~Host() = default;

Result<std::unique_ptr<Host>> Host::create(io::Loop& loop, const HostConfig& config,
                                           std::string program, World world) {
  std::unique_ptr<Host> host(new Host(loop, config, std::move(program), std::move(world)));
  if (!fs::is_directory(config.rootfs + "/etc"))
    return not_found(std::format("no root filesystem at {}", config.rootfs));
  cgroup::sweep(kGroupPrefix, kLeftForS);
  ASSIGN_OR_RETURN(const std::string random, tls::random_hex(4));
  host->group_ = kGroupPrefix + random;
  ASSIGN_OR_RETURN(host->vpc_, Vpc::create());
  return host;
}

Status Host::confine(const Instance& instance, Living& living) {
  const InstanceType& type = *world_.cloud.catalog().type(instance.spec.type);
  ASSIGN_OR_RETURN(living.group, cgroup::Group::create(group_ + "/" + instance.id));
  TRY(living.group->limit_cpu(type.vcpus * config_.cpu_percent_per_vcpu));
  TRY(living.group->limit_memory(type.memory_mib * 1024 * 1024 / 100 * config_.memory_percent));
  living.spec.join_files = living.group->join_files();
  living.spec.cgroups = living.group->directories();
  return {};
}

Status Host::prepare(const Instance& instance, Living& living) {
  living.id = instance.id;
  living.address = instance.address;
  living.number = instance.sequence;
  BootSpec& spec = living.spec;
  spec.directory = config_.state_dir + "/" + instance.id;
  living.spec_path = spec.directory + "/boot.json";
  std::error_code error;
  for (const char* name : {"/upper", "/work", "/root"})
    if (!error) fs::create_directories(spec.directory + name, error);
  if (error) return system_error(std::format("make {}", spec.directory), error.value());
  ::chmod(spec.directory.c_str(), 0700);  // The user data may hold secrets.
  TRY(confine(instance, living));
  ASSIGN_OR_RETURN(living.network, vpc_->attach(instance.sequence, instance.address));
  living.imds = std::make_unique<Imds>(world_.cloud, instance.id);
  auto answer = [imds = living.imds.get(),
                 now = world_.now](http::Request request) -> io::Task<http::Response> {
    co_return imds->on(request, now());
  };
  ASSIGN_OR_RETURN(living.metadata, namespaces::run_inside(*living.network, [&] {
                     return http::Server::listen(loop_, kMetadataAddress, 80, answer);
                   }));
  spec.hostname = host_name(instance.address);
  spec.network = std::format("/proc/{}/fd/{}", ::getpid(), living.network->fd());
  spec.rootfs = config_.rootfs;
  spec.mounts = config_.mounts;
  spec.cloud_pid = ::getpid();
  ASSIGN_OR_RETURN(const std::string boot_id, make_boot_id());
  TRY(write_file(spec.directory + "/boot-id", boot_id));
  TRY(write_file(spec.directory + "/user-data", instance.spec.user_data));
  return write_file(living.spec_path, to_json(spec));
}

Status Host::start(Living& living) {
  io::ProgramStart start{.argv = {program_, "boot-instance", living.spec_path},
                         .output = living.spec.directory + ".console"};
  ASSIGN_OR_RETURN(living.keeper, io::start_program(start));
  return {};
}

void Host::boot(const Instance& instance) {
  const std::string id = instance.id;
  auto living = std::make_unique<Living>();
  Status made = prepare(instance, *living);
  if (made) made = start(*living);
  if (!made) {
    std::fprintf(stderr, "godwit cloud: boot %s: %s\n", id.c_str(),
                 to_string(made.error()).c_str());
    clean(*living);
    loop_.post([this, id] { world_.ended(id, EndReason::kFailure); });
    return;
  }
  living_[id] = std::move(living);
  loop_.spawn(watch(id));
}

io::Task<void> Host::watch(std::string id) {
  const std::string end = co_await io::wait_ended(living_.at(id)->keeper);
  clean(*living_.at(id));
  living_.erase(id);
  one_ended_.notify();
  // Nothing new if the cloud asked for it.
  world_.ended(id, end == "exit status 0" ? EndReason::kItself : EndReason::kFailure);
}

void Host::clean(Living& living) {
  living.metadata.reset();
  if (living.network) {
    if (const Status status = vpc_->detach(living.number, living.address); !status)
      std::fprintf(stderr, "godwit cloud: %s: %s\n", living.id.c_str(),
                   to_string(status.error()).c_str());
  }
  living.network.reset();
  // A command that was entering may be outside the pid namespace still.
  if (living.group) (void)living.group->kill_all();
  living.group.reset();
  std::error_code ignored;
  fs::remove_all(living.spec.directory, ignored);
}

void Host::kill(const std::string& instance) {
  const auto at = living_.find(instance);
  if (at != living_.end()) (void)io::send_signal(at->second->keeper, SIGTERM);
}

io::Task<json::Value> Host::exec(std::string instance, std::vector<std::string> argv) {
  const auto at = living_.find(instance);
  const std::string directory = config_.state_dir + "/" + instance;
  const std::string init = at == living_.end() ? "" : read_file(directory + "/init", 20);
  if (init.empty())
    co_return refusal(
        {Code::kFailedPrecondition, std::format("{} does not run yet, or no more", instance)});
  const std::string output = std::format("{}.exec-{}", directory, ++commands_);
  std::vector<std::string> words{program_, "enter-instance", at->second->spec_path, init};
  words.insert(words.end(), argv.begin(), argv.end());
  io::ProgramStart start{.argv = std::move(words), .output = output};
  const auto program = io::start_program(start);
  if (!program) co_return refusal(program.error());
  const std::string end = co_await io::wait_ended(*program);
  int status = 0;
  if (std::sscanf(end.c_str(), "exit status %d", &status) != 1) status = 137;
  json::Value answer;
  answer.set("ok", true).set("exit", status).set("output", read_file(output, kOutputBytes));
  ::unlink(output.c_str());
  co_return answer;
}

json::Value Host::network() const {
  json::Value out;
  const auto add = [&out](const char* name, const Result<std::uint64_t>& count) {
    out.set(name, count ? json::Value(*count) : json::Value(to_string(count.error())));
  };
  add("dropped_by_source_check", vpc_->dropped_by_source_check());
  add("dropped_by_destination_check", vpc_->dropped_by_destination_check());
  return out;
}

io::Task<void> Host::stop() {
  for (const auto& [id, living] : living_) (void)io::send_signal(living->keeper, SIGTERM);
  while (!living_.empty()) co_await one_ended_.wait(std::chrono::seconds{10});
  cgroup::sweep(group_, 0);
}

}  // namespace godwit::localcloud
