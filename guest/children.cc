#include "guest/children.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

namespace godwit::guest {
namespace {

// What a child reports through its pipe, if it gets as far as failing.
struct Failure {
  const char* step;
  int error;
};

// Made before the fork: after it, in a program with threads, only system calls are safe.
struct Prepared {
  std::vector<std::string> paths;  // Candidates for argv[0].
  std::vector<char*> argv, env;
};

std::vector<char*> pointers(const frame::Words& words) {
  std::vector<char*> out;
  for (const std::string& word : words) out.push_back(const_cast<char*>(word.c_str()));
  out.push_back(nullptr);
  return out;
}

Prepared prepare(const frame::Program& program) {
  Prepared p{{}, pointers(program.argv), pointers(program.env)};
  const std::string& name = program.argv[0];
  if (name.contains('/')) {
    p.paths.push_back(name);
    return p;
  }
  std::string path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  for (const std::string& word : program.env)
    if (word.starts_with("PATH=")) path = word.substr(5);
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find(':', at), path.size());
    const std::string dir = path.substr(at, end - at);
    p.paths.push_back((dir.empty() ? "." : dir) + "/" + name);
    at = end + 1;
  }
  return p;
}

// The parent's descriptors lie above the three that the child fills. -1: errno says why.
int open_null() {
  const int low = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (low < 0) return -1;
  const int fd = ::fcntl(low, F_DUPFD_CLOEXEC, 3);
  const int error = errno;
  ::close(low);
  errno = error;
  return fd;
}

[[noreturn]] void give_up(int report, const char* step) {
  const Failure failure{step, errno};
  (void)!::write(report, &failure, sizeof failure);
  ::_exit(127);
}

[[noreturn]] void become(const std::string& root, const frame::Program& program, const Prepared& p,
                         std::array<int, 3> fds, int report) {
  ::setsid();
  for (int i = 0; i < 3; ++i)
    if (::dup2(fds[static_cast<std::size_t>(i)], i) < 0) give_up(report, "dup2");
  ::close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
  struct sigaction normal{};
  normal.sa_handler = SIG_DFL;
  for (int n = 1; n < NSIG; ++n) ::sigaction(n, &normal, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (root != "/" && ::chroot(root.c_str()) != 0) give_up(report, "chroot");
  if (::chdir(program.cwd.c_str()) != 0) give_up(report, "enter the working directory");
  const gid_t group = program.gid;
  if (::geteuid() == 0 && ::setgroups(1, &group) != 0) give_up(report, "set groups");
  if (::setgid(program.gid) != 0) give_up(report, "set group");
  if (::setuid(program.uid) != 0) give_up(report, "set user");
  // As in execvp: the first that runs; "permission denied" outranks "no such file".
  int error = ENOENT;
  for (const std::string& path : p.paths) {
    ::execve(path.c_str(), p.argv.data(), p.env.data());
    if (errno != ENOENT && errno != ENOTDIR) error = errno;
  }
  errno = error;
  give_up(report, "run");
}

}  // namespace

Children::Children() : reaper_([this] { reap(); }) { reaper_.detach(); }

Result<pid_t> Children::spawn(const std::string& root, const frame::Program& program, int out,
                              int err) {
  if (program.argv.empty() || program.argv[0].empty()) return invalid("no program named");
  const Prepared prepared = prepare(program);
  const int null = open_null();
  if (null < 0) return system_error("open /dev/null", errno);
  int report[2] = {-1, -1};
  if (::pipe2(report, O_CLOEXEC) != 0) {
    const int error = errno;
    ::close(null);
    return system_error("pipe", error);
  }
  pid_t pid = -1;
  {
    // Held over the fork: the reaper finds the child registered, however soon it ends.
    const std::lock_guard lock(mutex_);
    pid = ::fork();
    if (pid == 0) become(root, program, prepared, {null, out, err}, report[1]);
    if (pid > 0) {
      statuses_[pid] = std::nullopt;
      ++spawned_;
      changed_.notify_all();
    }
  }
  const int fork_error = errno;
  ::close(null);
  ::close(report[1]);
  Failure failure{};
  const bool failed =
      pid > 0 && ::read(report[0], &failure, sizeof failure) == ssize_t{sizeof failure};
  ::close(report[0]);
  if (pid < 0) return system_error("fork", fork_error);
  if (!failed) return pid;
  (void)wait(pid, std::nullopt);
  // Names may be as long as a frame, in which this has to go back.
  const std::string name = program.argv[0].substr(0, 200);
  return system_error(std::format("{}: {}", name, failure.step), failure.error);
}

std::optional<int> Children::wait(pid_t pid, std::optional<std::chrono::milliseconds> timeout) {
  std::unique_lock lock(mutex_);
  const auto found = statuses_.find(pid);
  if (found == statuses_.end()) return std::nullopt;
  const auto ended = [&] { return found->second.has_value(); };
  if (!timeout) {
    changed_.wait(lock, ended);
  } else if (!changed_.wait_for(lock, *timeout, ended)) {
    return std::nullopt;
  }
  const std::optional<int> status = found->second;
  statuses_.erase(found);
  return status;
}

void Children::reap() {
  std::uint64_t seen = 0;
  for (;;) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, 0);
    std::unique_lock lock(mutex_);
    if (pid > 0) {
      if (const auto found = statuses_.find(pid); found != statuses_.end()) {
        found->second = status;
        changed_.notify_all();
      }
      continue;
    }
    if (errno != ECHILD) continue;
    // Orphans come only from descendants of children, so with none left there is nothing to reap
    // until the next start.
    changed_.wait(lock, [&] { return spawned_ != seen; });
    seen = spawned_;
  }
}

}  // namespace godwit::guest
