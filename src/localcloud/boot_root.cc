#include "localcloud/boot_root.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

namespace godwit::localcloud {
namespace {

namespace fs = std::filesystem;

Status mount_at(const std::string& from, const std::string& to, const char* type,
                unsigned long flags, const std::string& options = "") {
  if (::mount(from.c_str(), to.c_str(), type, flags, options.empty() ? nullptr : options.c_str()) !=
      0)
    return system_error(std::format("mount {} at {}", from, to), errno);
  return {};
}

Status make_directory(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return system_error(std::format("mkdir {}", path), error.value());
  return {};
}

Status write_file(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::trunc);
  file << text;
  file.close();
  if (!file) return unavailable(std::format("write {}", path));
  return {};
}

Status bind(const std::string& from, const std::string& to, bool read_only) {
  std::error_code error;
  if (fs::is_directory(from, error)) {
    TRY(make_directory(to));
  } else {
    TRY(make_directory(fs::path(to).parent_path()));
    if (!fs::exists(to, error)) TRY(write_file(to, ""));
  }
  TRY(mount_at(from, to, nullptr, MS_BIND | MS_REC));
  // A bind takes no other flags on its first call.
  return read_only ? mount_at("none", to, nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY) : Status{};
}

Status make_node(const std::string& path, mode_t mode, unsigned major, unsigned minor) {
  if (::mknod(path.c_str(), S_IFCHR | mode, makedev(major, minor)) != 0)
    return system_error(std::format("mknod {}", path), errno);
  return {};
}

// The number of a device that only some hosts have.
Status make_misc(const std::string& dev, const std::string& name) {
  std::ifstream file(std::format("/sys/class/misc/{}/dev", name));
  unsigned major = 0, minor = 0;
  char colon = 0;
  if (!(file >> major >> colon >> minor)) return {};
  return make_node(std::format("{}/{}", dev, name), 0666, major, minor);
}

// Private: never the host's, whose nodes a removal here would remove there.
Status make_dev(const std::string& dev) {
  ::umask(0);
  TRY(mount_at("dev", dev, "tmpfs", MS_NOSUID, "mode=755,size=16m"));
  struct Node {
    const char* name;
    unsigned major, minor;
  };
  constexpr Node kNodes[] = {{"null", 1, 3},      {"zero", 1, 5},    {"full", 1, 7},
                             {"random", 1, 8},    {"urandom", 1, 9}, {"tty", 5, 0},
                             {"net/tun", 10, 200}};
  for (const char* name : {"/pts", "/net", "/shm", "/mqueue"}) TRY(make_directory(dev + name));
  for (const Node& node : kNodes)
    TRY(make_node(std::format("{}/{}", dev, node.name), 0666, node.major, node.minor));
  for (const char* name : {"kvm", "userfaultfd", "vhost-net"}) TRY(make_misc(dev, name));
  ::umask(022);
  struct Link {
    const char *name, *to;
  };
  constexpr Link kLinks[] = {{"/ptmx", "pts/ptmx"},
                             {"/fd", "/proc/self/fd"},
                             {"/stdin", "/proc/self/fd/0"},
                             {"/stdout", "/proc/self/fd/1"},
                             {"/stderr", "/proc/self/fd/2"}};
  for (const Link& link : kLinks)
    if (::symlink(link.to, (dev + link.name).c_str()) != 0)
      return system_error(std::format("symlink {}{}", dev, link.name), errno);
  TRY(mount_at("devpts", dev + "/pts", "devpts", MS_NOSUID,
               "newinstance,gid=5,mode=620,ptmxmode=666"));
  TRY(mount_at("shm", dev + "/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777"));
  return mount_at("mqueue", dev + "/mqueue", "mqueue", 0);
}

// Its own group only, so that what it makes below is within its limits.
Status make_cgroups(const BootSpec& spec, const std::string& at) {
  TRY(mount_at("cgroup", at, "tmpfs", MS_NOSUID, "mode=755,size=64k"));
  for (const auto& [hierarchy, directory] : spec.cgroups)
    TRY(bind(directory, hierarchy.empty() ? at : at + "/" + hierarchy, false));
  return {};
}

Status change_root(const std::string& root) {
  if (::chdir(root.c_str()) != 0) return system_error(std::format("chdir {}", root), errno);
  // Both names may be the same directory: the old root lies on top and is taken off
  // (pivot_root(2)).
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return system_error("pivot_root", errno);
  if (::umount2(".", MNT_DETACH) != 0) return system_error("umount the host's tree", errno);
  if (::chdir("/") != 0) return system_error("chdir /", errno);
  return {};
}

}  // namespace

Status enter_root(const BootSpec& spec) {
  TRY(mount_at("none", "/", nullptr, MS_REC | MS_PRIVATE));
  const std::string root = spec.directory + "/root";
  TRY(mount_at("overlay", root, "overlay", 0,
               std::format("lowerdir={},upperdir={}/upper,workdir={}/work", spec.rootfs,
                           spec.directory, spec.directory)));
  for (const char* name : {"/proc", "/sys", "/dev", "/run", "/tmp", "/etc"})
    TRY(make_directory(root + name));
  TRY(mount_at("proc", root + "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC));
  TRY(mount_at("sysfs", root + "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC));
  TRY(make_cgroups(spec, root + "/sys/fs/cgroup"));
  TRY(make_dev(root + "/dev"));
  TRY(mount_at("run", root + "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"));
  TRY(mount_at("tmp", root + "/tmp", "tmpfs", MS_NOSUID, "mode=1777"));
  TRY(make_directory(root + "/run/netns"));
  TRY(bind(spec.directory + "/boot-id", root + "/proc/sys/kernel/random/boot_id", true));
  for (const auto& [from, to] : spec.mounts) TRY(bind(from, root + to, true));
  TRY(write_file(root + "/etc/hostname", spec.hostname + "\n"));
  TRY(write_file(root + "/etc/hosts", std::format("127.0.0.1 localhost {}\n", spec.hostname)));
  return change_root(root);
}

}  // namespace godwit::localcloud
