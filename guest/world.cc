#include "guest/world.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>

namespace godwit::guest {
namespace {

constexpr char kGateway[] = "169.254.1.1";
// From linux/ext4.h, which older headers lack: EXT4_IOC_RESIZE_FS.
constexpr unsigned long kResizeFs = _IOW('f', 16, std::uint64_t);
constexpr unsigned long kBlockDeviceBytes = _IOR(0x12, 114, std::size_t);  // BLKGETSIZE64.
constexpr std::uint64_t kBlock = 4096;

struct Mount {
  const char* type;
  std::string at;
  unsigned long flags;
  const char* options;
};

Status mount_one(const Mount& m) {
  ::mkdir(m.at.c_str(), 0755);
  if (::mount(m.type, m.at.c_str(), m.type, m.flags, m.options) != 0 && errno != EBUSY)
    return system_error(std::format("mount {} on {}", m.type, m.at), errno);
  return {};
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

Result<sockaddr> ipv4(const std::string& text) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  if (::inet_pton(AF_INET, text.c_str(), &in.sin_addr) != 1)
    return invalid(std::format("not an IPv4 address: '{}'", text));
  sockaddr out{};
  std::memcpy(&out, &in, sizeof in);
  return out;
}

Status ask(int socket, unsigned long request, void* argument, const std::string& what) {
  if (::ioctl(socket, request, argument) != 0 && errno != EEXIST) return system_error(what, errno);
  return {};
}

ifreq device(const char* name) {
  ifreq r{};
  std::strncpy(r.ifr_name, name, IFNAMSIZ - 1);
  return r;
}

Status bring_up(int socket, const char* name) {
  ifreq r = device(name);
  r.ifr_flags = IFF_UP;
  return ask(socket, SIOCSIFFLAGS, &r, std::format("bring up {}", name));
}

Status add_route(int socket, const std::string& to, const std::string& mask, bool by_gateway) {
  char name[] = "eth0";
  rtentry route{};
  ASSIGN_OR_RETURN(route.rt_dst, ipv4(to));
  ASSIGN_OR_RETURN(route.rt_genmask, ipv4(mask));
  route.rt_flags = RTF_UP;
  if (by_gateway) {
    ASSIGN_OR_RETURN(route.rt_gateway, ipv4(kGateway));
    route.rt_flags |= RTF_GATEWAY;
  }
  route.rt_dev = name;
  return ask(socket, SIOCADDRT, &route, std::format("route to {}", to));
}

Status set_up_card(int socket, const std::string& address, int mtu) {
  ifreq r = device("eth0");
  ASSIGN_OR_RETURN(r.ifr_addr, ipv4(address));
  TRY(ask(socket, SIOCSIFADDR, &r, "address of eth0"));
  ASSIGN_OR_RETURN(r.ifr_netmask, ipv4("255.255.255.255"));
  TRY(ask(socket, SIOCSIFNETMASK, &r, "netmask of eth0"));
  if (mtu > 0) {
    r.ifr_mtu = mtu;
    TRY(ask(socket, SIOCSIFMTU, &r, std::format("mtu {} of eth0", mtu)));
  }
  TRY(bring_up(socket, "eth0"));
  // The same gateway on every node, on the link: nothing changes in the guest at a move.
  TRY(add_route(socket, kGateway, "255.255.255.255", false));
  return add_route(socket, "0.0.0.0", "0.0.0.0", true);
}

// The disk may be larger than the image's file system: the overlay has the size the user asked for.
// A file system that cannot grow is still good to run on.
void grow_root() {
  const int disk = ::open("/dev/vda", O_RDONLY | O_CLOEXEC);
  const int root = ::open(kRoot, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::uint64_t bytes = 0;
  if (disk >= 0 && root >= 0 && ::ioctl(disk, kBlockDeviceBytes, &bytes) == 0) {
    std::uint64_t blocks = bytes / kBlock;
    (void)::ioctl(root, kResizeFs, &blocks);
  }
  if (disk >= 0) ::close(disk);
  if (root >= 0) ::close(root);
}

}  // namespace

Status mount_own() {
  for (const Mount& m : {Mount{"proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""},
                         Mount{"sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""},
                         Mount{"devtmpfs", "/dev", MS_NOSUID, "mode=755"}})
    TRY(mount_one(m));
  return {};
}

Status load_modules() {
  for (const char* name : {"failover", "net_failover", "virtio_net", "virtio_blk"}) {
    const std::string path = std::format("/modules/{}.ko", name);
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return system_error(std::format("open {}", path), errno);
    const bool loaded = ::syscall(SYS_finit_module, fd, "", 0) == 0 || errno == EEXIST;
    const int error = errno;
    ::close(fd);
    if (!loaded) return system_error(std::format("load {}", path), error);
  }
  return {};
}

std::string kernel_argument(const std::string& key) {
  std::istringstream words(first_line("/proc/cmdline"));
  for (std::string word; words >> word;)
    if (word.starts_with(key + "=")) return word.substr(key.size() + 1);
  return "";
}

std::string boot_id() { return first_line("/proc/sys/kernel/random/boot_id"); }

Status mount_root() {
  ::mkdir(kRoot, 0755);
  // The device appears a moment after its module.
  for (int tries = 0; ::access("/dev/vda", F_OK) != 0 && tries < 500; ++tries)
    ::poll(nullptr, 0, 10);
  if (::mount("/dev/vda", kRoot, "ext4", MS_NOATIME, "") != 0)
    return system_error("mount /dev/vda", errno);
  grow_root();
  const std::string root = kRoot;
  for (const Mount& m : {Mount{"proc", root + "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""},
                         Mount{"sysfs", root + "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""},
                         Mount{"devtmpfs", root + "/dev", MS_NOSUID, "mode=755"},
                         Mount{"tmpfs", root + "/tmp", MS_NOSUID | MS_NODEV, "mode=1777,size=25%"}})
    TRY(mount_one(m));
  // devtmpfs is one and the same everywhere, so these are seen in /dev too.
  TRY(mount_one({"devpts", root + "/dev/pts", MS_NOSUID | MS_NOEXEC, "ptmxmode=666,mode=620"}));
  TRY(mount_one({"tmpfs", root + "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777,size=50%"}));
  for (const auto& [name, to] : {std::pair{"fd", "/proc/self/fd"},
                                 {"stdin", "/proc/self/fd/0"},
                                 {"stdout", "/proc/self/fd/1"},
                                 {"stderr", "/proc/self/fd/2"}})
    (void)::symlink(to, std::format("/dev/{}", name).c_str());
  return {};
}

Status set_up_network(const std::string& address, int mtu) {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return system_error("socket", errno);
  Status done = bring_up(socket, "lo");
  if (done && !address.empty()) done = set_up_card(socket, address, mtu);
  ::close(socket);
  return done;
}

Status set_hostname(const std::string& name, const std::string& address) {
  if (::sethostname(name.data(), name.size()) != 0)
    return system_error(std::format("host name '{}'", name), errno);
  const std::string path = std::string(kRoot) + "/etc/hosts";
  struct stat found{};
  if (::stat(path.c_str(), &found) == 0 && found.st_size > 0) return {};
  ::mkdir((std::string(kRoot) + "/etc").c_str(), 0755);
  std::ofstream hosts(path);
  hosts << "127.0.0.1 localhost\n";
  if (!address.empty()) hosts << address << ' ' << name << '\n';
  hosts.flush();
  if (!hosts) return internal(std::format("write {}", path));
  return {};
}

Result<std::string> find_port(const std::string& name) {
  const std::string ports = "/sys/class/virtio-ports";
  for (int tries = 0; tries < 1000; ++tries) {
    if (DIR* dir = ::opendir(ports.c_str())) {
      std::string found;
      while (const dirent* entry = ::readdir(dir))
        if (first_line(std::format("{}/{}/name", ports, entry->d_name)) == name)
          found = std::format("/dev/{}", entry->d_name);
      ::closedir(dir);
      if (!found.empty() && ::access(found.c_str(), F_OK) == 0) return found;
    }
    ::poll(nullptr, 0, 10);
  }
  return not_found(std::format("no virtio-serial port {}", name));
}

void power_off() {
  ::kill(-1, SIGKILL);
  ::sync();
  // Read-only, so that the file system is clean when the machine is gone.
  (void)::mount(nullptr, kRoot, nullptr, MS_REMOUNT | MS_RDONLY, nullptr);
  ::sync();
  for (;;) {
    ::reboot(RB_POWER_OFF);
    ::poll(nullptr, 0, 1000);
  }
}

}  // namespace godwit::guest
