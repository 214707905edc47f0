// What the gateway promises: routes go only upwards, the first wish for a port counts, and a
// restart takes nothing away that is still somebody's. Method: scripts of events; a small kernel
// carries out the commands, and refuses those that a real one would.
#include "gateway/gateway.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace godwit::gateway {
namespace {

using std::chrono::seconds;
using Ports = std::map<std::uint16_t, Target>;

const NodeId kNode{"n-1"};

// What the kernel holds; it survives the gateway's process.
struct Kernel {
  std::vector<std::string> peers;
  std::map<std::string, std::pair<std::string, ports::EpochName>> routes;
  Ports published;
  std::vector<std::string> notes;

  void run(const Step& step) {
    for (const Command& command : step.commands)
      std::visit([this](const auto& c) { run(c); }, command);
  }
  void run(const SetPeers& c) { peers = c.addresses; }
  void run(const RouteGuest& c) {
    const auto known = routes.find(c.address);
    EXPECT_TRUE(known == routes.end() || known->second.second <= c.epoch) << "upwards only";
    routes[c.address] = {c.node_address, c.epoch};
  }
  void run(const ForgetGuest& c) { EXPECT_EQ(routes.erase(c.address), 1U) << c.address; }
  void run(const PublishPort& c) {
    EXPECT_TRUE(published.emplace(c.port, c.to).second) << "taken: " << c.port;
  }
  void run(const UnpublishPort& c) { EXPECT_EQ(published.erase(c.port), 1U) << c.port; }
  void run(const Note& c) { notes.push_back(c.guest.value + ": " + c.text); }
};

class GatewayTest : public testing::Test {
 protected:
  void tell(const Event& event) {
    const Step step = gateway_->on(event, now_);
    kernel_.run(step);
    EXPECT_EQ(gateway_->published(), kernel_.published);
    EXPECT_TRUE(!step.wake || *step.wake > now_) << "no busy loop";
    wake_ = step.wake;
  }
  void control(const std::string& guest, ports::Body body) {
    tell(ports::Message{{guest}, ports::kControl, {"gateway"}, std::move(body)});
  }
  void route(const std::string& guest, const std::string& address, const std::string& node,
             ports::EpochName epoch) {
    tell(ports::Message{{guest}, kNode, {"gateway"}, ports::RouteAt{address, node, epoch}});
  }
  void publish(const std::string& guest, const std::string& address,
               std::vector<ports::Port> ports) {
    control(guest, ports::Publish{address, std::move(ports)});
  }
  void fleet(const std::vector<std::string>& addresses) {
    ports::Fleet fleet;
    for (const std::string& a : addresses) fleet.nodes[NodeId{"n-" + a}] = {a, 7001};
    control("", fleet);
  }
  void pass(Duration time) {
    const Time end = now_ + time;
    while (wake_ && *wake_ <= end) {
      now_ = *wake_;
      tell(Woken{});
    }
    now_ = end;
  }
  // A new process over the same kernel, which does not know of epochs.
  void restart() {
    gateway_ = std::make_unique<Gateway>();
    gateway_->restart(kernel_.published);
    for (auto& [address, route] : kernel_.routes) route.second = {};
    wake_.reset();
  }
  std::string node_of(const std::string& address) const {
    const auto at = kernel_.routes.find(address);
    return at == kernel_.routes.end() ? "nowhere" : at->second.first;
  }
  bool noted(const std::string& part) const {
    return std::ranges::any_of(kernel_.notes, [&](const auto& n) { return n.contains(part); });
  }

