#include "apps/node_facts.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <format>
#include <fstream>

#include "lib/cgroup/limits.h"

namespace godwit::apps {
namespace {

Result<sockaddr_in> parse(const std::string& peer) {
  const auto colon = peer.rfind(':');
  sockaddr_in to{.sin_family = AF_INET};
  std::uint16_t port = 0;
  if (colon != std::string::npos)
    std::from_chars(peer.data() + colon + 1, peer.data() + peer.size(), port);
  if (port == 0 || ::inet_pton(AF_INET, peer.substr(0, colon).c_str(), &to.sin_addr) != 1)
    return invalid(std::format("'{}' is no numeric IPv4 address and port", peer));
  to.sin_port = htons(port);
  return to;
}

Result<std::int64_t> memory_of_the_host() {
  std::ifstream file("/proc/meminfo");
  std::string name;
  std::int64_t kib = 0;
  if (!(file >> name >> kib) || name != "MemTotal:")
    return internal("/proc/meminfo does not begin with MemTotal");
  return kib * 1024;
}

}  // namespace

Result<std::string> own_address(const std::string& peer) {
  ASSIGN_OR_RETURN(const sockaddr_in to, parse(peer));
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return system_error("socket", errno);
  sockaddr_in own{};
  socklen_t size = sizeof own;
  const bool found = ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) == 0;
  const int error = errno;
  ::close(fd);
  if (!found) return unavailable(std::format("no route to {} ({})", peer, error));
  char text[INET_ADDRSTRLEN] = "";
  ::inet_ntop(AF_INET, &own.sin_addr, text, sizeof text);
  return std::string(text);
}

Result<std::string> read_boot_id(const std::string& path) {
  std::ifstream file(path);
  std::string id;
  if (!(file >> id)) return not_found(std::format("{}: no boot id", path));
  return id;
}

Result<Room> room_for_guests(std::uint32_t reserve_mib) {
  const cgroup::Limits limits = cgroup::limits_here();
  ASSIGN_OR_RETURN(std::int64_t memory, memory_of_the_host());
  memory = std::min(memory, limits.memory_bytes.value_or(memory)) >> 20;
  if (memory <= reserve_mib)
    return precondition(std::format("{} MiB of memory, all of it within the reserve of {} MiB",
                                    memory, reserve_mib));
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (::sched_getaffinity(0, sizeof cpus, &cpus) != 0)
    return system_error("sched_getaffinity", errno);
  int count = CPU_COUNT(&cpus);
  if (limits.cpu_percent) count = std::min(count, (*limits.cpu_percent + 99) / 100);
  return Room{static_cast<std::uint32_t>(memory - reserve_mib),
              static_cast<std::uint32_t>(std::max(count, 1))};
}

}  // namespace godwit::apps
