// The whole user space of the guest in the hand-over tests and the demo: a counter that a client
// reads back.
//
// PID 1 of a tiny guest. On TCP port 7000, per line: "inc" adds one to the counter, writes it to
// the disk with O_SYNC and answers "<counter> <disk's value>"; "get" only answers. The counter
// starts from the disk, so a cold start shows as a counter that went on from the disk and a `boots`
// that grew. Both live in the first sector. "load" tells what the load of load.h has done so far,
// "<filled> <memory bytes> <disk bytes>"; the kernel's argument godwit.load asks for one.
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include "load.h"

namespace {

constexpr std::uint16_t kPort = 7000;
constexpr char kGateway[] = "169.254.1.1";

struct alignas(512) Sector {
  std::uint64_t boots = 0;
  std::uint64_t counter = 0;
  char rest[496] = {};
};

void require(bool ok, const char* what) {
  if (ok) return;
  std::printf("witness: %s: %s\n", what, std::strerror(errno));
  reboot(RB_POWER_OFF);
  std::exit(1);
}

void load_module(const char* name) {
  const std::string path = std::string("/modules/") + name + ".ko";
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  require(fd >= 0, path.c_str());
  require(syscall(SYS_finit_module, fd, "", 0) == 0 || errno == EEXIST, path.c_str());
  close(fd);
}

// The value of KEY in the kernel command line, "godwit.address=100.64.0.7".
std::string kernel_argument(const std::string& key) {
  char line[4096] = {};
  const int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
  require(fd >= 0 && read(fd, line, sizeof line - 1) > 0, "/proc/cmdline");
  close(fd);
  for (char* word = std::strtok(line, " \n"); word; word = std::strtok(nullptr, " \n"))
    if (std::string(word).starts_with(key + "=")) return word + key.size() + 1;
  return "";
}

sockaddr ipv4(const char* text) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  require(inet_pton(AF_INET, text, &in.sin_addr) == 1, text);
  sockaddr out{};
  std::memcpy(&out, &in, sizeof in);
  return out;
}

// A /32 with an on-link gateway: the same on every node, so that nothing changes in the guest at a
// move.
void set_up_network(const std::string& address) {
  const int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  for (const char* name : {"lo", "eth0"}) {
    ifreq r{};
    std::strncpy(r.ifr_name, name, IFNAMSIZ - 1);
    if (std::strcmp(name, "eth0") == 0) {
      r.ifr_addr = ipv4(address.c_str());
      require(ioctl(s, SIOCSIFADDR, &r) == 0, "address of eth0");
      r.ifr_netmask = ipv4("255.255.255.255");
      require(ioctl(s, SIOCSIFNETMASK, &r) == 0, "netmask of eth0");
    }
    r.ifr_flags = IFF_UP;
    require(ioctl(s, SIOCSIFFLAGS, &r) == 0, name);
  }
  char device[] = "eth0";
  rtentry link{};
  link.rt_dst = ipv4(kGateway);
  link.rt_genmask = ipv4("255.255.255.255");
  link.rt_flags = RTF_UP | RTF_HOST;
  link.rt_dev = device;
  require(ioctl(s, SIOCADDRT, &link) == 0, "route to the gateway");
  rtentry rest{};
  rest.rt_dst = ipv4("0.0.0.0");
  rest.rt_genmask = ipv4("0.0.0.0");
  rest.rt_gateway = ipv4(kGateway);
  rest.rt_flags = RTF_UP | RTF_GATEWAY;
  rest.rt_dev = device;
  require(ioctl(s, SIOCADDRT, &rest) == 0, "default route");
  close(s);
}

std::string answer(const std::string& line, int disk, Sector& sector,
                   const witness::LoadCounts* load) {
  if (line == "load" && load)
    return std::to_string(load->filled) + " " + std::to_string(load->memory_bytes) + " " +
           std::to_string(load->disk_bytes) + "\n";
  if (line == "inc") {
    ++sector.counter;
    require(pwrite(disk, &sector, sizeof sector, 0) == sizeof sector, "write the counter");
  } else if (line != "get") {
    return "error: inc or get\n";
  }
  Sector stored;
  require(pread(disk, &stored, sizeof stored, 0) == sizeof stored, "read the counter");
  return std::to_string(sector.counter) + " " + std::to_string(stored.counter) + " " +
         std::to_string(sector.boots) + "\n";
}

void serve(int disk, Sector& sector, const witness::LoadCounts* load) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = htons(kPort);
  require(bind(listener, reinterpret_cast<sockaddr*>(&any), sizeof any) == 0, "bind");
  require(listen(listener, 16) == 0, "listen");
  std::map<int, std::string> clients;  // Bytes of a line not yet whole.
  for (;;) {
    std::string polled;
    pollfd fds[64] = {{listener, POLLIN, 0}};
    nfds_t n = 1;
    for (const auto& [fd, rest] : clients)
      if (n < 64) fds[n++] = {fd, POLLIN, 0};
    if (poll(fds, n, -1) < 0) continue;
    if (fds[0].revents) {
      const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      const int on = 1;
      if (fd >= 0) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      if (fd >= 0) clients[fd];
    }
    for (nfds_t i = 1; i < n; ++i) {
      if (!fds[i].revents) continue;
      char bytes[512];
      const ssize_t got = read(fds[i].fd, bytes, sizeof bytes);
      std::string& rest = clients[fds[i].fd];
      if (got <= 0 || rest.size() > 4096) {
        close(fds[i].fd);
        clients.erase(fds[i].fd);
        continue;
      }
      rest.append(bytes, static_cast<std::size_t>(got));
      for (auto end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
        const std::string reply = answer(rest.substr(0, end), disk, sector, load);
        rest.erase(0, end + 1);
        if (write(fds[i].fd, reply.data(), reply.size()) < 0) break;
      }
    }
  }
}

}  // namespace

int main() {
  mount("proc", "/proc", "proc", 0, nullptr);
  mount("sysfs", "/sys", "sysfs", 0, nullptr);
  mount("dev", "/dev", "devtmpfs", 0, nullptr);
  for (const char* module : {"failover", "net_failover", "virtio_net", "virtio_blk"})
    load_module(module);
  set_up_network(kernel_argument("godwit.address"));
  int disk = -1;
  for (int i = 0; i < 100 && disk < 0; ++i) {
    disk = open("/dev/vda", O_RDWR | O_SYNC | O_CLOEXEC);
    if (disk < 0) usleep(100'000);
  }
  require(disk >= 0, "/dev/vda");
  Sector sector;
  require(pread(disk, &sector, sizeof sector, 0) == sizeof sector, "read the disk");
  ++sector.boots;
  require(pwrite(disk, &sector, sizeof sector, 0) == sizeof sector, "write the disk");
  std::printf("witness: ready, boot %llu, counter %llu\n",
              static_cast<unsigned long long>(sector.boots),
              static_cast<unsigned long long>(sector.counter));
  serve(disk, sector, witness::start_load(kernel_argument("godwit.load")));
}
