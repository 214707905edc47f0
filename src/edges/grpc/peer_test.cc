#include "edges/grpc/peer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <format>
#include <print>
#include <thread>
#include <vector>

#include "edges/grpc/mailbox.h"

namespace godwit::grpc_edge {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

const NodeId kA{"i-a/boot-1"}, kB{"i-b/boot-1"};

ports::Message cancel(const NodeId& to, std::uint32_t number) {
  return {GuestId{"web-1"}, NodeId{"i-liar/boot"}, to, ports::Cancel{{kA, number}}};
}
std::uint32_t number_of(const ports::Message& message) {
  return std::get<ports::Cancel>(message.body).attempt.number;
}

// One agent's transport, on a free port of the loopback.
struct Peer {
  explicit Peer(const Credentials& credentials, int port = 0, MailLimits limits = {})
      : server(PeerServer::start(std::format("127.0.0.1:{}", port), credentials, inbox,
                                 [this](const std::string& line) { log.add(line); })
                   .value()),
        mailer(credentials, limits, [this](const std::string& line) { log.add(line); }) {}
  std::string address() const { return std::format("127.0.0.1:{}", server->port()); }
  bool waits_for(std::uint64_t MailCounts::* what, std::uint64_t value) {
    const auto until = Clock::now() + 10s;
    while (mailer.counts().*what < value) {
      if (Clock::now() > until) return false;
      std::this_thread::yield();
    }
    return true;
  }

