// The gateway as a process. Goal: clients outside keep one TCP connection to a guest, whatever the
// guest or the gateway's process does; and the gateway is nobody's way into the infrastructure.
// Method: a real `godwit gateway` in a lab of namespaces, told by a control plane's stream and by
// agents that announce; a guest that echoes lines, and a client that checks every one.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "apps/gateway_config.h"
#include "lib/netlink/link.h"
#include "lib/netlink/route.h"
#include "tests/gateway/rig.h"
#include "tests/gateway/tcp.h"
#include "tests/network/udp.h"

namespace godwit::lab {
namespace {

constexpr const char* kPrivateClient = "192.168.7.10";

class GatewayProcess : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root to make network namespaces";
    auto made = GatewayRig::make();
    ASSERT_TRUE(made) << to_string(made.error());
    rig_ = std::move(*made);
    ASSERT_TRUE(rig_->run_on(0));
    server_ = std::make_unique<EchoServer>(rig_->guest().inside(), kGuestAddress, kGuestPort);
    ASSERT_TRUE(rig_->start_gateway());
    ASSERT_TRUE(rig_->await_attached()) << rig_->log();
    say_all();
    ASSERT_TRUE(rig_->announce(0, 1, 0));
    client_ = connect();
    ASSERT_TRUE(client_) << rig_->log();
    EXPECT_EQ(client_->greeting(), kClientAddress);
  }
  void TearDown() override {
    if (rig_ && HasFailure()) std::printf("%s\n", rig_->log().c_str());
  }
  // What a control plane says at an attach.
  void say_all() {
    rig_->publish("g", kGuestAddress, {kGuestPort, kGuestPort});
    rig_->tell_fleet();
  }
  std::unique_ptr<Talker> connect(const std::string& from = "") {
    for (int i = 0; i < 20; ++i) {
      auto talker =
          std::make_unique<Talker>(rig_->lab().client(), from, kPublicAddress, kGuestPort);
      if (talker->connected()) return talker;
      usleep(100'000);
    }
    return nullptr;
  }
  // To node 1, as a source-forwarding agent does it.
  void move_to_node_1() {
    ASSERT_TRUE(rig_->run_on(1));
    ASSERT_TRUE(rig_->forward(0));
  }
  // By the gateway's own route: what still came to node 0 would be lost from now on.
  void expect_routed_to_node_1() {
    ASSERT_TRUE(rig_->await_routed(1));
    ASSERT_TRUE(rig_->unroute(0));
    EXPECT_TRUE(client_->goes_on());
    EXPECT_TRUE(connect()) << "new ones too";
  }
  // Whether a packet of the guest for this address arrives there.
  bool guest_reaches(const char* address, const NetworkNamespace& where) {
    Udp guest(rig_->guest().inside(), kGuestAddress), listener(where, address);
    guest.send(address, "let me in");
    return listener.receive(kStaysAway) != "nothing";
  }
  bool guest_connects(const char* address, const NetworkNamespace& where,
                      int wait_ms = kStaysAway) {
    constexpr std::uint16_t port = 7100;
    const EchoServer listener(where, address, port);
    return Talker(rig_->guest().inside(), "", address, port, wait_ms).connected();
  }

  std::unique_ptr<GatewayRig> rig_;
  std::unique_ptr<EchoServer> server_;
  std::unique_ptr<Talker> client_;
};

TEST_F(GatewayProcess, AConnectionFollowsItsGuest) {
  ASSERT_TRUE(client_->goes_on());
  move_to_node_1();
  ASSERT_TRUE(client_->goes_on()) << "node 0 forwards";
  ASSERT_TRUE(rig_->await_routed(0)) << "nobody has announced anything else";
  // Node 0's last words go on being said, and are older.
  ASSERT_TRUE(rig_->announce(1, 1, 1));
  expect_routed_to_node_1();
  EXPECT_TRUE(rig_->await_routed(1));
  EXPECT_FALSE(client_->broken());
  EXPECT_EQ(server_->callers(), 2);
}

// Killed under an open connection; the guest moves while it is away; the next one takes over.
TEST_F(GatewayProcess, AKillOfTheGatewayIsNobodysHarm) {
  rig_->kill_gateway();
  ASSERT_TRUE(client_->goes_on());
  EXPECT_TRUE(connect()) << "the port is still published";
  rig_->stop_announcing(0);
  move_to_node_1();
  ASSERT_TRUE(client_->goes_on());
  ASSERT_TRUE(rig_->start_gateway());
  ASSERT_TRUE(rig_->await_attached()) << rig_->log();
  EXPECT_TRUE(rig_->await_routed(0)) << "a restart changes nothing by itself";
  say_all();
  ASSERT_TRUE(rig_->announce(1, 1, 1));
  expect_routed_to_node_1();
  EXPECT_FALSE(client_->broken());
}

// The port goes with its guest; who was connected stays so.
TEST_F(GatewayProcess, APortGoesWithItsGuest) {
  rig_->tell("g", ports::Publish{kGuestAddress, {}});
  std::unique_ptr<Talker> late;
  for (int i = 0; i < 20 && (!late || late->connected()); ++i)
    late =
        std::make_unique<Talker>(rig_->lab().client(), "", kPublicAddress, kGuestPort, kStaysAway);
  EXPECT_FALSE(late->connected());
  EXPECT_TRUE(client_->goes_on());
}

// Guests open no connection into the infrastructure, and the gateway counts that they tried.
TEST_F(GatewayProcess, AGuestReachesNoInfrastructure) {
  const Lab& lab = rig_->lab();
  const std::pair<const char*, const NetworkNamespace*> denied[] = {
      {"10.0.2.10", &lab.node(1)},
      {kControlAddress, &lab.control()},
      {kMetadataAddress, &lab.vpc()}};
  for (const auto& [address, where] : denied) {
    const std::uint64_t before = rig_->counted("denied").value();
    EXPECT_FALSE(guest_reaches(address, *where)) << address;
    EXPECT_FALSE(guest_connects(address, *where)) << address;
    EXPECT_GE(rig_->counted("denied").value(), before + 2) << address;
  }
  const std::uint64_t before = rig_->counted("tunnel-input").value();
  for (const char* address : {kGatewayAddress, kPublicAddress}) {
    EXPECT_FALSE(guest_reaches(address, lab.gateway())) << address;
    EXPECT_FALSE(guest_connects(address, lab.gateway())) << address;
  }
  EXPECT_GE(rig_->counted("tunnel-input").value(), before + 4);
  // The agents' door, which is open there.
  EXPECT_FALSE(
      Talker(rig_->guest().inside(), "", kGatewayAddress, kGatewayPort, kStaysAway).connected());
  // The world is not infrastructure.
  EXPECT_TRUE(guest_connects(kClientAddress, lab.client(), kArrives));
  EXPECT_FALSE(client_->broken());
}

// A client with a private address is answered; connected to by the guest it is not.
TEST_F(GatewayProcess, AClientWithAPrivateAddressIsAnswered) {
  const netlink::Ipv4 own = netlink::parse_ipv4(kPrivateClient).value();
  ASSERT_TRUE(namespaces::run_inside(rig_->lab().client(), [&]() -> Status {
    ASSIGN_OR_RETURN(const auto socket, netlink::Socket::open());
    ASSIGN_OR_RETURN(const auto link, netlink::link_by_name(*socket, "eth0"));
    return netlink::add_address(*socket, link.index, own, 32);
  }));
  ASSERT_TRUE(namespaces::run_inside(rig_->lab().gateway(), [&]() -> Status {
    ASSIGN_OR_RETURN(const auto socket, netlink::Socket::open());
    ASSIGN_OR_RETURN(const auto link, netlink::link_by_name(*socket, "out"));
    return netlink::replace_route(*socket, {.to = {own, 32}, .device = link.index});
  }));
  const auto private_client = connect(kPrivateClient);
  ASSERT_TRUE(private_client);
  EXPECT_EQ(private_client->greeting(), kPrivateClient);
  EXPECT_TRUE(private_client->goes_on());
  const std::uint64_t before = rig_->counted("denied").value();
  EXPECT_FALSE(guest_connects(kPrivateClient, rig_->lab().client()));
  EXPECT_GT(rig_->counted("denied").value(), before);
}

TEST(GatewayConfig, SaysWhatIsWrongAndWhere) {
  const std::string path = std::format("{}gateway_config.{}.json", testing::TempDir(), getpid());
  const auto error = [&](const std::string& text) {
    std::ofstream(path) << text;
    const auto loaded = apps::load_gateway_config(path);
    return loaded ? "none" : loaded.error().message;
  };
  const std::string good =
      R"("address":"10.0.0.1","outside":"out","public_address":"198.51.100.1",)"
      R"("listen":"10.0.0.1:7003","control":"10.0.0.1:7002")";
  EXPECT_TRUE(error("{").contains(path));
  EXPECT_TRUE(error(R"({"address":7})").contains("field \"address\": a text is needed"));
  EXPECT_TRUE(error("{" + good + "}").contains("field \"credentials\""));
  EXPECT_TRUE(error("{" + good + R"(,"credentials":"/nowhere"})").contains("/nowhere/ca.pem"));
  EXPECT_TRUE(error("{" + good + R"(,"denied":[7]})").contains("field \"denied\""));
  std::filesystem::remove(path);
  EXPECT_EQ(apps::load_gateway_config(path).error().code, Code::kNotFound);
}

}  // namespace
}  // namespace godwit::lab
