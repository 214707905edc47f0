#include "edges/linux/gateway.h"

#include <algorithm>
#include <sstream>

#include "lib/nft/nft.h"

namespace godwit::linux_net {
namespace {

// Loaded over what is there, see network.cc. {0} tunnel, {1} its port, {2} guests, {3} outside
// device, {4} public address.
constexpr const char* kRules = R"(
add table inet godwit
add set inet godwit peers {{ type ipv4_addr; }}
add set inet godwit denied {{ type ipv4_addr; flags interval; auto-merge; }}
add map inet godwit tcp_published {{ type inet_service : ipv4_addr . inet_service; }}
add map inet godwit udp_published {{ type inet_service : ipv4_addr . inet_service; }}
add chain inet godwit arriving {{ type filter hook prerouting priority -300; policy accept; }}
add chain inet godwit for_us {{ type filter hook input priority 0; policy accept; }}
add chain inet godwit passing {{ type filter hook forward priority 0; policy drop; }}
add chain inet godwit publishing {{ type nat hook prerouting priority -100; policy accept; }}
add chain inet godwit leaving {{ type nat hook postrouting priority 100; policy accept; }}
flush chain inet godwit arriving
flush chain inet godwit for_us
flush chain inet godwit passing
flush chain inet godwit publishing
flush chain inet godwit leaving
flush set inet godwit denied
add rule inet godwit arriving iifname "{0}" accept
add rule inet godwit arriving udp dport {1} ip saddr != @peers counter drop comment "not-a-peer"
add rule inet godwit arriving ip saddr {2} counter drop comment "bare-guest"
add rule inet godwit for_us iifname "{0}" counter drop comment "tunnel-input"
add rule inet godwit passing ct state established,related accept
add rule inet godwit passing iifname "{0}" ip daddr @denied counter drop comment "denied"
add rule inet godwit passing iifname "{0}" oifname "{3}" ip saddr {2} accept
add rule inet godwit passing iifname "{3}" oifname "{0}" ct status dnat accept
add rule inet godwit passing counter comment "not-passed"
add rule inet godwit publishing iifname "{3}" ip daddr {4} dnat ip to tcp dport map @tcp_published
add rule inet godwit publishing iifname "{3}" ip daddr {4} dnat ip to udp dport map @udp_published
add rule inet godwit leaving oifname "{3}" ip saddr {2} snat ip to {4}
)";

// 224.0.0.0/3 is multicast, reserved and broadcast.
constexpr const char* kAlwaysDenied[] = {"169.254.0.0/16", "10.0.0.0/8",  "172.16.0.0/12",
                                         "192.168.0.0/16", "127.0.0.0/8", "224.0.0.0/3"};

std::string map_of(Protocol protocol) {
  return protocol == Protocol::kTcp ? "tcp_published" : "udp_published";
}

// A device's name goes into a rule's text, so only plain ones do.
Status check_device(const std::string& name) {
  const bool plain = std::ranges::all_of(name, [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.';
  });
  if (!plain || name.empty() || name.size() > 15)
    return invalid(std::format("not a plain device name: \"{}\"", name));
  return {};
}

}  // namespace

Result<std::unique_ptr<LinuxGateway>> LinuxGateway::set_up(const GatewayConfig& config) {
  Overlay overlay{.vni = config.vni};
  ASSIGN_OR_RETURN(overlay.address, netlink::parse_ipv4(config.address));
  ASSIGN_OR_RETURN(const auto public_address, netlink::parse_ipv4(config.public_address));
  TRY(check_device(config.outside));
  std::string text = std::format(kRules, kTunnel, kTunnelPort, netlink::to_string(overlay.guests),
                                 config.outside, netlink::to_string(public_address));
  std::vector<std::string> denied(std::begin(kAlwaysDenied), std::end(kAlwaysDenied));
  denied.insert(denied.end(), config.denied.begin(), config.denied.end());
  for (const std::string& network : denied) {
    ASSIGN_OR_RETURN(const auto prefix, netlink::parse_prefix(network));
    text += std::format("add element inet godwit denied {{ {} }}\n", netlink::to_string(prefix));
  }
  TRY(in_context("load the gateway's rules", nft::load(text)));
  ASSIGN_OR_RETURN(auto socket, netlink::Socket::open());
  TRY(in_context("set up the overlay", set_up_overlay(*socket, overlay)));
  return std::unique_ptr<LinuxGateway>(new LinuxGateway(overlay, std::move(socket)));
}