  Kernel kernel_;
  std::unique_ptr<Gateway> gateway_ = std::make_unique<Gateway>();
  Time now_{seconds{1'800'000'000}};
  std::optional<Time> wake_;
};

// Whatever the order in which announcements arrive, how often, and with how many restarts between
// them: once all were heard, each guest is where its newest epoch ran.
TEST_F(GatewayTest, RoutesEndAtTheNewestEpochInAnyOrder) {
  Random random(7);
  for (int round = 0; round < 200; ++round) {
    gateway_ = std::make_unique<Gateway>();
    kernel_ = {};
    std::map<std::string, ports::EpochName> newest;
    const auto node = [](ports::EpochName e) {
      return std::format("10.0.{}.{}", e.generation, e.hop);
    };
    for (int i = 0; i < 40; ++i) {
      const std::string address = std::format("100.64.0.{}", random.below(3));
      const ports::EpochName epoch{static_cast<std::uint32_t>(random.below(3)) + 1,
                                   static_cast<std::uint32_t>(random.below(4))};
      route("g" + address, address, node(epoch), epoch);
      newest[address] = std::max(newest[address], epoch);
      if (random.below(20) == 0) {
        restart();
        // The holders announce themselves again; who held before may come late.
        for (const auto& [at, e] : newest) route("g" + at, at, node(e), e);
      }
    }
    for (const auto& [address, epoch] : newest) EXPECT_EQ(node_of(address), node(epoch));
  }
  EXPECT_TRUE(kernel_.notes.empty()) << kernel_.notes.front();
}

TEST_F(GatewayTest, AnAddressIsOneGuestsAndAnEpochOneNodes) {
  route("a", "100.64.0.1", "10.0.1.1", {1, 0});
  route("b", "100.64.0.1", "10.0.1.2", {9, 0});
  route("a", "100.64.0.1", "10.0.1.3", {1, 0});
  EXPECT_EQ(node_of("100.64.0.1"), "10.0.1.1");
  EXPECT_TRUE(noted("b: address 100.64.0.1 is that of a"));
  EXPECT_TRUE(noted("a: epoch 1.0 is said to run at 10.0.1.1 and at 10.0.1.3"));
  // The same guest, made anew with another address.
  route("a", "100.64.0.2", "10.0.1.3", {2, 0});
  EXPECT_EQ(node_of("100.64.0.1"), "nowhere");
  EXPECT_EQ(node_of("100.64.0.2"), "10.0.1.3");
}

TEST_F(GatewayTest, OnlyTheControlPlaneSaysWhatIsPublishedAndWhoIsAPeer) {
  fleet({"10.0.1.2", "10.0.1.1"});
  EXPECT_EQ(kernel_.peers, (std::vector<std::string>{"10.0.1.1", "10.0.1.2"}));
  const ports::Fleet stranger{.nodes = {{kNode, {"10.9.9.9", 1}}}, .gateway = {}};
  tell(ports::Message{{}, kNode, {"gateway"}, stranger});
  tell(ports::Message{{"a"}, kNode, {"gateway"}, ports::Publish{"100.64.0.1", {{80, 80}}}});
  EXPECT_EQ(kernel_.peers.size(), 2U);
  EXPECT_TRUE(kernel_.published.empty());
  fleet({});
  EXPECT_TRUE(kernel_.peers.empty());
}

// The first keeps the port, the others wait in order; each step of the queue is one change.
TEST_F(GatewayTest, TheFirstWishForAPortCounts) {
  publish("a", "100.64.0.1", {{6379, 6379}, {22, 0}});
  publish("b", "100.64.0.2", {{6380, 6379}});
  publish("c", "100.64.0.3", {{6381, 6379}, {80, 80}});
  EXPECT_TRUE(noted("b: port 6379 is published for a"));
  EXPECT_TRUE(noted("c: port 6379 is published for a"));
  EXPECT_EQ(kernel_.published, (Ports{{80, {"100.64.0.3", 80}}, {6379, {"100.64.0.1", 6379}}}));
  const std::size_t notes = kernel_.notes.size();
  publish("b", "100.64.0.2", {{6380, 6379}});
  EXPECT_EQ(kernel_.notes.size(), notes) << "said once";
  publish("a", "100.64.0.1", {{6399, 6379}});
  EXPECT_EQ(kernel_.published[6379], (Target{"100.64.0.1", 6399})) << "its own port may change";
  publish("a", "100.64.0.1", {});
  EXPECT_EQ(kernel_.published[6379], (Target{"100.64.0.2", 6380}));
  publish("b", "100.64.0.2", {{22, 0}});
  EXPECT_EQ(kernel_.published[6379], (Target{"100.64.0.3", 6381}));
  publish("c", "100.64.0.3", {});
  EXPECT_TRUE(kernel_.published.empty());
}

// A restart changes nothing in the kernel by itself; ports that nobody says again go.
TEST_F(GatewayTest, ARestartTakesAwayOnlyWhatIsNobodysAnyMore) {
  publish("a", "100.64.0.1", {{6379, 6379}});
  publish("b", "100.64.0.2", {{80, 8080}});
  publish("c", "100.64.0.3", {{81, 6379}});
  route("a", "100.64.0.1", "10.0.1.1", {3, 2});
  const Kernel before = kernel_;
  restart();
  pass(std::chrono::hours{1});  // Nobody is there to ask.
  EXPECT_EQ(kernel_.published, before.published);
  tell(ControlSeen{true});
  // The other who wants 6379 comes first now, and still waits.
  publish("c", "100.64.0.3", {{81, 6379}});
  publish("a", "100.64.0.1", {{6379, 6379}});
  pass(seconds{60});
  EXPECT_EQ(kernel_.published, before.published) << "the control plane has not said its fleet";
  fleet({"10.0.1.1"});
  EXPECT_EQ(kernel_.published, (Ports{{6379, {"100.64.0.1", 6379}}}));
  EXPECT_TRUE(noted(": port 8080 led to 100.64.0.2"));
  EXPECT_EQ(node_of("100.64.0.1"), "10.0.1.1") << "routes stay until the holder says better";
  route("a", "100.64.0.1", "10.0.1.2", {3, 3});
  EXPECT_EQ(node_of("100.64.0.1"), "10.0.1.2");
}

// The control plane forgot to say, or had no time to: a guest was deleted while it was away.
TEST_F(GatewayTest, WhatIsNotSaidAgainAfterAnAttachGoes) {
  tell(ControlSeen{true});
  publish("a", "100.64.0.1", {{6379, 6379}});
  publish("b", "100.64.0.2", {{6379, 6379}});
  fleet({});
  route("a", "100.64.0.1", "10.0.1.1", {1, 0});
  tell(ControlSeen{false});
  pass(std::chrono::hours{1});
  EXPECT_EQ(kernel_.published[6379].address, "100.64.0.1") << "away is no word";
  route("a", "100.64.0.1", "10.0.1.1", {1, 0});
  tell(ControlSeen{true});
  fleet({});
  publish("b", "100.64.0.2", {{6379, 6379}});
  EXPECT_EQ(kernel_.published[6379].address, "100.64.0.1") << "it may come yet";
  pass(seconds{11});
  EXPECT_EQ(kernel_.published[6379].address, "100.64.0.2");
  EXPECT_EQ(node_of("100.64.0.1"), "10.0.1.1") << "its holder may live";
  pass(seconds{60});
  EXPECT_EQ(node_of("100.64.0.1"), "nowhere");
  // Made anew, it is routed again.
  publish("a", "100.64.0.1", {{6379, 6379}});
  route("a", "100.64.0.1", "10.0.1.3", {2, 0});
  EXPECT_EQ(node_of("100.64.0.1"), "10.0.1.3");
}

// "No ports" is also said of a guest that lives and never had any.
TEST_F(GatewayTest, AGuestWithoutPortsKeepsItsRouteWhileItsHolderAnnouncesIt) {
  route("a", "100.64.0.1", "10.0.1.1", {1, 0});
  publish("a", "100.64.0.1", {});
  for (int i = 0; i < 100; ++i) {
    pass(seconds{5});
    route("a", "100.64.0.1", "10.0.1.1", {1, 0});
    ASSERT_EQ(node_of("100.64.0.1"), "10.0.1.1");
  }
  pass(seconds{61});
  EXPECT_EQ(node_of("100.64.0.1"), "nowhere");
  EXPECT_FALSE(wake_);
}

}  // namespace
}  // namespace godwit::gateway
