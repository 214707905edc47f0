// Network devices. Functions take the index, which dies with its device: a cached name would be
// silently re-used by the next device (measured: a guest became unreachable). A deleted device is
// NotFound.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/netlink/address.h"
#include "lib/netlink/socket.h"

namespace godwit::netlink {

struct Link {
  int index = 0;
  std::string name;
  std::string kind;  // "veth", "vxlan", "tun", "bridge"; empty for a real card.
  std::uint32_t mtu = 0;
  std::uint32_t queue_length = 0;  // Packets.
  bool up = false;
  bool running = false;  // The other end is there and frames go out: up to a second after that.
  Mac mac{};
};

Result<std::vector<Link>> links(Socket& socket);
Result<Link> link_by_name(Socket& socket, std::string_view name);  // NotFound.

// Both ends in one request; an end with a namespace descriptor is born there. AlreadyExists.
struct VethPair {
  std::string name, peer_name;
  int peer_namespace = -1;  // -1: the socket's own.
};
Status add_veth(Socket& socket, const VethPair& pair);

// vxlan-GPE in collect-metadata mode: carries bare IP, where to is said by each route's Encap.
// Without a filter such a device accepts every VNI, so it is always made with one: see add_vni.
struct VxlanGpe {
  std::string name;
  std::uint16_t port = 4791;
  std::optional<Ipv4> local = {};  // Outer source address.
};
Status add_vxlan_gpe(Socket& socket, const VxlanGpe& vxlan);
Status add_vni(Socket& socket, int index, std::uint32_t vni);     // Repeating is harmless.
Status remove_vni(Socket& socket, int index, std::uint32_t vni);  // NotFound.
Result<std::vector<std::uint32_t>> vnis(Socket& socket, int index);

Status add_bridge(Socket& socket, std::string_view name);  // AlreadyExists.

// What is set is changed.
struct LinkChange {
  std::optional<bool> up = {};
  std::optional<std::uint32_t> mtu = {};
  std::optional<std::uint32_t> queue_length = {};
  std::optional<Mac> mac = {};
  std::optional<int> bridge = {};  // Index of the bridge it becomes a port of; 0 leaves it.
};
Status change_link(Socket& socket, int index, const LinkChange& change);
Status delete_link(Socket& socket, int index);

}  // namespace godwit::netlink
