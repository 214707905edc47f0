// What the guest finds at boot: modules, mounts, disk, network. All of it is for PID 1 alone.
#pragma once

#include <string>

#include "base/error.h"

namespace godwit::guest {

// Where the container's disk is mounted, and its programs' root.
inline constexpr char kRoot[] = "/root";

// Puts back what a /init starts without: proc, sys, dev.
Status mount_own();
// Those in /modules, in the order of their dependencies.
Status load_modules();
// KEY=VALUE of the kernel command line; empty when it is not there. After mount_own().
std::string kernel_argument(const std::string& key);
// The kernel's boot id: which boot's log sequences these are.
std::string boot_id();

// /dev/vda as kRoot, grown to the size of the device, and in it proc, sys, dev, tmp.
Status mount_root();
// lo, and eth0 as `address`/32 with its gateway 169.254.1.1 on the link. mtu 0: as the device says.
Status set_up_network(const std::string& address, int mtu);
// Host name; /etc/hosts of the container if its image brings none.
Status set_hostname(const std::string& name, const std::string& address);

// The device of a virtio-serial port; waits up to 10 s for it. NotFound.
Result<std::string> find_port(const std::string& name);

// Ends everything, syncs, and ends the guest. Does not return.
[[noreturn]] void power_off();

}  // namespace godwit::guest
