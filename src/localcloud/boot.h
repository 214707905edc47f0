// What runs between the cloud and a real instance: two commands of `godwit` that help
// does not show. Both are
// programs of one thread that end by exec or exit, and print what failed to stderr.
//
// boot_instance starts as a child of the cloud and stays as the instance's keeper:
//   keeper   joins the cgroup and network namespace, makes mount, pid, uts, ipc and cgroup
//            namespaces; SIGTERM: kills the instance, all of it at once; dies with the cloud
//   init     pid 1 of the instance: root is an overlay over the node root filesystem, with private
//            /dev, /tmp, /run, /proc, /sys and cgroups, and a boot id of its own; runs the user
//            data (if it begins with "#!") and reaps; SIGTERM or SIGRTMIN+4 from inside: power off
// Exit: 0 powered off from inside, 137 killed, anything else: it could not start.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace godwit::localcloud {

// All that the two programs need, as a JSON file.
struct BootSpec {
  std::string hostname;
  std::string network;    // The namespace: /proc/PID/fd/N of the cloud.
  std::string rootfs;     // Lower layer.
  std::string directory;  // Has upper/, work/, root/, files user-data and boot-id; gets init.
  std::vector<std::string> join_files;                       // cgroup.procs to write "0" to.
  std::vector<std::pair<std::string, std::string>> cgroups;  // Hierarchy ("" for v2), directory.
  std::vector<std::pair<std::string, std::string>> mounts;   // From, to; read-only.
  int cloud_pid = 0;
};
std::string to_json(const BootSpec& spec);
Result<BootSpec> read_boot_spec(const std::string& path);

// The exit status of the program.
int boot_instance(const std::string& spec_path);
// Runs argv inside the instance whose init has that pid, within its cgroup; returns only on
// failure.
int enter_instance(const std::string& spec_path, const std::string& init_pid,
                   std::vector<std::string> argv);

}  // namespace godwit::localcloud
