// The kernel's edge keeps the port's contract in a fresh network namespace, and a second object
// over an existing set-up goes on where the first stopped. Needs root; says so and is skipped if
// not.
#include "edges/linux/network.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "lib/namespaces/network_namespace.h"
#include "lib/netlink/link.h"
#include "lib/netlink/tap.h"
#include "lib/nft/nft.h"
#include "ports/network_contract.h"

namespace godwit::linux_net {
namespace {

ports::NetworkState look() {
  ports::NetworkState state;
  const auto socket = netlink::Socket::open().value();
  const auto links = netlink::links(*socket).value();
  const auto neighbours = netlink::permanent_neighbours(*socket).value();
  const auto routes = netlink::routes(*socket).value();
  std::map<int, std::string> names;
  for (const auto& link : links) {
    names[link.index] = link.name;
    if (link.kind == "tun") state.taps[link.name] = {};
  }
  for (const auto& n : neighbours)
    state.taps[names[n.device]] = {netlink::to_string(n.address), netlink::to_string(n.mac)};
  for (const auto& route : routes) {
    if (route.to.length != 32) continue;
    state.routes[netlink::to_string(route.to.address)] =
        route.encap ? "node " + netlink::to_string(route.encap->to) : "tap " + names[route.device];
  }
  return state;
}

class LinuxNetworkTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root to make a network namespace";
    fresh_ = namespaces::NetworkNamespace::create().value();
    inside_ = namespaces::Inside::enter(*fresh_).value();
    const auto socket = netlink::Socket::open().value();
    ASSERT_TRUE(netlink::add_veth(*socket, {.name = "eth0", .peer_name = "other"}));
    for (const char* name : {"eth0", "other"}) {
      const int index = netlink::link_by_name(*socket, name).value().index;
      ASSERT_TRUE(netlink::change_link(*socket, index, {.up = true}));
      if (std::string_view(name) == "eth0") {
        ASSERT_TRUE(netlink::add_address(*socket, index, {0x0a00010a}, 24));
      }
    }
  }
  static constexpr const char* kAddress = "10.0.1.10";
  std::unique_ptr<namespaces::NetworkNamespace> fresh_;
  std::unique_ptr<namespaces::Inside> inside_;
};

TEST_F(LinuxNetworkTest, KeepsTheContract) {
  const auto network = LinuxNetwork::set_up({.address = kAddress, .gateway = "10.0.1.1"});
  ASSERT_TRUE(network) << to_string(network.error());
  ports::expect_network_contract(**network, look);
}

TEST_F(LinuxNetworkTest, ANewObjectGoesOnWhereTheOldOneStopped) {
  const NodeConfig config{.address = kAddress, .gateway = "10.0.1.1"};
  const GuestId guest{"g1"};
  std::string tap;
  {
    auto first = LinuxNetwork::set_up(config).value();
    ASSERT_TRUE(first->set_peers({"10.0.2.10", "10.0.3.10"}));
    tap = first->make_tap(guest, "100.64.0.7", "52:54:00:00:00:07").value();
    ASSERT_TRUE(first->route_to_tap(guest, "100.64.0.7"));
    ASSERT_TRUE(first->route_to_node("100.64.0.8", "10.0.2.10"));
  }
  const auto before = look();
  const auto rules_before = nft::list("table inet godwit").value();
  auto second = LinuxNetwork::set_up(config);
  ASSERT_TRUE(second) << to_string(second.error());
  EXPECT_EQ(look(), before);
  EXPECT_EQ(nft::list("table inet godwit").value(), rules_before);
  EXPECT_NE(rules_before.find(std::format("\"{}\" . 100.64.0.7", tap)), std::string::npos);
  EXPECT_NE(rules_before.find("10.0.1.1, 10.0.2.10"), std::string::npos) << rules_before;
  // Also while a QEMU has the tap open.
  const int open = netlink::open_tap(tap).value();
  EXPECT_EQ((*second)->make_tap(guest, "100.64.0.7", "52:54:00:00:00:07"), tap);
  EXPECT_TRUE((*second)->remove_tap(guest));
  close(open);
  EXPECT_EQ(nft::list("table inet godwit").value().find(tap), std::string::npos);
}

TEST_F(LinuxNetworkTest, TapAndTunnelHaveTheMeasuredSettings) {
  auto network = LinuxNetwork::set_up({.address = kAddress}).value();
  const auto tap = network->make_tap({"g1"}, "100.64.0.7", "52:54:00:00:00:07").value();
  const auto socket = netlink::Socket::open().value();
  const auto link = netlink::link_by_name(*socket, tap).value();
  EXPECT_EQ(link.mtu, 1344u);
  EXPECT_EQ(link.queue_length, 5000u);
  EXPECT_EQ(netlink::to_string(link.mac), "ee:ee:ee:ee:ee:ee");
  EXPECT_TRUE(link.up);
  const auto tunnel = netlink::link_by_name(*socket, kTunnel).value();
  EXPECT_EQ(tunnel.kind, "vxlan");
  EXPECT_EQ(tunnel.mtu, 1344u);
  EXPECT_EQ(netlink::vnis(*socket, tunnel.index).value(), std::vector<std::uint32_t>{7});
  // Another VNI takes the place of the first.
  ASSERT_TRUE(LinuxNetwork::set_up({.address = kAddress, .vni = 8}));
  EXPECT_EQ(netlink::vnis(*socket, tunnel.index).value(), std::vector<std::uint32_t>{8});
}

TEST_F(LinuxNetworkTest, AForeignDeviceOfOurNameIsLeftAlone) {
  const auto socket = netlink::Socket::open().value();
  ASSERT_TRUE(netlink::add_bridge(*socket, kTunnel));
  const auto network = LinuxNetwork::set_up({.address = kAddress});
  ASSERT_FALSE(network);
  EXPECT_EQ(network.error().code, Code::kFailedPrecondition);
}

TEST(TapName, IsShortAndTheGuestsAlone) {
  EXPECT_EQ(tap_name({"g1"}).size(), 15u);
  EXPECT_NE(tap_name({"g1"}), tap_name({"g2"}));
}

}  // namespace
}  // namespace godwit::linux_net
