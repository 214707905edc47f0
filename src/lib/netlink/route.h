// Addresses, routes, rules and neighbours (IPv4). A change is atomic in the kernel: `replace` has
// no moment without a route.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/netlink/address.h"
#include "lib/netlink/socket.h"

namespace godwit::netlink {

Status add_address(Socket& socket, int index, Ipv4 address, std::uint8_t length);  // Repeatable.
// Deleting a device's only address turns IPv4 off on it and silently deletes routes through it.
Status delete_address(Socket& socket, int index, Ipv4 address, std::uint8_t length);

inline constexpr std::uint32_t kMainTable = 254;

// Where a collect-metadata tunnel takes a packet.
struct Encap {
  std::uint64_t id = 0;  // The VNI.
  Ipv4 to;
  std::optional<Ipv4> from = {};
  bool operator==(const Encap&) const = default;
};

struct Route {
  enum class Kind { kUnicast, kBlackhole, kThrow };  // Throw: go on with the next rule.
  Prefix to;
  Kind kind = Kind::kUnicast;
  std::uint32_t table = kMainTable;
  int device = 0;  // Index; 0 where the kind has none, or `via` says it.
  std::optional<Ipv4> via = {};
  bool onlink = false;  // Believe that `via` is at the other end of `device`.
  std::optional<Encap> encap = {};
  bool operator==(const Route&) const = default;
};

Status replace_route(Socket& socket, const Route& route);
// By destination and table alone. NotFound.
Status delete_route(Socket& socket, const Prefix& to, std::uint32_t table = kMainTable);
// Those of one table that this header can say.
Result<std::vector<Route>> routes(Socket& socket, std::uint32_t table = kMainTable);

// "from PREFIX priority P lookup TABLE". AlreadyExists.
struct Rule {
  Prefix from;
  std::uint32_t priority = 0;
  std::uint32_t table = kMainTable;
  bool operator==(const Rule&) const = default;
};
Status add_rule(Socket& socket, const Rule& rule);

// Permanent: never asked for by ARP, never aged.
struct Neighbour {
  int device = 0;
  Ipv4 address;
  Mac mac{};
  bool operator==(const Neighbour&) const = default;
};
Status replace_neighbour(Socket& socket, const Neighbour& neighbour);
Result<std::vector<Neighbour>> permanent_neighbours(Socket& socket);  // Of all devices.

}  // namespace godwit::netlink
