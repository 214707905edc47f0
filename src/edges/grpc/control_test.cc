#include "edges/grpc/control.h"

#include <gtest/gtest.h>

#include <chrono>
#include <format>
#include <print>
#include <thread>

#include "edges/grpc/agent_mailer.h"
#include "edges/grpc/mailbox.h"
#include "edges/grpc/peer.h"

namespace godwit::grpc_edge {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

const NodeId kA{"i-a/boot-1"}, kB{"i-b/boot-1"};

ports::Message clear(std::uint32_t generation) {
  return {GuestId{"web-1"}, NodeId{"i-liar/boot"}, ports::kControl, ports::Clear{generation}};
}
ports::Message ask_clear(const NodeId& to, std::uint32_t generation) {
  return {GuestId{"web-1"}, NodeId{}, to, ports::AskClear{generation}};
}

struct Control {
  explicit Control(const Credentials& credentials, int port = 0)
      : server(ControlServer::start(
                   std::format("127.0.0.1:{}", port), credentials, inbox,
                   [this](const NodeId& node, bool attached) {
                     log.add(std::format("{} {}", node.value, attached ? "came" : "went"));
                   },
                   {}, [this](const std::string& line) { log.add(line); })
                   .value()) {}
  std::string address() const { return std::format("127.0.0.1:{}", server->port()); }

  Lines log;
  Mailbox inbox;
  std::unique_ptr<ControlServer> server;
};

struct Agent {
  Agent(const Credentials& credentials, const std::string& address, MailLimits limits = {})
      : client(
            address, credentials, inbox,
            [this](bool attached) { log.add(attached ? "attached" : "alone"); }, limits,
            [this](const std::string& line) { log.add(line); }) {}

