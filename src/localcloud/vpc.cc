#include "localcloud/vpc.h"

#include <format>

#include "lib/netlink/link.h"
#include "lib/netlink/route.h"
#include "lib/netlink/tap.h"
#include "lib/nft/nft.h"

namespace godwit::localcloud {
namespace {

using namespaces::NetworkNamespace;
using netlink::Ipv4;
using netlink::Socket;

constexpr const char* kOperatorDevice = "godwit-vpc";
constexpr const char* kOperatorPort = "operator";

// One set says which address belongs to which port; a port without an entry gets nothing through.
constexpr const char* kRules = R"(
add table inet vpc
add set inet vpc ports { type ifname . ipv4_addr; }
add counter inet vpc source
add counter inet vpc destination
add chain inet vpc passing { type filter hook forward priority 0; policy drop; }
add rule inet vpc passing iifname . ip saddr != @ports counter name "source" drop
add rule inet vpc passing oifname . ip daddr != @ports counter name "destination" drop
add rule inet vpc passing accept
)";

std::string port_of(std::uint64_t number) { return std::format("p{}", number); }

// The first address of the network is the router's.
Ipv4 router_of(Ipv4 address, std::uint8_t prefix_length) {
  return {(address.value & (~0u << (32 - prefix_length))) + 1};
}

Status bring_up(Socket& socket, const std::string& name) {
  ASSIGN_OR_RETURN(const auto link, netlink::link_by_name(socket, name));
  return netlink::change_link(socket, link.index, {.up = true});
}

Status give_address(Socket& socket, const std::string& name, Ipv4 address, std::uint8_t length) {
  TRY(bring_up(socket, name));
  ASSIGN_OR_RETURN(const auto link, netlink::link_by_name(socket, name));
  return netlink::add_address(socket, link.index, address, length);
}

}  // namespace

Result<std::unique_ptr<Vpc>> Vpc::create() {
  std::unique_ptr<Vpc> vpc(new Vpc);
  TRY(in_context("make the VPC", vpc->build()));
  return vpc;
}

Vpc::~Vpc() {
  if (!router_) return;
  (void)namespaces::run_inside(*router_, []() -> Status {
    ASSIGN_OR_RETURN(const auto socket, Socket::open());
    ASSIGN_OR_RETURN(const auto link, netlink::link_by_name(*socket, kOperatorPort));
    return netlink::delete_link(*socket, link.index);
  });
}

Status Vpc::build() {
  ASSIGN_OR_RETURN(router_, NetworkNamespace::create());
  TRY(namespaces::run_inside(*router_, []() -> Status {
    ASSIGN_OR_RETURN(const auto socket, Socket::open());
    TRY(bring_up(*socket, "lo"));
    TRY(netlink::set_sysctl("net/ipv4/ip_forward", "1"));
    return nft::load(kRules);
  }));
  ASSIGN_OR_RETURN(const auto here, NetworkNamespace::current());
  TRY(add_port(*here, kOperatorPort, kOperatorDevice, kOperatorAddress, 24));
  ASSIGN_OR_RETURN(const auto socket, Socket::open());
  ASSIGN_OR_RETURN(const Ipv4 own, netlink::parse_ipv4(kOperatorAddress));
  TRY(give_address(*socket, kOperatorDevice, own, 24));
  ASSIGN_OR_RETURN(const auto network, netlink::parse_prefix("10.0.0.0/16"));
  return netlink::replace_route(*socket, {.to = network, .via = router_of(own, 24)});
}

Status Vpc::add_port(const NetworkNamespace& other, const std::string& port,
                     const std::string& device, const std::string& address,
                     std::uint8_t prefix_length) const {
  ASSIGN_OR_RETURN(const Ipv4 own, netlink::parse_ipv4(address));
  return namespaces::run_inside(*router_, [&]() -> Status {
    ASSIGN_OR_RETURN(const auto socket, Socket::open());
    TRY(netlink::add_veth(*socket,
                          {.name = port, .peer_name = device, .peer_namespace = other.fd()}));
    TRY(give_address(*socket, port, router_of(own, prefix_length), 32));
    ASSIGN_OR_RETURN(const auto link, netlink::link_by_name(*socket, port));
    TRY(netlink::replace_route(*socket, {.to = {own, 32}, .device = link.index}));
    // Neighbours of one network are reached by the router, which answers for them.
    TRY(netlink::set_sysctl(std::format("net/ipv4/conf/{}/proxy_arp", port), "1"));
    TRY(netlink::set_sysctl(std::format("net/ipv4/neigh/{}/proxy_delay", port), "0"));
    return nft::load(
        std::format("add element inet vpc ports {{ \"{}\" . {} }}", port, netlink::to_string(own)));
  });
}

Result<std::unique_ptr<NetworkNamespace>> Vpc::attach(std::uint64_t number,
                                                      const std::string& address) const {
  ASSIGN_OR_RETURN(auto instance, NetworkNamespace::create());
  ASSIGN_OR_RETURN(const Ipv4 own, netlink::parse_ipv4(address));
  TRY(add_port(*instance, port_of(number), "eth0", address, 20));
  TRY(namespaces::run_inside(*instance, [&]() -> Status {
    ASSIGN_OR_RETURN(const auto socket, Socket::open());
    ASSIGN_OR_RETURN(const Ipv4 metadata, netlink::parse_ipv4(kMetadataAddress));
    TRY(give_address(*socket, "lo", metadata, 32));
    TRY(give_address(*socket, "eth0", own, 20));
    return netlink::replace_route(*socket, {.to = {{}, 0}, .via = router_of(own, 20)});
  }));
  return instance;
}

Status Vpc::detach(std::uint64_t number, const std::string& address) const {
  ASSIGN_OR_RETURN(const Ipv4 own, netlink::parse_ipv4(address));
  return namespaces::run_inside(*router_, [&]() -> Status {
    ASSIGN_OR_RETURN(const auto socket, Socket::open());
    if (const auto link = netlink::link_by_name(*socket, port_of(number))) {
      TRY(netlink::delete_link(*socket, link->index));
      return nft::load(std::format("delete element inet vpc ports {{ \"{}\" . {} }}",
                                   port_of(number), netlink::to_string(own)));
    }
    return {};
  });
}

Result<std::uint64_t> Vpc::counter(const std::string& name) const {
  return namespaces::run_inside(*router_, [&] { return nft::counter_packets("inet vpc " + name); });
}

Result<std::uint64_t> Vpc::dropped_by_source_check() const { return counter("source"); }
Result<std::uint64_t> Vpc::dropped_by_destination_check() const { return counter("destination"); }

}  // namespace godwit::localcloud
