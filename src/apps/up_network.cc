#include "apps/up_network.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <format>

#include "edges/linux/gateway.h"
#include "lib/namespaces/network_namespace.h"
#include "lib/netlink/link.h"
#include "lib/netlink/route.h"
#include "lib/netlink/tap.h"

namespace godwit::apps {
namespace {

using namespaces::NetworkNamespace;

std::string pin() { return std::format("/run/netns/{}", kOutsideNamespace); }

Status give_address(netlink::Socket& socket, const char* device, const char* address) {
  ASSIGN_OR_RETURN(const auto link, netlink::link_by_name(socket, device));
  ASSIGN_OR_RETURN(const auto own, netlink::parse_ipv4(address));
  TRY(netlink::change_link(socket, link.index, {.up = true}));
  return netlink::add_address(socket, link.index, own, 24);
}

Status set_up_clients() {
  ASSIGN_OR_RETURN(const auto socket, netlink::Socket::open());
  ASSIGN_OR_RETURN(const auto lo, netlink::link_by_name(*socket, "lo"));
  TRY(netlink::change_link(*socket, lo.index, {.up = true}));
  TRY(give_address(*socket, "eth0", kClientAddress));
  ASSIGN_OR_RETURN(const auto gateway, netlink::parse_ipv4(kPublicAddress));
  return netlink::replace_route(*socket, {.to = {{}, 0}, .via = gateway});
}

Status build() {
  ASSIGN_OR_RETURN(const auto socket, netlink::Socket::open());
  const bool pinned = access(pin().c_str(), F_OK) == 0;
  const auto device = netlink::link_by_name(*socket, kOutsideDevice);
  if (device && pinned) return {};
  if (device)
    return precondition(std::format("device {} is there, and is not ours", kOutsideDevice));
  TRY(namespaces::unpin(pin()));
  ASSIGN_OR_RETURN(const auto outside, NetworkNamespace::create());
  TRY(netlink::add_veth(
      *socket, {.name = kOutsideDevice, .peer_name = "eth0", .peer_namespace = outside->fd()}));
  TRY(give_address(*socket, kOutsideDevice, kPublicAddress));
  TRY(namespaces::run_inside(*outside, set_up_clients));
  if (mkdir("/run/netns", 0755) != 0 && errno != EEXIST)
    return system_error("make /run/netns", errno);
  return outside->pin(pin());
}

}  // namespace

Status make_outside() { return in_context("network outside the region", build()); }

Status remove_network() {
  TRY(linux_net::LinuxGateway::remove());
  if (access(pin().c_str(), F_OK) != 0) return {};
  ASSIGN_OR_RETURN(const auto socket, netlink::Socket::open());
  const auto device = netlink::link_by_name(*socket, kOutsideDevice);
  if (device) TRY(netlink::delete_link(*socket, device->index));
  return namespaces::unpin(pin());
}

}  // namespace godwit::apps
