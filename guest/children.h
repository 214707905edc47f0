// Programs in the container's root, and the end of every child of PID 1.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/error.h"
#include "lib/frame/control.h"

namespace godwit::guest {

class Children {
 public:
  // Reaps all children of this program, known or not, so nothing else here may wait for one.
  // Lives as long as the program, and is not destroyed at its exit: the reaper waits here.
  Children();
  ~Children() = delete;
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;

  // Starts `program` below `root`, in an own session, with stdin from /dev/null and the given
  // descriptors as stdout and stderr, which stay the caller's. An error says which step failed.
  Result<pid_t> spawn(const std::string& root, const frame::Program& program, int out, int err);

  // The status of waitpid(2), once per child; none when `timeout` has passed (no timeout: waits).
  std::optional<int> wait(pid_t pid, std::optional<std::chrono::milliseconds> timeout);

 private:
  void reap();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<pid_t, std::optional<int>> statuses_;  // Of those started here and not yet waited for.
  std::uint64_t spawned_ = 0;
  std::thread reaper_;
};

}  // namespace godwit::guest
