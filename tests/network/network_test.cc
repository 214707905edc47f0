// The guest network with real packets: nodes of edges/linux in the lab's VPC, guests behind taps.
// Each test that expects a packet to be dropped also shows that one allowed by the same path
// arrives.
#include "edges/linux/network.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <set>

#include "lib/netlink/link.h"
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
using linux_net::LinuxNetwork;
using namespaces::NetworkNamespace;
using namespaces::run_inside;

class NetworkTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root to make network namespaces";
    auto made = Lab::make(3);
    ASSERT_TRUE(made) << to_string(made.error());
    lab_ = std::move(*made);
    for (int i = 0; i < 3; ++i) networks_.push_back(set_up(i, 7));
  }

  std::unique_ptr<LinuxNetwork> set_up(int node, std::uint32_t vni) {
    return run_inside(lab_->node(node),
                      [&]() -> Result<std::unique_ptr<LinuxNetwork>> {
                        ASSIGN_OR_RETURN(auto network,
                                         LinuxNetwork::set_up({.address = lab::node_address(node),
                                                               .gateway = lab::kGatewayAddress,
                                                               .vni = vni}));
                        TRY(network->set_peers(
                            {lab::node_address(0), lab::node_address(1), lab::node_address(2)}));
                        return network;
                      })
        .value();
  }

  // Does `call` on a node's network, in its namespace.
  template <class Call>
  auto on(int node, Call call) {
    return run_inside(lab_->node(node),
                      [&] { return call(*networks_.at(static_cast<std::size_t>(node))); });
  }

  static std::string address_of(int n) { return std::format("100.64.0.{}", n); }
  static std::string mac_of(int n) { return std::format("52:54:00:00:00:{:02x}", n); }
  static GuestId id_of(int n) { return {std::format("g{}", n)}; }

  std::string make_tap(int guest, int node) {
    return on(node,
              [&](auto& network) {
                return network.make_tap(id_of(guest), address_of(guest), mac_of(guest));
              })
        .value();
  }

  // A guest that runs on the node, known to all three.
  std::unique_ptr<Guest> start(int guest, int node) {
    auto made = Guest::make(address_of(guest), mac_of(guest)).value();
    EXPECT_TRUE(made->attach(lab_->node(node), make_tap(guest, node)));
    made->run();
    for (int i = 0; i < 3; ++i) {
      const Status routed = on(i, [&](auto& network) {
        return i == node ? network.route_to_tap(id_of(guest), address_of(guest))
                         : network.route_to_node(address_of(guest), lab::node_address(node));
      });
      EXPECT_TRUE(routed) << to_string(routed.error());
    }
    return made;
  }

  std::unique_ptr<Lab> lab_;
  std::vector<std::unique_ptr<LinuxNetwork>> networks_;
};

TEST_F(NetworkTest, GuestsOfTwoNodesTalkThroughTheTunnel) {
  const auto a = start(7, 0), b = start(8, 1);
  Udp at_a(a->inside(), address_of(7)), at_b(b->inside(), address_of(8));
  const std::string full(1344 - 28, 'x');  // IP and UDP headers.
  ASSERT_TRUE(at_a.send(address_of(8), full));
  EXPECT_EQ(at_b.receive(kArrives), full + " from 100.64.0.7");
  ASSERT_TRUE(at_b.send(address_of(7), "pong"));
  EXPECT_EQ(at_a.receive(kArrives), "pong from 100.64.0.8");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(lab_->dropped_by_source_check(i).value(), 0u);
}

TEST_F(NetworkTest, GuestsOfOneNodeTalk) {
  const auto a = start(7, 0), b = start(8, 0);
  Udp at_a(a->inside(), address_of(7)), at_b(b->inside(), address_of(8));
  ASSERT_TRUE(at_a.send(address_of(8), "ping"));
  EXPECT_EQ(at_b.receive(kArrives), "ping from 100.64.0.7");
}

// Why there is a tunnel: the cloud drops and counts a packet that carries a guest's bare address.
TEST_F(NetworkTest, TheVpcDropsABareGuestAddress) {
  Udp listener(lab_->control(), lab::kControlAddress);
  // The control node has no rule of ours, so its packet leaves as it is.
  Udp own(lab_->node(0), lab::node_address(0), kPort + 1);
  ASSERT_TRUE(own.send(lab::kControlAddress, "own"));
  EXPECT_EQ(listener.receive(kArrives), "own from 10.0.1.10");
  const auto plain = Lab::make(1).value();
  Udp bare(plain->node(0), "100.64.0.7");
  Udp there(plain->control(), lab::kControlAddress);
  ASSERT_TRUE(bare.send(lab::kControlAddress, "bare"));
  EXPECT_EQ(there.receive(kStaysAway), "nothing");
  EXPECT_EQ(plain->dropped_by_source_check(0).value(), 1u);
}

