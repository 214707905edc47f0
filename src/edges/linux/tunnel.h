// The overlay that nodes and gateway share: one vxlan-GPE device in collect-metadata mode, one /32
// route per guest, a blackhole for guests that are nowhere.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "lib/netlink/route.h"

namespace godwit::linux_net {

inline constexpr const char* kTunnel = "vxg";
inline constexpr std::uint16_t kTunnelPort = 4791;
// 1460 (the narrowest cloud path) - 80 (WireGuard, outer IPv6) - 36 (vxlan-GPE). A running guest
// cannot change it, so the narrowest path it may ever meet decides.
inline constexpr std::uint32_t kGuestMtu = 1344;

struct Overlay {
  netlink::Ipv4 address = {};                // This node's own, on the underlay.
  std::uint32_t vni = 7;                     // Packets of another are dropped.
  netlink::Prefix guests{{0x64400000}, 10};  // 100.64.0.0/10, the shared address space.
};

// Makes or completes the device, the blackhole and the sysctls; repeating is harmless, and routes
// of guests stay. FailedPrecondition: another kind of device has the name.
Status set_up_overlay(netlink::Socket& socket, const Overlay& overlay);

// Takes the device, the routes through it and the blackhole away. None is success.
Status remove_overlay(netlink::Socket& socket);

// The guest's route through the tunnel.
Status route_through_tunnel(netlink::Socket& socket, const Overlay& overlay, netlink::Ipv4 guest,
                            netlink::Ipv4 node);

// A guest's address: within the overlay's range. InvalidArgument.
Result<netlink::Ipv4> parse_guest(const Overlay& overlay, const std::string& address);

// From whom encapsulated packets are taken, as one change; the rules that ask are the caller's.
Status set_tunnel_peers(const std::vector<std::string>& addresses);

// nft::load of a text of parsed and printed values: a refusal is the kernel's (Internal), not our
// caller's.
Status load_rules(const std::string& text);

// Packets for the guest fall into the blackhole again. No route is success.
Status remove_guest_route(netlink::Socket& socket, netlink::Ipv4 guest);

}  // namespace godwit::linux_net
