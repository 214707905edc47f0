#include "edges/linux/network.h"

#include "lib/netlink/link.h"
#include "lib/netlink/tap.h"
#include "lib/nft/nft.h"

namespace godwit::linux_net {
namespace {

constexpr std::uint32_t kEgressTable = 100;
constexpr std::uint32_t kEgressPriority = 100;  // Before main, which is 32766.

// The same on every node, so that a guest's ARP entry is right after a move too.
constexpr netlink::Ipv4 kTapAddress{0xa9fe0101};  // 169.254.1.1.
constexpr netlink::Mac kTapMac{0xee, 0xee, 0xee, 0xee, 0xee, 0xee};
// What arrives between the route's change and `cont` waits here: at 100 Mbit/s of full packets this
// is half a second.
constexpr std::uint32_t kTapQueue = 5000;

// Each line is complete in itself, so that the text can be loaded over what is there. The sets
// survive; the chains are filled anew in the same transaction.
constexpr const char* kRules = R"(
add table inet godwit
add set inet godwit own {{ type ifname . ipv4_addr; }}
add set inet godwit peers {{ type ipv4_addr; }}
add chain inet godwit arriving {{ type filter hook prerouting priority -300; policy accept; }}
add chain inet godwit from_tap
add chain inet godwit for_us {{ type filter hook input priority 0; policy accept; }}
add chain inet godwit passing {{ type filter hook forward priority 0; policy drop; }}
flush chain inet godwit arriving
flush chain inet godwit from_tap
flush chain inet godwit for_us
flush chain inet godwit passing
add rule inet godwit arriving iifname "tap*" goto from_tap
add rule inet godwit arriving iifname "{0}" accept
add rule inet godwit arriving udp dport {1} ip saddr != @peers counter drop comment "not-a-peer"
add rule inet godwit arriving ip saddr {2} counter drop comment "bare-guest"
add rule inet godwit from_tap meta nfproto ipv6 counter drop comment "ipv6"
add rule inet godwit from_tap iifname . ip saddr != @own counter drop comment "forged"
add rule inet godwit for_us iifname "{0}" counter drop comment "tunnel-input"
add rule inet godwit for_us iifname "tap*" counter drop comment "tap-input"
add rule inet godwit passing iifname "tap*" oifname "{0}" accept
add rule inet godwit passing iifname "tap*" oifname "tap*" accept
add rule inet godwit passing iifname "{0}" oifname "tap*" accept
add rule inet godwit passing iifname "{0}" oifname "{0}" ip daddr {2} accept comment "onwards"
add rule inet godwit passing counter comment "not-passed"
flush set inet godwit own
)";

std::string element(const std::string& tap, netlink::Ipv4 address) {
  return std::format("inet godwit own {{ \"{}\" . {} }}\n", tap, netlink::to_string(address));
}

Status ignore(Code code, Status status) {
  if (!status && status.error().code == code) return {};
  return status;
}

}  // namespace

std::string tap_name(const GuestId& guest) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a, 64 bits.
  for (const char c : guest.value) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  return std::format("tap{:012x}", (hash ^ hash >> 48) & 0xffffffffffff);
}

LinuxNetwork::LinuxNetwork(Overlay overlay, std::optional<netlink::Ipv4> gateway,
                           std::optional<uid_t> owner, std::unique_ptr<netlink::Socket> socket)
    : overlay_(overlay), gateway_(gateway), tap_owner_(owner), socket_(std::move(socket)) {}

Result<std::unique_ptr<LinuxNetwork>> LinuxNetwork::set_up(const NodeConfig& config) {
  Overlay overlay{.vni = config.vni};
  ASSIGN_OR_RETURN(overlay.address, netlink::parse_ipv4(config.address));
  std::optional<netlink::Ipv4> gateway;
  if (config.gateway) {
    ASSIGN_OR_RETURN(gateway, netlink::parse_ipv4(*config.gateway));
  }
  ASSIGN_OR_RETURN(auto socket, netlink::Socket::open());
  std::unique_ptr<LinuxNetwork> made(
      new LinuxNetwork(overlay, gateway, config.tap_owner, std::move(socket)));
  // Rules first: no packet passes unchecked meanwhile.
  ASSIGN_OR_RETURN(const std::string rules, made->rules());
  TRY(in_context("load the node's rules", nft::load(rules)));
  TRY(in_context("set up the overlay", set_up_overlay(*made->socket_, overlay)));
  TRY(in_context("set up egress", made->set_up_egress()));
  return made;
}

Result<std::string> LinuxNetwork::rules() {
  std::string text = std::format(kRules, kTunnel, kTunnelPort, netlink::to_string(overlay_.guests));
  if (gateway_)
    text += std::format("add element inet godwit peers {{ {} }}\n", netlink::to_string(*gateway_));
  // Whose tap is whose is written in the taps' permanent neighbours.
  ASSIGN_OR_RETURN(const auto links, netlink::links(*socket_));
  ASSIGN_OR_RETURN(const auto neighbours, netlink::permanent_neighbours(*socket_));
  for (const auto& link : links) {
    if (!link.name.starts_with("tap")) continue;
    for (const auto& neighbour : neighbours) {
      if (neighbour.device == link.index)
        text += "add element " + element(link.name, neighbour.address);
    }
  }
  return text;
}

