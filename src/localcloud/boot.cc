#include "localcloud/boot.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "lib/json/json.h"
#include "localcloud/boot_root.h"

namespace godwit::localcloud {
namespace {

using json::Value;

constexpr const char* kUserData = "/run/user-data";
constexpr int kFailed = 70;  // EX_SOFTWARE.

Value pairs(const std::vector<std::pair<std::string, std::string>>& list) {
  Value::Array out;
  for (const auto& [a, b] : list) out.push_back(Value::Array{a, b});
  return out;
}

std::vector<std::pair<std::string, std::string>> pairs(const Value& list) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const Value& pair : list.array()) out.emplace_back(pair.at(0).text(), pair.at(1).text());
  return out;
}

int failed(const Error& error) {
  std::fprintf(stderr, "instance: %s\n", to_string(error).c_str());
  return kFailed;
}

Status join_cgroups(const BootSpec& spec) {
  for (const std::string& path : spec.join_files) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return system_error(std::format("open {}", path), errno);
    const bool joined = ::write(fd, "0", 1) == 1;
    const int error = errno;
    ::close(fd);
    if (!joined) return system_error(std::format("join {}", path), error);
  }
  return {};
}

// The child must not outlive its parent, also when that died before this call.
Status die_with(pid_t parent) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return system_error("prctl PDEATHSIG", errno);
  if (parent != 0 && ::getppid() != parent) return unavailable("the cloud has ended");
  return {};
}

Status make_namespaces(const BootSpec& spec) {
  const int network = ::open(spec.network.c_str(), O_RDONLY | O_CLOEXEC);
  if (network < 0) return system_error(std::format("open {}", spec.network), errno);
  const bool entered = ::setns(network, CLONE_NEWNET) == 0;
  const int error = errno;
  ::close(network);
  if (!entered) return system_error("setns", error);
  // In the order of need: the cgroup namespace begins at the group joined before.
  if (::unshare(CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP) != 0)
    return system_error("unshare", errno);
  return {};
}

void run_user_data() {
  if (::fork() != 0) return;
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::setsid();
  const char* environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                               "HOME=/root", "LANG=C.UTF-8", nullptr};
  const char* argv[] = {kUserData, nullptr};
  ::execve(kUserData, const_cast<char**>(argv), const_cast<char**>(environment));
  std::fprintf(stderr, "instance: user data does not start: %s\n", std::strerror(errno));
  ::_exit(127);
}

