#include "lib/namespaces/network_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>

#include "base/check.h"

namespace godwit::namespaces {

Result<std::unique_ptr<NetworkNamespace>> NetworkNamespace::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error(std::format("open {}", path), errno);
  return std::unique_ptr<NetworkNamespace>(new NetworkNamespace(fd));
}

Result<std::unique_ptr<NetworkNamespace>> NetworkNamespace::current() {
  return open("/proc/thread-self/ns/net");
}

Result<std::unique_ptr<NetworkNamespace>> NetworkNamespace::create() {
  ASSIGN_OR_RETURN(const auto before, current());
  if (unshare(CLONE_NEWNET) < 0) return system_error("make a network namespace", errno);
  auto made = current();
  // A thread that stays elsewhere would do everything after this in the wrong place.
  CHECK(setns(before->fd(), CLONE_NEWNET) == 0);
  return made;
}

NetworkNamespace::~NetworkNamespace() { close(fd_); }

Status NetworkNamespace::pin(const std::string& path) const {
  const int file = ::open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0444);
  if (file < 0) return system_error(std::format("make {}", path), errno);
  close(file);
  const std::string from = std::format("/proc/self/fd/{}", fd_);
  if (mount(from.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) < 0)
    return system_error(std::format("pin a network namespace on {}", path), errno);
  return {};
}

Status unpin(const std::string& path) {
  // EINVAL: there, but nothing is mounted on it.
  if (umount2(path.c_str(), MNT_DETACH) < 0 && errno != ENOENT && errno != EINVAL)
    return system_error(std::format("unpin {}", path), errno);
  if (unlink(path.c_str()) < 0 && errno != ENOENT)
    return system_error(std::format("delete {}", path), errno);
  return {};
}

Result<std::unique_ptr<Inside>> Inside::enter(const NetworkNamespace& where) {
  ASSIGN_OR_RETURN(auto before, NetworkNamespace::current());
  if (setns(where.fd(), CLONE_NEWNET) < 0) return system_error("enter a namespace", errno);
  return std::unique_ptr<Inside>(new Inside(std::move(before)));
}

Inside::~Inside() { CHECK(setns(before_->fd(), CLONE_NEWNET) == 0); }

Result<pid_t> spawn_inside(const NetworkNamespace& where, const std::vector<std::string>& argv,
                           const std::string& output) {
  if (argv.empty()) return invalid("no program to start");
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const std::string to = output.empty() ? "/dev/null" : output;
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return system_error("fork", errno);
  if (child > 0) return child;
  // In the child only async-signal-safe calls: other threads may hold any lock.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent) _exit(127);
  const int in = ::open("/dev/null", O_RDONLY);
  const int out = ::open(to.c_str(), O_WRONLY | O_APPEND | O_CREAT, 0644);
  if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) _exit(127);
  if (in > 2) close(in);
  if (out > 2) close(out);
  if (setns(where.fd(), CLONE_NEWNET) == 0) execvp(words[0], words.data());
  _exit(127);
}

}  // namespace godwit::namespaces
