// ports::Network of one node, in the kernel.
//
// State is the kernel's alone (taps, permanent neighbours, routes, nft sets), so an object over an
// existing set-up goes on where the one before stopped. Every guest's packet is checked at its tap:
// IPv4 only, from its own address only, and out only by the tunnel or to another tap, never to the
// node itself and never natively. Nodes keep no connection state.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "edges/linux/tunnel.h"
#include "ports/network.h"

namespace godwit::linux_net {

struct NodeConfig {
  std::string address;                      // This node's own, on the underlay.
  std::optional<std::string> gateway = {};  // Underlay address; none: guests reach guests only.
  std::uint32_t vni = 7;
  std::optional<uid_t> tap_owner = {};  // May open taps without CAP_NET_ADMIN.
};

// The name is the guest's alone: "tap" and 48 bits of a hash of its id.
std::string tap_name(const GuestId& guest);

// Needs CAP_NET_ADMIN. All calls from threads that are in the namespace of set_up.
class LinuxNetwork final : public ports::Network {
 public:
  // Device, routes, rule, sysctls and nft rules; repeating is harmless, taps, routes and peers
  // stay. FailedPrecondition: something of another kind has one of our names.
  static Result<std::unique_ptr<LinuxNetwork>> set_up(const NodeConfig& config);

  // From whom encapsulated packets are taken: all nodes and gateways of the fleet, by underlay
  // address. Replaces the whole set at once. The config's gateway is always one of them.
  Status set_peers(const std::vector<std::string>& addresses);

  // `mac` in lower case or upper case. FailedPrecondition: the tap exists for another address.
  Result<std::string> make_tap(const GuestId& guest, const std::string& address,
                               const std::string& mac) override;
  Status route_to_tap(const GuestId& guest, const std::string& address) override;
  Status route_to_node(const std::string& address, const std::string& node_address) override;
  Status remove_route(const std::string& address) override;
  Status remove_tap(const GuestId& guest) override;

 private:
  LinuxNetwork(Overlay overlay, std::optional<netlink::Ipv4> gateway, std::optional<uid_t> owner,
               std::unique_ptr<netlink::Socket> socket);
  Status set_up_egress();
  Result<std::string> rules();
  Status complete_tap(int device, const std::string& name, netlink::Ipv4 address, netlink::Mac mac);

  Overlay overlay_;
  std::optional<netlink::Ipv4> gateway_;
  std::optional<uid_t> tap_owner_;
  std::unique_ptr<netlink::Socket> socket_;
};

}  // namespace godwit::linux_net