Status LinuxGateway::remove() {
  TRY(load_rules("destroy table inet godwit\n"));
  ASSIGN_OR_RETURN(const auto socket, netlink::Socket::open());
  return remove_overlay(*socket);
}

Status LinuxGateway::set_peers(const std::vector<std::string>& addresses) {
  return set_tunnel_peers(addresses);
}

Status LinuxGateway::publish(Protocol protocol, std::uint16_t port,
                             const std::string& guest_address, std::uint16_t guest_port) {
  ASSIGN_OR_RETURN(const auto guest, parse_guest(overlay_, guest_address));
  if (port == 0 || guest_port == 0) return invalid("port 0 cannot be published");
  const std::string to = std::format("{} . {}", netlink::to_string(guest), guest_port);
  const Status done = load_rules(
      std::format("add element inet godwit {} {{ {} : {} }}\n", map_of(protocol), port, to));
  if (!done && done.error().message.contains("File exists"))
    return fail(Code::kAlreadyExists, std::format("port {} is published for another", port));
  return in_context(std::format("publish port {} for {}", port, guest_address), done);
}

Status LinuxGateway::unpublish(Protocol protocol, std::uint16_t port) {
  return in_context(
      std::format("unpublish port {}", port),
      load_rules(std::format("destroy element inet godwit {} {{ {} }}\n", map_of(protocol), port)));
}

// "elements = { 80 : 100.64.0.3 . 80, 6379 : 100.64.0.1 . 6379 }": how nft prints what we put
// there.
Result<std::map<std::uint16_t, std::pair<std::string, std::uint16_t>>> LinuxGateway::published(
    Protocol protocol) const {
  ASSIGN_OR_RETURN(const std::string text, nft::list("map inet godwit " + map_of(protocol)));
  std::map<std::uint16_t, std::pair<std::string, std::uint16_t>> found;
  static constexpr std::string_view kBefore = "elements = {";
  const auto begin = text.find(kBefore);
  if (begin == std::string::npos) return found;
  const auto end = text.find('}', begin);
  std::istringstream elements(text.substr(begin + kBefore.size(), end - begin - kBefore.size()));
  for (std::string element; std::getline(elements, element, ',');) {
    std::istringstream words(element);
    std::uint16_t port = 0, guest_port = 0;
    std::string colon, address, dot;
    if (!(words >> port >> colon >> address >> dot >> guest_port))
      return internal(std::format("published ports: {}", text));
    found[port] = {address, guest_port};
  }
  return found;
}

Status LinuxGateway::route_guest(const std::string& address, const std::string& node_address,
                                 std::uint32_t generation, std::uint32_t hop) {
  ASSIGN_OR_RETURN(const auto guest, parse_guest(overlay_, address));
  ASSIGN_OR_RETURN(const auto node, netlink::parse_ipv4(node_address));
  const Place place{generation, hop};
  const auto known = known_.find(guest);
  if (known != known_.end() && place < known->second)
    return fail(Code::kAborted,
                std::format("route {} to {}: {}.{} is older than {}.{}", address, node_address,
                            generation, hop, known->second.generation, known->second.hop));
  TRY(route_through_tunnel(*socket_, overlay_, guest, node));
  known_[guest] = place;
  return {};
}

Status LinuxGateway::forget_guest(const std::string& address) {
  ASSIGN_OR_RETURN(const auto guest, parse_guest(overlay_, address));
  TRY(remove_guest_route(*socket_, guest));
  known_.erase(guest);
  return {};
}

}  // namespace godwit::linux_net
