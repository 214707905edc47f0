// Persistent taps through /dev/net/tun, and the kernel's sysctls: both act in the network namespace
// that the calling thread is in.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace godwit::netlink {

// A tap with a virtio-net header that stays until its link is deleted. With an owner, a program of
// that uid may open it without CAP_NET_ADMIN. FailedPrecondition: it exists and is open.
Status add_tap(const std::string& name, std::optional<uid_t> owner);

// Opens an existing tap as a virtual machine monitor does: frames begin with a virtio-net header of
// 10 bytes. The caller closes the descriptor. FailedPrecondition: somebody has it open.
Result<int> open_tap(const std::string& name);

// set_sysctl("net/ipv4/ip_forward", "1"). NotFound: no such setting here.
Status set_sysctl(const std::string& path, std::string_view value);

}  // namespace godwit::netlink
