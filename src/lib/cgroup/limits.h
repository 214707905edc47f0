// What we may use ourselves: the limits of our own group and of those above it that can be seen.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace godwit::cgroup {

struct Limits {
  std::optional<std::int64_t> memory_bytes;  // nullopt: none.
  std::optional<int> cpu_percent;            // 100 is one CPU's whole time.
  bool operator==(const Limits&) const = default;
};

// The tightest on the way from our group to the root, as far as they are mounted; with v1 and v2.
// Without controllers there are none. The arguments are for tests.
Limits limits_here(const std::string& root = "/sys/fs/cgroup",
                   const std::string& self = "/proc/self/cgroup");

}  // namespace godwit::cgroup