  Lines log;
  Mailbox inbox;
  ControlClient client;
};

// Two agents and a control plane, both ways, each message to the one it is for.
TEST(ControlStream, MessagesGoBothWays) {
  const Fleet fleet;
  Control control{fleet.credentials("control")};
  Agent a{fleet.credentials(kA.value), control.address()};
  Agent b{fleet.credentials(kB.value), control.address()};
  ASSERT_TRUE(control.log.wait_for(kA.value + " came") && control.log.wait_for(kB.value + " came"))
      << control.log.all() << a.log.all();
  EXPECT_TRUE(a.log.wait_for("attached"));
  for (std::uint32_t n = 1; n <= 100; ++n) {
    control.server->send(ask_clear(n % 2 ? kA : kB, n));
    (n % 2 ? a : b).client.send(clear(n));
  }
  for (std::uint32_t n = 1; n <= 100; ++n) {
    const auto message = (n % 2 ? a : b).inbox.next();
    ASSERT_TRUE(message);
    EXPECT_EQ(message->from, ports::kControl);
    EXPECT_EQ(std::get<ports::AskClear>(message->body).generation, n);
  }
  std::uint32_t last_a = 0, last_b = 0;
  for (int n = 0; n < 100; ++n) {
    const auto message = control.inbox.next();
    ASSERT_TRUE(message);
    ASSERT_TRUE(message->from == kA || message->from == kB);
    std::uint32_t& last = message->from == kA ? last_a : last_b;
    const std::uint32_t generation = std::get<ports::Clear>(message->body).generation;
    EXPECT_LT(last, generation) << "order of one agent is kept";
    last = generation;
  }
}

// A control plane that is away for a while finds its agents again, and what they sent meanwhile.
TEST(ControlStream, AgentsComeBackAfterARestartOfControl) {
  const Fleet fleet;
  auto control = std::make_unique<Control>(fleet.credentials("control"));
  const int port = control->server->port();
  Agent a{fleet.credentials(kA.value), control->address()};
  for (std::uint32_t round = 1; round < 4; ++round) {
    ASSERT_TRUE(control->log.wait_for(kA.value + " came")) << a.log.all();
    // Control knows first: an agent that never knew is not alone again.
    ASSERT_TRUE(a.log.wait_for("attached", round)) << a.log.all();
    control.reset();
    ASSERT_TRUE(a.log.wait_for("alone", round));
    a.client.send(clear(round));
    control = std::make_unique<Control>(fleet.credentials("control"), port);
    const auto start = Clock::now();
    auto message = control->inbox.next();
    ASSERT_TRUE(message) << a.log.all();
    std::println(
        "agent back {} ms after the restart",
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count());
    // One that was on its way when control went may come once more before.
    while (std::get<ports::Clear>(message->body).generation < round) {
      message = control->inbox.next();
      ASSERT_TRUE(message);
    }
    EXPECT_EQ(std::get<ports::Clear>(message->body).generation, round);
    EXPECT_LT(Clock::now() - start, 4s);
    control->server->send(ask_clear(kA, round));
    ASSERT_TRUE(a.inbox.next());
  }
}

// An agent that goes is told, and what is sent to it is counted; when it comes again it is the same
// node.
TEST(ControlStream, ControlSeesAgentsComeAndGo) {
  const Fleet fleet;
  Control control{fleet.credentials("control")};
  control.server->send(ask_clear(kA, 1));
  EXPECT_EQ(control.server->counts().unaddressed, 1u);
  {
    Agent a{fleet.credentials(kA.value), control.address()};
    ASSERT_TRUE(control.log.wait_for(kA.value + " came"));
  }
  ASSERT_TRUE(control.log.wait_for(kA.value + " went"));
  Agent a{fleet.credentials(kA.value), control.address()};
  ASSERT_TRUE(a.log.wait_for("attached"));
  control.server->send(ask_clear(kA, 2));
  EXPECT_TRUE(a.inbox.next());
}

// An agent restarted on the same node while control still believes in its old stream: the newer
// stream counts.
TEST(ControlStream, TheNewestStreamOfANodeCounts) {
  const Fleet fleet;
  Control control{fleet.credentials("control")};
  Agent old{fleet.credentials(kA.value), control.address()};
  ASSERT_TRUE(old.log.wait_for("attached"));
  Agent young{fleet.credentials(kA.value), control.address()};
  ASSERT_TRUE(old.log.wait_for("attached again") || old.log.wait_for("alone")) << old.log.all();
}

// A node that claims to be the control plane is not believed, nor is a stranger's control plane.
TEST(ControlStream, OnlyControlsCertificateIsControl) {
  const Fleet fleet, strangers;
  Control node{fleet.credentials(kB.value)}, strange{strangers.credentials("control")};
  for (const Control* wrong : {&node, &strange}) {
    Agent a{fleet.credentials(kA.value), wrong->address()};
    a.client.send(clear(1));
    EXPECT_TRUE(a.log.wait_for("control: stream ended")) << a.log.all();
    EXPECT_FALSE(a.log.wait_for("attached", 1, 0ms));
  }
  EXPECT_FALSE(node.inbox.next(0ms) || strange.inbox.next(0ms));
}

// While control is away an agent keeps the newest messages and counts the others.
TEST(ControlStream, TheAgentsQueueIsBounded) {
  const Fleet fleet;
  auto control = std::make_unique<Control>(fleet.credentials("control"));
  const int port = control->server->port();
  const std::string address = control->address();
  control.reset();
  Agent a{fleet.credentials(kA.value), address, {.queue = 10}};
  for (std::uint32_t n = 1; n <= 100; ++n) a.client.send(clear(n));
  EXPECT_EQ(a.client.counts().overflowed, 90u);
  control = std::make_unique<Control>(fleet.credentials("control"), port);
  for (std::uint32_t n = 91; n <= 100; ++n) {
    const auto message = control->inbox.next();
    ASSERT_TRUE(message);
    EXPECT_EQ(std::get<ports::Clear>(message->body).generation, n);
  }
}

// Both ends end in any state.
TEST(ControlStream, EndsWhileMailIsUnderWay) {
  const Fleet fleet;
  for (int i = 0; i < 20; ++i) {
    Control control{fleet.credentials("control")};
    Agent a{fleet.credentials(kA.value), i % 4 == 0 ? "127.0.0.1:1" : control.address()};
    if (i % 2 == 0) a.log.wait_for("attached", 1, 100ms);
    for (std::uint32_t n = 0; n < 50; ++n) {
      a.client.send(clear(n));
      control.server->send(ask_clear(kA, n));
    }
    if (i % 3 == 0) control.server.reset();
  }
}

// The whole of an agent's transport: peers directly, the control plane by the stream.
TEST(AgentMailer, SendsEachMessageItsWay) {
  const Fleet fleet;
  Control control{fleet.credentials("control")};
  Agent a{fleet.credentials(kA.value), control.address()};
  Mailbox at_b;
  const auto b = PeerServer::start("127.0.0.1:0", fleet.credentials(kB.value), at_b, {}).value();
  PeerMailer peers{fleet.credentials(kA.value), {}, [](const std::string&) {}};
  peers.set_address(kB, std::format("127.0.0.1:{}", b->port()));
  AgentMailer mailer{a.client, peers};
  mailer.send(clear(1));
  mailer.send(ask_clear(kB, 2));
  const auto message = control.inbox.next(), other = at_b.next();
  ASSERT_TRUE(message && other);
  EXPECT_EQ(message->from, kA);
  EXPECT_EQ(other->from, kA);
}

}  // namespace
}  // namespace godwit::grpc_edge
