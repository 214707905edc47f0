// The world outside the local region: a namespace for clients, joined to this one by a veth pair.
//
//   here        device `out`, 198.51.100.1/24: the gateway's public address
//   outside     pinned at /run/netns/godwit-outside ("ip netns exec godwit-outside CMD"): eth0
//               198.51.100.2/24, default route by the gateway; clients may take more addresses
//
// 198.51.100.0/24 is TEST-NET-2 (RFC 5737): nobody's.
#pragma once

#include <string>

#include "base/error.h"

namespace godwit::apps {

inline constexpr const char* kOutsideDevice = "out";
inline constexpr const char* kOutsideNamespace = "godwit-outside";
inline constexpr const char* kPublicAddress = "198.51.100.1";
inline constexpr const char* kClientAddress = "198.51.100.2";

// Repeating is harmless. Needs root. FailedPrecondition: the device is there without the namespace,
// so it is somebody else's.
Status make_outside();
// That, and what the gateway has made in the kernel. Nothing there is success; programs outside
// keep their namespace, unconnected.
Status remove_network();

}  // namespace godwit::apps