// Pid 1: reaps until it is told to power off.
int reap(const sigset_t& signals) {
  for (;;) {
    siginfo_t got{};
    if (::sigwaitinfo(&signals, &got) < 0) continue;
    if (got.si_signo != SIGCHLD) return 0;
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
}

int run_init(const BootSpec& spec, const sigset_t& signals, int ready) {
  // Its parent is in another pid namespace and shows as 0; the keeper waits for us, and a keeper
  // that died before this line leaves an init whose parent is not it.
  if (const Status status = die_with(0); !status) return failed(status.error());
  const std::string user_data = spec.directory + "/user-data";
  std::string text;
  {
    std::ifstream file(user_data, std::ios::binary);
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  if (::sethostname(spec.hostname.c_str(), spec.hostname.size()) != 0)
    return failed(system_error("sethostname", errno).error());
  // Not the keeper's too: pivot_root moves the root of everybody in the namespace.
  if (::unshare(CLONE_NEWNS) != 0) return failed(system_error("unshare", errno).error());
  if (const Status status = enter_root(spec); !status) return failed(status.error());
  if (::write(ready, "r", 1) != 1) return failed(system_error("tell the keeper", errno).error());
  ::close(ready);
  if (text.starts_with("#!")) {
    std::ofstream(kUserData, std::ios::binary) << text;
    if (::chmod(kUserData, 0700) != 0)
      return failed(system_error("chmod user data", errno).error());
    run_user_data();
  }
  return reap(signals);
}

// Once its root is made, commands can be run in it: the file "init" has its pid as the cloud sees
// it. An init that fails before closes the pipe, and keep() sees its end.
void write_init_pid(const BootSpec& spec, pid_t init, int ready) {
  char byte = 0;
  if (::read(ready, &byte, 1) == 1) {
    const std::string path = spec.directory + "/init";
    std::ofstream(path + ".tmp") << init;
    std::rename((path + ".tmp").c_str(), path.c_str());
  }
  ::close(ready);
}

// Waits for init, and kills it when the cloud says so. All processes of a pid namespace are dead
// when its init can be waited for.
int keep(pid_t init, const sigset_t& signals) {
  for (;;) {
    siginfo_t got{};
    if (::sigwaitinfo(&signals, &got) < 0) continue;
    if (got.si_signo != SIGCHLD) ::kill(init, SIGKILL);
    int status = 0;
    if (::waitpid(init, &status, WNOHANG) != init) continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
}

}  // namespace

std::string to_json(const BootSpec& spec) {
  Value out;
  out.set("hostname", spec.hostname).set("network", spec.network).set("rootfs", spec.rootfs);
  out.set("directory", spec.directory);
  out.set("cloud_pid", spec.cloud_pid).set("cgroups", pairs(spec.cgroups));
  out.set("mounts", pairs(spec.mounts));
  out.set("join_files", Value::Array(spec.join_files.begin(), spec.join_files.end()));
  return out.dump();
}

Result<BootSpec> read_boot_spec(const std::string& path) {
  std::ifstream file(path);
  if (!file) return not_found(std::format("cannot read {}", path));
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  ASSIGN_OR_RETURN(const Value in, in_context(path, json::parse(text)));
  BootSpec spec{.hostname = in["hostname"].text(),
                .network = in["network"].text(),
                .rootfs = in["rootfs"].text(),
                .directory = in["directory"].text(),
                .cgroups = pairs(in["cgroups"]),
                .mounts = pairs(in["mounts"]),
                .cloud_pid = static_cast<int>(in["cloud_pid"].integer())};
  for (const Value& join : in["join_files"].array()) spec.join_files.push_back(join.text());
  return spec;
}

int boot_instance(const std::string& spec_path) {
  const auto spec = read_boot_spec(spec_path);
  if (!spec) return failed(spec.error());
  // Blocked before anything else, so that an early SIGTERM waits for keep().
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGCHLD, SIGTERM, SIGRTMIN + 4}) sigaddset(&signals, signal);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  if (const Status status = die_with(spec->cloud_pid); !status) return failed(status.error());
  if (const Status status = join_cgroups(*spec); !status) return failed(status.error());
  if (const Status status = make_namespaces(*spec); !status) return failed(status.error());
  int ready[2];
  if (::pipe2(ready, O_CLOEXEC) != 0) return failed(system_error("pipe", errno).error());
  const pid_t init = ::fork();
  if (init < 0) return failed(system_error("fork", errno).error());
  if (init == 0) {
    ::close(ready[0]);
    ::_exit(run_init(*spec, signals, ready[1]));
  }
  ::close(ready[1]);
  write_init_pid(*spec, init, ready[0]);
  // At once: whatever runs at a normal exit may want a child, and a pid namespace without its init
  // takes none (the leak check of a sanitized build failed so).
  ::_exit(keep(init, signals));
}

int enter_instance(const std::string& spec_path, const std::string& init_pid,
                   std::vector<std::string> argv) {
  const auto spec = read_boot_spec(spec_path);
  if (!spec) return failed(spec.error());
  if (const Status status = join_cgroups(*spec); !status) return failed(status.error());
  std::vector<std::string> words{"nsenter", "--target", init_pid, "--mount",  "--uts",
                                 "--ipc",   "--net",    "--pid",  "--cgroup", "--"};
  words.insert(words.end(), argv.begin(), argv.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  ::execvp(pointers[0], pointers.data());
  return failed(system_error("nsenter", errno).error());
}

}  // namespace godwit::localcloud