  Lines log;
  Mailbox inbox;
  std::unique_ptr<PeerServer> server;
  PeerMailer mailer;
};

// Two agents talk both ways; `from` is what the certificate says, not what the message claims.
TEST(Peer, MessagesGoBothWaysUnderTheCertificatesName) {
  const Fleet fleet;
  Peer a{fleet.credentials(kA.value)}, b{fleet.credentials(kB.value)};
  a.mailer.set_address(kB, b.address());
  b.mailer.set_address(kA, a.address());
  for (std::uint32_t n = 1; n <= 100; ++n) {
    a.mailer.send(cancel(kB, n));
    b.mailer.send(cancel(kA, n));
  }
  for (std::uint32_t n = 1; n <= 100; ++n) {
    const auto at_b = b.inbox.next(), at_a = a.inbox.next();
    ASSERT_TRUE(at_a && at_b) << a.log.all() << b.log.all();
    EXPECT_EQ(at_b->from, kA);
    EXPECT_EQ(at_b->to, kB);
    EXPECT_EQ(at_a->from, kB);
    EXPECT_EQ(number_of(*at_a), n) << "order of one sender is kept";
    EXPECT_EQ(number_of(*at_b), n);
  }
  EXPECT_TRUE(a.waits_for(&MailCounts::delivered, 100));
}

// A server of another fleet is not spoken to, and its agents are not listened to.
TEST(Peer, AStrangersAuthorityIsRefused) {
  const Fleet fleet, strangers;
  Peer ours{fleet.credentials(kA.value)}, strange{strangers.credentials(kB.value)};
  ours.mailer.set_address(kB, strange.address());
  strange.mailer.set_address(kA, ours.address());
  ours.mailer.send(cancel(kB, 1));
  strange.mailer.send(cancel(kA, 1));
  EXPECT_TRUE(ours.log.wait_for("unreachable")) << ours.log.all();
  EXPECT_TRUE(strange.log.wait_for("unreachable")) << strange.log.all();
  EXPECT_FALSE(ours.inbox.next(0ms) || strange.inbox.next(0ms));

  // Believing our authority does not help a stranger: it has no certificate of it.
  Credentials half = strangers.credentials(kB.value);
  half.authority = fleet.credentials(kA.value).authority;
  Peer intruder{half};
  intruder.mailer.set_address(kA, ours.address());
  intruder.mailer.send(cancel(kA, 2));
  EXPECT_TRUE(intruder.log.wait_for("unreachable")) << intruder.log.all();
  EXPECT_FALSE(ours.inbox.next(0ms));
}

// Who answers at B's address with the certificate of C, of the same fleet, gets nothing: an address
// may pass to another instance. The same holds for the same instance after a reboot.
TEST(Peer, AnotherNodesCertificateIsRefused) {
  const Fleet fleet;
  Peer a{fleet.credentials(kA.value)};
  for (const char* other : {"i-c/boot-1", "i-b/boot-2", "control"}) {
    Peer c{fleet.credentials(other)};
    a.mailer.set_address(kB, c.address());
    a.mailer.send(cancel(kB, 1));
    EXPECT_TRUE(a.log.wait_for("peer i-b/boot-1: unreachable")) << other << a.log.all();
    EXPECT_FALSE(c.inbox.next(0ms));
    EXPECT_EQ(c.server->dropped(), 0u) << "not even the bytes may reach it";
    a.mailer.forget(kB);
  }
}

// A peer that is killed and started again gets messages again within the back-off, also those that
// were sent while it was away.
TEST(Peer, MailFlowsAgainAfterARestart) {
  const Fleet fleet;
  Peer a{fleet.credentials(kA.value)};
  auto b = std::make_unique<Peer>(fleet.credentials(kB.value));
  const int port = b->server->port();
  a.mailer.set_address(kB, b->address());
  a.mailer.send(cancel(kB, 1));
  ASSERT_TRUE(b->inbox.next());
  for (std::uint32_t round = 2; round < 5; ++round) {
    // B has a message before A knows so: to end it earlier would be to lose the answer.
    while (a.mailer.counts().delivered + 1 < round) std::this_thread::sleep_for(1ms);
    b.reset();
    a.mailer.send(cancel(kB, round));
    ASSERT_TRUE(a.log.wait_for("unreachable", round - 1)) << "each round says it once";
    b = std::make_unique<Peer>(fleet.credentials(kB.value), port);
    const auto start = Clock::now();
    const auto message = b->inbox.next();
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
    ASSERT_TRUE(message) << a.log.all();
    EXPECT_EQ(number_of(*message), round);
    // 1 s of back-off with gRPC's jitter of 20 %, and time for a loaded machine.
    EXPECT_LT(took, 3s);
    std::println("first message {} ms after the restart", took.count());
  }
}

// While the peer is away the newest messages wait, the oldest are dropped, all are accounted for.
TEST(Peer, TheQueueIsBoundedAndDropsTheOldest) {
  const Fleet fleet;
  Peer a{fleet.credentials(kA.value), 0, {.queue = 10, .call = 2s, .patience = 60s}};
  Peer b{fleet.credentials(kB.value)};
  const std::string address = b.address();
  const int port = b.server->port();
  b.server.reset();
  a.mailer.set_address(kB, address);
  for (std::uint32_t n = 1; n <= 100; ++n) a.mailer.send(cancel(kB, n));
  ASSERT_TRUE(a.log.wait_for("unreachable"));
  Peer again{fleet.credentials(kB.value), port};
  std::vector<std::uint32_t> numbers;
  while (numbers.empty() || numbers.back() != 100) {
    const auto message = again.inbox.next();
    ASSERT_TRUE(message);
    numbers.push_back(number_of(*message));
  }
  EXPECT_LE(numbers.size(), 11u);
  EXPECT_TRUE(std::ranges::is_sorted(numbers));
  EXPECT_TRUE(a.waits_for(&MailCounts::delivered, numbers.size()));
  EXPECT_EQ(a.mailer.counts().overflowed, 100 - numbers.size());
}

// Nothing waits for ever, and nothing is sent where no address is known.
TEST(Peer, OldAndUnaddressedMessagesAreDroppedAndCounted) {
  const Fleet fleet;
  Peer a{fleet.credentials(kA.value), 0, {.queue = 10, .call = 100ms, .patience = 200ms}};
  a.mailer.send(cancel(kB, 1));
  EXPECT_EQ(a.mailer.counts().unaddressed, 1u);
  a.mailer.set_address(kB, "127.0.0.1:1");
  a.mailer.send(cancel(kB, 2));
  EXPECT_TRUE(a.waits_for(&MailCounts::expired, 1));
}

// What B does not understand is told to A, not tried again, and does not hold up what follows.
TEST(Peer, RefusedMessagesAreNotRepeated) {
  const Fleet fleet;
  Peer a{fleet.credentials(kA.value)}, b{fleet.credentials(kB.value)};
  a.mailer.set_address(kB, b.address());
  ports::Message nameless = cancel(kB, 1);
  nameless.guest.value.clear();
  a.mailer.send(nameless);
  a.mailer.send(cancel(kB, 2));
  const auto message = b.inbox.next();
  ASSERT_TRUE(message);
  EXPECT_EQ(number_of(*message), 2u);
  EXPECT_TRUE(a.waits_for(&MailCounts::delivered, 1));
  EXPECT_EQ(a.mailer.counts().refused, 1u);
  EXPECT_EQ(b.server->dropped(), 1u);
}

// A mailer and a server end at once in any state of the line, and nothing arrives after them.
TEST(Peer, EndsWhileMailIsUnderWay) {
  const Fleet fleet;
  for (int i = 0; i < 20; ++i) {
    Peer b{fleet.credentials(kB.value)};
    Peer a{fleet.credentials(kA.value)};
    a.mailer.set_address(kB, i % 3 == 0 ? "127.0.0.1:1" : b.address());
    for (std::uint32_t n = 0; n < 50; ++n) a.mailer.send(cancel(kB, n));
    if (i % 2 == 0) b.server.reset();
  }
}

// A second server on a taken port, and credentials that are none, are errors with a name.
TEST(Peer, CannotListenIsAnError) {
  const Fleet fleet;
  Peer a{fleet.credentials(kA.value)};
  Mailbox inbox;
  const auto taken = PeerServer::start(a.address(), fleet.credentials(kB.value), inbox, {});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error(),
            (Error{Code::kUnavailable, "peer server: cannot listen on " + a.address()}));
  EXPECT_EQ(PeerServer::start("127.0.0.1:0", {}, inbox, {}).error().code, Code::kInvalidArgument);
}

// GRANT and its ACK are one round trip inside the pause. This prints what a warm one costs; the
// bound only catches an accident such as Nagle's algorithm (40 ms) or a new connection per message.
TEST(Peer, AWarmRoundTripIsShort) {
  const Fleet fleet;
  Peer a{fleet.credentials(kA.value)}, b{fleet.credentials(kB.value)};
  a.mailer.set_address(kB, b.address());
  b.mailer.set_address(kA, a.address());
  std::vector<std::chrono::microseconds> took;
  for (std::uint32_t n = 0; n < 320; ++n) {
    const auto start = Clock::now();
    a.mailer.send(cancel(kB, n));
    ASSERT_TRUE(b.inbox.next());
    b.mailer.send(cancel(kA, n));
    ASSERT_TRUE(a.inbox.next());
    if (n >= 20)
      took.push_back(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start));
  }
  std::ranges::sort(took);
  const auto at = [&](double part) {
    return took[static_cast<std::size_t>(part * static_cast<double>(took.size() - 1))].count();
  };
  std::println("message and answer, warm: median {} us, 90 % {} us, largest {} us", at(0.5),
               at(0.9), at(1));
  EXPECT_LT(at(0.5), 20000);
}

}  // namespace
}  // namespace godwit::grpc_edge
