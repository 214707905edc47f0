#include "edges/linux/tunnel.h"

#include "lib/netlink/link.h"
#include "lib/netlink/tap.h"
#include "lib/nft/nft.h"

namespace godwit::linux_net {
namespace {

Result<int> make_device(netlink::Socket& socket, const Overlay& overlay) {
  auto found = netlink::link_by_name(socket, kTunnel);
  if (!found && found.error().code == Code::kNotFound) {
    TRY(netlink::add_vxlan_gpe(socket,
                               {.name = kTunnel, .port = kTunnelPort, .local = overlay.address}));
    found = netlink::link_by_name(socket, kTunnel);
  }
  if (!found) return std::unexpected(std::move(found.error()));
  if (found->kind != "vxlan")
    return precondition(std::format("device {} is of kind \"{}\"", kTunnel, found->kind));
  ASSIGN_OR_RETURN(const auto known, netlink::vnis(socket, found->index));
  for (const std::uint32_t vni : known) {
    if (vni != overlay.vni) TRY(netlink::remove_vni(socket, found->index, vni));
  }
  TRY(netlink::add_vni(socket, found->index, overlay.vni));
  return found->index;
}

}  // namespace

Status set_up_overlay(netlink::Socket& socket, const Overlay& overlay) {
  ASSIGN_OR_RETURN(const int device, make_device(socket, overlay));
  // The blackhole comes before the first packet can.
  TRY(netlink::replace_route(socket,
                             {.to = overlay.guests, .kind = netlink::Route::Kind::kBlackhole}));
  const std::string own = std::format("net/ipv4/conf/{}/", kTunnel);
  // Redirects: "all" and the device's own are OR-ed, and a forwarding source would send one per
  // packet. A reverse path check here would drop a peer's packets while we do not know yet where
  // their sender went; who sent them was checked at their tap.
  TRY(netlink::set_sysctl("net/ipv4/conf/all/send_redirects", "0"));
  TRY(netlink::set_sysctl(own + "send_redirects", "0"));
  TRY(netlink::set_sysctl(own + "rp_filter", "0"));
  TRY(netlink::set_sysctl("net/ipv4/ip_forward", "1"));
  // The default MTU of such a device is 1500, which fragments the outer packets silently.
  return netlink::change_link(socket, device, {.up = true, .mtu = kGuestMtu});
}

Status remove_overlay(netlink::Socket& socket) {
  const auto device = netlink::link_by_name(socket, kTunnel);
  if (device) TRY(netlink::delete_link(socket, device->index));
  const Status gone = netlink::delete_route(socket, Overlay{}.guests);
  return gone || gone.error().code == Code::kNotFound ? Status{} : gone;
}

Status route_through_tunnel(netlink::Socket& socket, const Overlay& overlay, netlink::Ipv4 guest,
                            netlink::Ipv4 node) {
  ASSIGN_OR_RETURN(const auto device, netlink::link_by_name(socket, kTunnel));
  return netlink::replace_route(socket, {.to = {guest, 32},
                                         .device = device.index,
                                         .encap = netlink::Encap{.id = overlay.vni, .to = node}});
}

Result<netlink::Ipv4> parse_guest(const Overlay& overlay, const std::string& address) {
  ASSIGN_OR_RETURN(const auto guest, netlink::parse_ipv4(address));
  const std::uint64_t size = std::uint64_t{1} << (32 - overlay.guests.length);
  const std::uint64_t first = overlay.guests.address.value;
  if (guest.value < first || guest.value >= first + size)
    return invalid(std::format("{} is not in the guests' range {}", address,
                               netlink::to_string(overlay.guests)));
  return guest;
}

Status set_tunnel_peers(const std::vector<std::string>& addresses) {
  std::string text = "flush set inet godwit peers\n";
  for (const std::string& address : addresses) {
    ASSIGN_OR_RETURN(const auto peer, netlink::parse_ipv4(address));
    text += std::format("add element inet godwit peers {{ {} }}\n", netlink::to_string(peer));
  }
  return in_context("set the peers", load_rules(text));
}

Status load_rules(const std::string& text) {
  Status done = nft::load(text);
  if (!done && done.error().code == Code::kInvalidArgument) done.error().code = Code::kInternal;
  return done;
}

Status remove_guest_route(netlink::Socket& socket, netlink::Ipv4 guest) {
  const Status done = netlink::delete_route(socket, {guest, 32});
  if (!done && done.error().code == Code::kNotFound) return {};
  return done;
}

}  // namespace godwit::linux_net
