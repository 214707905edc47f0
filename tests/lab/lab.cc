#include "tests/lab/lab.h"

#include "lib/netlink/link.h"
#include "lib/netlink/route.h"
#include "lib/netlink/tap.h"
#include "lib/nft/nft.h"

namespace godwit::lab {
namespace {

using netlink::Ipv4;
using netlink::Socket;

Ipv4 in_subnet(int subnet, int host) {
  return {10u << 24 | static_cast<std::uint32_t>(subnet) << 8 | static_cast<std::uint32_t>(host)};
}

Status bring_up(Socket& socket, const std::string& name) {
  ASSIGN_OR_RETURN(const auto link, netlink::link_by_name(socket, name));
  return netlink::change_link(socket, link.index, {.up = true});
}

Status give_address(Socket& socket, const std::string& name, Ipv4 address, std::uint8_t length) {
  ASSIGN_OR_RETURN(const auto link, netlink::link_by_name(socket, name));
  TRY(netlink::change_link(socket, link.index, {.up = true}));
  return netlink::add_address(socket, link.index, address, length);
}

std::string port_of(int node) { return std::format("p-{}", node); }

// No rule has a fixed network: a port's own two rules are added when it is.
constexpr const char* kRouterRules = R"(
add table inet vpc
add chain inet vpc passing { type filter hook forward priority 0; policy drop; }
add chain inet vpc checks
add rule inet vpc passing jump checks
add rule inet vpc passing accept
)";

constexpr const char* kPortRules = R"(
add counter inet vpc {0}-source
add counter inet vpc {0}-destination
add rule inet vpc checks iifname "{0}" ip saddr != {1} counter name "{0}-source" drop
add rule inet vpc checks oifname "{0}" ip daddr != {1} counter name "{0}-destination" drop
)";

}  // namespace

std::string node_address(int node) { return netlink::to_string(in_subnet(node + 1, 10)); }

Result<std::unique_ptr<Lab>> Lab::make(int nodes) {
  std::unique_ptr<Lab> lab(new Lab);
  TRY(in_context("build the lab", lab->build(nodes)));
  return lab;
}

Status Lab::build(int nodes) {
  if (nodes < 0 || nodes > 90) return invalid(std::format("{} nodes", nodes));
  ASSIGN_OR_RETURN(vpc_, NetworkNamespace::create());
  TRY(namespaces::run_inside(*vpc_, []() -> Status {
    ASSIGN_OR_RETURN(const auto socket, Socket::open());
    TRY(give_address(*socket, "lo", {0xa9fea9fe}, 32));  // 169.254.169.254.
    TRY(netlink::set_sysctl("net/ipv4/ip_forward", "1"));
    return nft::load(kRouterRules);
  }));
  for (int i = 0; i < nodes; ++i) {
    ASSIGN_OR_RETURN(auto node, NetworkNamespace::create());
    TRY(attach(*node, port_of(i), i + 1));
    nodes_.push_back(std::move(node));
  }
  ASSIGN_OR_RETURN(gateway_, NetworkNamespace::create());
  TRY(attach(*gateway_, "p-gateway", 100));
  ASSIGN_OR_RETURN(control_, NetworkNamespace::create());
  TRY(attach(*control_, "p-control", 200));
  ASSIGN_OR_RETURN(client_, NetworkNamespace::create());
  return connect_client();
}

Status Lab::attach(const NetworkNamespace& node, const std::string& port, int subnet) const {
  const Ipv4 own = in_subnet(subnet, 10), router = in_subnet(subnet, 1);
  // The node's end is born with another name than the router's: both begin in different places.
  TRY(namespaces::run_inside(*vpc_, [&]() -> Status {
    ASSIGN_OR_RETURN(const auto socket, Socket::open());
    TRY(netlink::add_veth(*socket,
                          {.name = port, .peer_name = "eth0", .peer_namespace = node.fd()}));
    TRY(give_address(*socket, port, router, 32));
    ASSIGN_OR_RETURN(const auto link, netlink::link_by_name(*socket, port));
    TRY(netlink::replace_route(*socket, {.to = {own, 32}, .device = link.index}));
    TRY(netlink::set_sysctl(std::format("net/ipv4/conf/{}/proxy_arp", port), "1"));
    TRY(netlink::set_sysctl(std::format("net/ipv4/neigh/{}/proxy_delay", port), "0"));
    return nft::load(std::format(kPortRules, port, netlink::to_string(own)));
  }));
  return namespaces::run_inside(node, [&]() -> Status {
    ASSIGN_OR_RETURN(const auto socket, Socket::open());
    TRY(bring_up(*socket, "lo"));
    TRY(give_address(*socket, "eth0", own, 24));
    return netlink::replace_route(*socket, {.to = {{}, 0}, .via = router});
  });
}

Status Lab::connect_client() const {
  TRY(namespaces::run_inside(*gateway_, [&]() -> Status {
    ASSIGN_OR_RETURN(const auto socket, Socket::open());
    TRY(netlink::add_veth(*socket,
                          {.name = "out", .peer_name = "eth0", .peer_namespace = client_->fd()}));
    return give_address(*socket, "out", {0xc6336401}, 24);
  }));
  return namespaces::run_inside(*client_, [&]() -> Status {
    ASSIGN_OR_RETURN(const auto socket, Socket::open());
    TRY(bring_up(*socket, "lo"));
    TRY(give_address(*socket, "eth0", {0xc633640a}, 24));
    return netlink::replace_route(*socket, {.to = {{}, 0}, .via = Ipv4{0xc6336401}});
  });
}

Result<std::uint64_t> Lab::counter(const std::string& name) const {
  return namespaces::run_inside(*vpc_, [&] { return nft::counter_packets("inet vpc " + name); });
}

Result<std::uint64_t> Lab::dropped_by_source_check(int node) const {
  return counter(port_of(node) + "-source");
}

Result<std::uint64_t> Lab::dropped_by_destination_check(int node) const {
  return counter(port_of(node) + "-destination");
}

Status Lab::cut(int node) const {
  return namespaces::run_inside(*vpc_, [&]() -> Status {
    ASSIGN_OR_RETURN(const auto socket, Socket::open());
    ASSIGN_OR_RETURN(const auto link, netlink::link_by_name(*socket, port_of(node)));
    return netlink::change_link(*socket, link.index, {.up = false});
  });
}

}  // namespace godwit::lab
