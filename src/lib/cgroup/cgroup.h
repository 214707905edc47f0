// A control group: what is inside shares limits and dies together. See cgroups(7) and the kernel's
// admin-guide/cgroup-v1 and cgroup-v2.
//
// With v1 a group is a directory of the same path in each of the hierarchies cpu, cpuacct, memory,
// pids and freezer that are mounted below /sys/fs/cgroup; with v2 it is one directory there. Needs
// root. Groups outlive their maker: what a killed program leaves is empty, and sweep() removes it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace godwit::cgroup {

enum class Version { kV1, kV2 };
// Unavailable: neither is mounted with the controllers cpu and memory.
Result<Version> probe(const std::string& root = "/sys/fs/cgroup");

class Group {
 public:
  // `path` is "NAME" or "NAME/NAME", made with its parents; one that exists is taken over.
  static Result<std::unique_ptr<Group>> create(const std::string& path);
  // Removes it if nothing is inside; its parents stay.
  ~Group();
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  // 100 is one CPU's whole time, in periods of 100 ms. At least 1.
  Status limit_cpu(int percent);
  // Above it, what cannot be freed is killed by the kernel. Counts tmpfs pages of the group too.
  Status limit_memory(std::int64_t bytes);
  Status limit_processes(int count);

  Status add(pid_t pid) const;
  Result<std::int64_t> cpu_used_us() const;
  Result<std::int64_t> memory_used() const;    // Bytes now.
  Result<std::vector<pid_t>> members() const;  // Also of groups below it.
  // SIGKILL to everything inside, also to what is forked meanwhile. Members end a little later.
  Status kill_all() const;

  // Where a process that joins by itself writes "0": each hierarchy's cgroup.procs.
  std::vector<std::string> join_files() const;
  // Each hierarchy's name ("cpu"; "" with v2) and the group's directory in it.
  const std::vector<std::pair<std::string, std::string>>& directories() const {
    return directories_;
  }

 private:
  Group() = default;
  std::string file(std::string_view controller, std::string_view name) const;
  Version version_ = Version::kV1;
  std::vector<std::pair<std::string, std::string>> directories_;
};

// Removes the groups (and those below) whose top name begins with `prefix`, are empty of processes
// and older than `age_s`. Others are left alone.
void sweep(std::string_view prefix, std::int64_t age_s);

}  // namespace godwit::cgroup