// What a guest sends to anywhere but a guest goes to the gateway: no state per guest.
Status LinuxNetwork::set_up_egress() {
  if (!gateway_) return {};
  ASSIGN_OR_RETURN(const auto device, netlink::link_by_name(*socket_, kTunnel));
  TRY(netlink::replace_route(
      *socket_,
      {.to = overlay_.guests, .kind = netlink::Route::Kind::kThrow, .table = kEgressTable}));
  TRY(netlink::replace_route(*socket_,
                             {.to = {{}, 0},
                              .table = kEgressTable,
                              .device = device.index,
                              .encap = netlink::Encap{.id = overlay_.vni, .to = *gateway_}}));
  return ignore(Code::kAlreadyExists, netlink::add_rule(*socket_, {.from = overlay_.guests,
                                                                   .priority = kEgressPriority,
                                                                   .table = kEgressTable}));
}

Status LinuxNetwork::set_peers(const std::vector<std::string>& addresses) {
  std::vector<std::string> all = addresses;
  if (gateway_) all.push_back(netlink::to_string(*gateway_));
  return set_tunnel_peers(all);
}

Result<std::string> LinuxNetwork::make_tap(const GuestId& guest, const std::string& address,
                                           const std::string& mac) {
  ASSIGN_OR_RETURN(const auto guest_address, parse_guest(overlay_, address));
  ASSIGN_OR_RETURN(const auto guest_mac, netlink::parse_mac(mac));
  const std::string name = tap_name(guest);
  auto link = netlink::link_by_name(*socket_, name);
  if (!link && link.error().code == Code::kNotFound) {
    TRY(netlink::add_tap(name, tap_owner_));
    link = netlink::link_by_name(*socket_, name);
  }
  if (!link) return std::unexpected(std::move(link.error()));
  ASSIGN_OR_RETURN(const auto neighbours, netlink::permanent_neighbours(*socket_));
  for (const auto& n : neighbours) {
    if (n.device == link->index && (n.address != guest_address || n.mac != guest_mac))
      return precondition(std::format("guest {}: tap {} is for {} at {}", guest.value, name,
                                      netlink::to_string(n.address), netlink::to_string(n.mac)));
  }
  TRY(in_context(std::format("guest {}", guest.value),
                 complete_tap(link->index, name, guest_address, guest_mac)));
  return name;
}

Status LinuxNetwork::complete_tap(int device, const std::string& name, netlink::Ipv4 address,
                                  netlink::Mac mac) {
  const std::string own = std::format("net/ipv4/conf/{}/", name);
  TRY(netlink::set_sysctl(own + "rp_filter", "1"));
  TRY(netlink::set_sysctl(own + "arp_ignore", "1"));  // Our underlay address is none of its.
  // A kernel without IPv6 has no such setting.
  TRY(ignore(Code::kNotFound,
             netlink::set_sysctl(std::format("net/ipv6/conf/{}/disable_ipv6", name), "1")));
  TRY(netlink::change_link(
      *socket_, device, {.up = true, .mtu = kGuestMtu, .queue_length = kTapQueue, .mac = kTapMac}));
  TRY(netlink::add_address(*socket_, device, kTapAddress, 32));
  // The set of own addresses is read back from the neighbours, so the neighbour comes first.
  TRY(netlink::replace_neighbour(*socket_, {device, address, mac}));
  return nft::load("add element " + element(name, address));
}

Status LinuxNetwork::route_to_tap(const GuestId& guest, const std::string& address) {
  ASSIGN_OR_RETURN(const auto guest_address, parse_guest(overlay_, address));
  ASSIGN_OR_RETURN(const auto link, netlink::link_by_name(*socket_, tap_name(guest)));
  return netlink::replace_route(*socket_, {.to = {guest_address, 32}, .device = link.index});
}

Status LinuxNetwork::route_to_node(const std::string& address, const std::string& node_address) {
  ASSIGN_OR_RETURN(const auto guest, parse_guest(overlay_, address));
  ASSIGN_OR_RETURN(const auto node, netlink::parse_ipv4(node_address));
  return route_through_tunnel(*socket_, overlay_, guest, node);
}

Status LinuxNetwork::remove_route(const std::string& address) {
  ASSIGN_OR_RETURN(const auto guest, parse_guest(overlay_, address));
  return remove_guest_route(*socket_, guest);
}

Status LinuxNetwork::remove_tap(const GuestId& guest) {
  const std::string name = tap_name(guest);
  const auto link = netlink::link_by_name(*socket_, name);
  if (!link && link.error().code == Code::kNotFound) return {};
  if (!link) return std::unexpected(link.error());
  // The set's element first: after a crash in between, the tap still says which one it was.
  ASSIGN_OR_RETURN(const auto neighbours, netlink::permanent_neighbours(*socket_));
  std::string text;
  for (const auto& n : neighbours) {
    if (n.device == link->index) text += "destroy element " + element(name, n.address);
  }
  if (!text.empty()) TRY(nft::load(text));
  return ignore(Code::kNotFound, netlink::delete_link(*socket_, link->index));
}

}  // namespace godwit::linux_net
