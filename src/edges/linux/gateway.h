// The gateway's network in the kernel: published ports come in, guests' connections go out, both
// with the connection state that nodes do not keep.
//
// Nothing a guest sends reaches the gateway itself. *New* connections from guests to denied
// networks are dropped; replies pass, so that a client with a private address may use a published
// port.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "edges/linux/tunnel.h"

namespace godwit::linux_net {

struct GatewayConfig {
  std::string address;         // Its own, on the underlay.
  std::string outside;         // Device towards clients: "out".
  std::string public_address;  // Clients' destination and guests' source there.
  std::uint32_t vni = 7;
  // Beside link-local, loopback, multicast and RFC 1918: every other network that a node or the
  // control plane is in, "203.0.113.0/24".
  std::vector<std::string> denied = {};
};

enum class Protocol { kTcp, kUdp };

// Needs CAP_NET_ADMIN. All calls from threads that are in the namespace of set_up.
class LinuxGateway {
 public:
  // Repeating is harmless: connections, routes, peers and published ports stay, the denied
  // networks are set anew.
  static Result<std::unique_ptr<LinuxGateway>> set_up(const GatewayConfig& config);

  // Takes away all that set_up and the calls below have made, and every connection's way with it.
  // Nothing there is success.
  static Status remove();

  Status set_peers(const std::vector<std::string>& addresses);  // As LinuxNetwork's.

  // Connections to the public address's port go to the guest's. AlreadyExists: it is published for
  // another guest or port; repeating is harmless.
  Status publish(Protocol protocol, std::uint16_t port, const std::string& guest_address,
                 std::uint16_t guest_port);
  // Not published is success. Connections that exist go on.
  Status unpublish(Protocol protocol, std::uint16_t port);

  // What is published now, by port; guest address and port.
  Result<std::map<std::uint16_t, std::pair<std::string, std::uint16_t>>> published(
      Protocol protocol) const;

  // Packets for the guest go to this node. Accepted only upwards by (generation, hop); Aborted:
  // older than what is known. The same again is harmless. What is known is this object's: after a
  // restart the first report counts, so reports are asked for again.
  Status route_guest(const std::string& address, const std::string& node_address,
                     std::uint32_t generation, std::uint32_t hop);
  // The guest is deleted for good: its route and what is known of it go.
  Status forget_guest(const std::string& address);

 private:
  struct Place {
    std::uint32_t generation = 0, hop = 0;
    auto operator<=>(const Place&) const = default;
  };
  LinuxGateway(Overlay overlay, std::unique_ptr<netlink::Socket> socket)
      : overlay_(overlay), socket_(std::move(socket)) {}

  Overlay overlay_;
  std::unique_ptr<netlink::Socket> socket_;
  std::map<netlink::Ipv4, Place> known_;
};

}  // namespace godwit::linux_net