// A guest moves from node 0 to node 1 while a guest of node 2, whose node learns of it only at the
// end, sends all the time. Every packet arrives.
TEST_F(NetworkTest, ASwitchWithSourceForwardLosesNothing) {
  const auto moving = start(7, 0), sender = start(8, 2);
  Udp at_moving(moving->inside(), address_of(7)), at_sender(sender->inside(), address_of(8));
  std::set<std::string> received;
  int sent = 0;
  const auto send_some = [&] {
    for (int i = 0; i < 100; ++i)
      ASSERT_TRUE(at_sender.send(address_of(7), std::to_string(sent++)));
  };
  const auto take_all = [&](int wait_ms) {
    for (std::string got; (got = at_moving.receive(wait_ms)) != "nothing";) received.insert(got);
  };
  send_some();
  ASSERT_TRUE(moving->attach(lab_->node(1), make_tap(7, 1)));
  ASSERT_TRUE(on(1, [&](auto& n) { return n.route_to_tap(id_of(7), address_of(7)); }));
  send_some();
  ASSERT_TRUE(on(0, [&](auto& n) { return n.route_to_node(address_of(7), lab::node_address(1)); }));
  send_some();           // These wait in the tap of node 1.
  take_all(kStaysAway);  // What was on its way to the tap of node 0.
  // No more than were sent before the switch; fewer if the kernel still had some in its queues.
  EXPECT_LE(received.size(), 200u);
  moving->run();
  send_some();
  ASSERT_TRUE(on(2, [&](auto& n) { return n.route_to_node(address_of(7), lab::node_address(1)); }));
  send_some();
  take_all(kStaysAway);
  EXPECT_EQ(received.size(), static_cast<std::size_t>(sent));
  // And it answers from its new place, with the ARP entry it had.
  ASSERT_TRUE(at_moving.send(address_of(8), "here"));
  EXPECT_EQ(at_sender.receive(kArrives), "here from 100.64.0.7");
  // The old tap may go now.
  EXPECT_TRUE(on(0, [&](auto& n) { return n.remove_tap(id_of(7)); }));
  ASSERT_TRUE(at_sender.send(address_of(7), "still"));
  EXPECT_EQ(at_moving.receive(kArrives), "still from 100.64.0.8");
}

TEST_F(NetworkTest, AnotherVniIsDropped) {
  const auto a = start(7, 0), b = start(8, 1);
  Udp at_a(a->inside(), address_of(7)), at_b(b->inside(), address_of(8));
  networks_[0] = set_up(0, 9);
  ASSERT_TRUE(on(0, [&](auto& n) { return n.route_to_node(address_of(8), lab::node_address(1)); }));
  ASSERT_TRUE(at_a.send(address_of(8), "of nine"));
  EXPECT_EQ(at_b.receive(kStaysAway), "nothing");
  networks_[0] = set_up(0, 7);
  ASSERT_TRUE(on(0, [&](auto& n) { return n.route_to_node(address_of(8), lab::node_address(1)); }));
  ASSERT_TRUE(at_a.send(address_of(8), "of seven"));
  EXPECT_EQ(at_b.receive(kArrives), "of seven from 100.64.0.7");
}

TEST_F(NetworkTest, OnlyPeersMaySendThroughTheTunnel) {
  const auto a = start(7, 0), b = start(8, 1);
  Udp at_a(a->inside(), address_of(7)), at_b(b->inside(), address_of(8));
  ASSERT_TRUE(on(1, [](auto& n) { return n.set_peers({lab::node_address(2)}); }));
  ASSERT_TRUE(at_a.send(address_of(8), "stranger"));
  EXPECT_EQ(at_b.receive(kStaysAway), "nothing");
  ASSERT_TRUE(on(1, [](auto& n) { return n.set_peers({lab::node_address(0)}); }));
  ASSERT_TRUE(at_a.send(address_of(8), "peer"));
  EXPECT_EQ(at_b.receive(kArrives), "peer from 100.64.0.7");
}

TEST_F(NetworkTest, AForgedSourceIsDropped) {
  const auto a = start(7, 0), b = start(8, 1), c = start(9, 0);
  Udp honest(a->inside(), address_of(7)), at_b(b->inside(), address_of(8));
  for (const char* claimed : {"100.64.0.9", "100.64.0.99", "10.0.1.10", "8.8.8.8"}) {
    Udp forged(a->inside(), claimed);
    forged.send(address_of(8), "forged");
    EXPECT_EQ(at_b.receive(kStaysAway), "nothing") << claimed;
  }
  ASSERT_TRUE(honest.send(address_of(8), "honest"));
  EXPECT_EQ(at_b.receive(kArrives), "honest from 100.64.0.7");
}

TEST_F(NetworkTest, AGuestReachesNoPartOfTheInfrastructure) {
  const auto a = start(7, 0);
  Udp guest(a->inside(), address_of(7));
  const std::map<std::string, const NetworkNamespace*> places = {
      {"169.254.1.1", &lab_->node(0)},          {lab::node_address(0), &lab_->node(0)},
      {lab::node_address(1), &lab_->node(1)},   {lab::kControlAddress, &lab_->control()},
      {lab::kGatewayAddress, &lab_->gateway()}, {lab::kMetadataAddress, &lab_->vpc()}};
  for (const auto& [address, where] : places) {
    Udp listener(*where, address);
    guest.send(address, "let me in");
    EXPECT_EQ(listener.receive(kStaysAway), "nothing") << address;
    // The node itself is let in (its own addresses over lo).
    Udp node(lab_->node(0), "0.0.0.0", kPort + 1);
    EXPECT_TRUE(node.send(address, "node"));
    EXPECT_TRUE(listener.receive(kArrives).starts_with("node from ")) << address;
  }
}

}  // namespace
}  // namespace godwit
