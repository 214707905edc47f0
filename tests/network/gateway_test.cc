// Guests and the world outside, through the gateway: a published port, egress, what is denied, and
// that a guest's route moves only upwards.
#include "edges/linux/gateway.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "edges/linux/network.h"
#include "lib/netlink/link.h"
#include "lib/nft/nft.h"
#include "tests/lab/lab.h"
#include "tests/network/guest.h"
#include "tests/network/udp.h"

namespace godwit {
namespace {

using lab::Guest;
using lab::kArrives;
using lab::kPort;
using lab::kStaysAway;
using lab::Lab;
using lab::Udp;
using linux_net::LinuxGateway;
using linux_net::LinuxNetwork;
using linux_net::Protocol;
using namespaces::run_inside;

constexpr const char* kGuest = "100.64.0.7";
constexpr const char* kMac = "52:54:00:00:00:07";

class GatewayTest : public testing::Test {
 protected:
  template <class Call>
  auto at_gateway(Call call) {
    return run_inside(lab_->gateway(), call);
  }

  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root to make network namespaces";
    lab_ = Lab::make(2).value();
    auto gateway = at_gateway([] {
      return LinuxGateway::set_up({.address = lab::kGatewayAddress,
                                   .outside = "out",
                                   .public_address = lab::kPublicAddress});
    });
    ASSERT_TRUE(gateway) << to_string(gateway.error());
    gateway_ = std::move(*gateway);
    ASSERT_TRUE(at_gateway(
        [&] { return gateway_->set_peers({lab::node_address(0), lab::node_address(1)}); }));
    guest_ = Guest::make(kGuest, kMac).value();
    for (int node = 0; node < 2; ++node) {
      networks_.push_back(run_inside(lab_->node(node), [&] {
                            return LinuxNetwork::set_up({.address = lab::node_address(node),
                                                         .gateway = lab::kGatewayAddress});
                          }).value());
    }
    move_to(0);
    ASSERT_TRUE(
        at_gateway([&] { return gateway_->route_guest(kGuest, lab::node_address(0), 1, 0); }));
  }

  void move_to(int node) {
    auto& network = *networks_.at(static_cast<std::size_t>(node));
    const auto tap = run_inside(lab_->node(node), [&]() -> Result<std::string> {
      ASSIGN_OR_RETURN(auto name, network.make_tap({"g"}, kGuest, kMac));
      TRY(network.route_to_tap({"g"}, kGuest));
      return name;
    });
    ASSERT_TRUE(tap) << to_string(tap.error());
    ASSERT_TRUE(guest_->attach(lab_->node(node), *tap));
    guest_->run();
  }

  std::unique_ptr<Lab> lab_;
  std::unique_ptr<LinuxGateway> gateway_;
  std::unique_ptr<Guest> guest_;
  std::vector<std::unique_ptr<LinuxNetwork>> networks_;
};

// One client's connection lives on over a move of the guest; its replies come from the public
// address.
TEST_F(GatewayTest, APublishedPortReachesTheGuestBeforeAndAfterAMove) {
  ASSERT_TRUE(at_gateway([&] { return gateway_->publish(Protocol::kUdp, 5300, kGuest, kPort); }));
  Udp guest(guest_->inside(), kGuest), client(lab_->client(), lab::kClientAddress);
  for (const int node : {0, 1}) {
    if (node == 1) {
      move_to(1);
      ASSERT_TRUE(
          at_gateway([&] { return gateway_->route_guest(kGuest, lab::node_address(1), 1, 1); }));
    }
    ASSERT_TRUE(client.send(lab::kPublicAddress, "question", 5300));
    EXPECT_EQ(guest.receive(kArrives), "question from 198.51.100.10");
    ASSERT_TRUE(guest.send(lab::kClientAddress, "answer"));
    EXPECT_EQ(client.receive(kArrives), "answer from 198.51.100.1");
  }
  // Published once: the same again is harmless, another guest is not.
  EXPECT_TRUE(at_gateway([&] { return gateway_->publish(Protocol::kUdp, 5300, kGuest, kPort); }));
  const Status taken =
      at_gateway([&] { return gateway_->publish(Protocol::kUdp, 5300, "100.64.0.8", kPort); });
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Code::kAlreadyExists) << to_string(taken.error());
  const auto published = [&] {
    return at_gateway([&] { return gateway_->published(Protocol::kUdp); }).value();
  };
  using Published = decltype(published());
  EXPECT_EQ(published(), (Published{{5300, {kGuest, kPort}}}));
  for (const std::uint16_t port : {std::uint16_t{53}, std::uint16_t{65535}, std::uint16_t{6000}})
    EXPECT_TRUE(
        at_gateway([&] { return gateway_->publish(Protocol::kUdp, port, "100.64.0.8", port); }));
  EXPECT_EQ(published(), (Published{{53, {"100.64.0.8", 53}},
                                    {5300, {kGuest, kPort}},
                                    {6000, {"100.64.0.8", 6000}},
                                    {65535, {"100.64.0.8", 65535}}}));
  for (int i = 0; i < 2; ++i)
    EXPECT_TRUE(at_gateway([&] { return gateway_->unpublish(Protocol::kUdp, 5300); }));
  EXPECT_EQ(published().size(), 3U);
  EXPECT_TRUE(at_gateway([&] { return gateway_->published(Protocol::kTcp); })->empty());
  Udp another(lab_->client(), lab::kClientAddress, kPort + 1);
  ASSERT_TRUE(another.send(lab::kPublicAddress, "late", 5300));
  EXPECT_EQ(guest.receive(kStaysAway), "nothing");
}

TEST_F(GatewayTest, AGuestReachesTheOutsideByThePublicAddressAlone) {
  Udp guest(guest_->inside(), kGuest), client(lab_->client(), lab::kClientAddress);
  ASSERT_TRUE(guest.send(lab::kClientAddress, "out"));
  EXPECT_EQ(client.receive(kArrives), "out from 198.51.100.1");
  ASSERT_TRUE(client.send(lab::kPublicAddress, "back"));
  EXPECT_EQ(guest.receive(kArrives), "back from 198.51.100.10");
  // What nobody asked for and nobody published does not come in.
  Udp stranger(lab_->client(), lab::kClientAddress, kPort + 1);
  ASSERT_TRUE(stranger.send(lab::kPublicAddress, "hello", kPort + 5));
  EXPECT_EQ(guest.receive(kStaysAway), "nothing");
}

// The gateway is no confused deputy: what it may reach itself, a guest does not reach through it.
TEST_F(GatewayTest, AGuestReachesNoInfrastructureThroughTheGateway) {
  Udp guest(guest_->inside(), kGuest), gateway(lab_->gateway(), lab::kGatewayAddress, kPort + 1);
  const std::pair<const char*, const namespaces::NetworkNamespace*> places[] = {
      {"10.0.2.10", &lab_->node(1)},
      {lab::kControlAddress, &lab_->control()},
      {lab::kMetadataAddress, &lab_->vpc()},
      {lab::kGatewayAddress, &lab_->gateway()},
      {lab::kPublicAddress, &lab_->gateway()}};
  for (const auto& [address, where] : places) {
    Udp listener(*where, address);
    guest.send(address, "let me in");
    EXPECT_EQ(listener.receive(kStaysAway), "nothing") << address;
    ASSERT_TRUE(gateway.send(address, "gateway"));
    EXPECT_EQ(listener.receive(kArrives), "gateway from 10.0.100.10") << address;
  }
}

TEST_F(GatewayTest, AGuestsRouteMovesOnlyUpwards) {
  const auto route = [&](int node, std::uint32_t generation, std::uint32_t hop) {
    return at_gateway(
        [&] { return gateway_->route_guest(kGuest, lab::node_address(node), generation, hop); });
  };
  EXPECT_TRUE(route(0, 2, 1));
  EXPECT_TRUE(route(0, 2, 1));
  EXPECT_EQ(route(1, 2, 0).error().code, Code::kAborted);
  EXPECT_EQ(route(1, 1, 9).error().code, Code::kAborted);
  Udp guest(guest_->inside(), kGuest), client(lab_->client(), lab::kClientAddress);
  ASSERT_TRUE(guest.send(lab::kClientAddress, "out"));
  EXPECT_EQ(client.receive(kArrives), "out from 198.51.100.1");
  ASSERT_TRUE(client.send(lab::kPublicAddress, "back"));
  EXPECT_EQ(guest.receive(kArrives), "back from 198.51.100.10");
  for (int i = 0; i < 2; ++i)
    EXPECT_TRUE(at_gateway([&] { return gateway_->forget_guest(kGuest); }));
  ASSERT_TRUE(client.send(lab::kPublicAddress, "gone"));
  EXPECT_EQ(guest.receive(kStaysAway), "nothing");
}

TEST_F(GatewayTest, IsRemovedWithoutATrace) {
  ASSERT_TRUE(at_gateway([&] { return gateway_->publish(Protocol::kTcp, 80, kGuest, kPort); }));
  for (int i = 0; i < 2; ++i) {
    const Status removed = at_gateway([] { return LinuxGateway::remove(); });
    EXPECT_TRUE(removed) << to_string(removed.error());
  }
  const auto left = at_gateway([]() -> Result<std::vector<netlink::Route>> {
    ASSIGN_OR_RETURN(const auto socket, netlink::Socket::open());
    EXPECT_FALSE(netlink::link_by_name(*socket, linux_net::kTunnel));
    return netlink::routes(*socket);
  });
  ASSERT_TRUE(left);
  for (const netlink::Route& route : *left) {
    EXPECT_NE(route.kind, netlink::Route::Kind::kBlackhole);
    EXPECT_FALSE(route.encap);
  }
  EXPECT_EQ(at_gateway([] { return nft::list("tables"); }).value(), "");
}

}  // namespace
}  // namespace godwit
