// A guest's log files travel whole or not at all, to the node that was meant, over real TLS.
#include "edges/grpc/peer_logs.h"

#include <gtest/gtest.h>

#include <format>
#include <future>
#include <thread>

#include "edges/grpc/mailbox.h"
#include "edges/grpc/peer.h"

namespace godwit::grpc_edge {
namespace {

using namespace std::chrono_literals;

const NodeId kA{"i-a/boot-1"}, kB{"i-b/boot-1"};

// Keeps what comes, and answers as it is told; a held answer never comes.
struct Shelf final : ports::LogReceiver {
  void keep(ports::LogSegment segment, ports::LogDone done) override {
    const std::lock_guard lock(mutex);
    segments.push_back(std::move(segment));
    if (hold) {
      held.push_back(std::move(done));
      arrived.set_value();
      return;
    }
    done(answer);
  }
  std::mutex mutex;
  std::vector<ports::LogSegment> segments;
  std::vector<ports::LogDone> held;
  std::promise<void> arrived;
  Status answer;
  bool hold = false;
};

struct Receiver {
  explicit Receiver(const Credentials& credentials, ports::LogReceiver* shelf)
      : server(PeerServer::start(
                   "127.0.0.1:0", credentials, inbox, [](const std::string&) {}, shelf)
                   .value()) {}
  std::string address() const { return std::format("127.0.0.1:{}", server->port()); }
  Mailbox inbox;
  std::unique_ptr<PeerServer> server;
};

Status send(PeerLogs& logs, const NodeId& to, std::string bytes) {
  std::promise<Status> answer;
  logs.send(to, {GuestId{"web-1"}, std::move(bytes)},
            [&](const Status& status) { answer.set_value(status); });
  auto future = answer.get_future();
  if (future.wait_for(20s) != std::future_status::ready) return unavailable("no answer at all");
  return future.get();
}

TEST(PeerLogs, SegmentsOfAnySizeArriveWhole) {
  const Fleet fleet;
  Shelf shelf;
  const Receiver b(fleet.credentials(kB.value), &shelf);
  PeerLogs logs(fleet.credentials(kA.value));
  logs.set_address(kB, b.address());
  std::vector<std::string> sent;
  for (const std::size_t size : {0u, 1u, 65535u, 65536u, 65537u, 4u << 20}) {
    std::string bytes(size, 'x');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7 + i / 256);
    const Status done = send(logs, kB, bytes);
    ASSERT_TRUE(done) << to_string(done.error());
    sent.push_back(std::move(bytes));
  }
  ASSERT_EQ(shelf.segments.size(), sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ(shelf.segments[i].guest, GuestId{"web-1"});
    EXPECT_TRUE(shelf.segments[i].bytes == sent[i]) << sent[i].size();
  }
}

// The receiver's word is what counts, and only "it is none" is final.
TEST(PeerLogs, TheReceiversAnswerComesBack) {
  const Fleet fleet;
  Shelf shelf;
  const Receiver b(fleet.credentials(kB.value), &shelf), deaf(fleet.credentials(kB.value), nullptr);
  PeerLogs logs(fleet.credentials(kA.value));
  EXPECT_EQ(send(logs, kB, "x").error().code, Code::kNotFound);
  logs.set_address(kB, b.address());
  shelf.answer = fail(Code::kResourceExhausted, "disk full");
  const Status full = send(logs, kB, "x");
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::kUnavailable);
  EXPECT_TRUE(full.error().message.contains("disk full")) << full.error().message;
  shelf.answer = invalid("not a log segment");
  EXPECT_EQ(send(logs, kB, "x").error().code, Code::kInvalidArgument);
  EXPECT_EQ(send(logs, kB, std::string(17 << 20, 'x')).error().code, Code::kInvalidArgument);
  EXPECT_EQ(shelf.segments.size(), 2u);
  logs.set_address(kB, deaf.address());
  EXPECT_EQ(send(logs, kB, "x").error().code, Code::kUnavailable);
}

// A log is not given to whoever has the address now, nor taken from another fleet.
TEST(PeerLogs, StrangersGiveAndGetNothing) {
  const Fleet fleet, strangers;
  Shelf shelf;
  const Receiver c(fleet.credentials("i-c/boot-1"), &shelf);
  PeerLogs logs(fleet.credentials(kA.value)), intruder(strangers.credentials(kA.value));
  logs.set_address(kB, c.address());
  EXPECT_FALSE(send(logs, kB, "x"));
  intruder.set_address(NodeId{"i-c/boot-1"}, c.address());
  EXPECT_FALSE(send(intruder, NodeId{"i-c/boot-1"}, "x"));
  EXPECT_TRUE(shelf.segments.empty());
}

// A receiver that never answers holds up neither end: not the server's, not the sender's.
TEST(PeerLogs, BothEndsCanGoWhileAnAnswerIsOut) {
  const Fleet fleet;
  for (const bool server_first : {true, false}) {
    Shelf shelf;
    shelf.hold = true;
    auto b = std::make_unique<Receiver>(fleet.credentials(kB.value), &shelf);
    auto logs = std::make_unique<PeerLogs>(fleet.credentials(kA.value));
    logs->set_address(kB, b->address());
    std::promise<Status> answer;
    logs->send(kB, {GuestId{"web-1"}, "x"},
               [&](const Status& status) { answer.set_value(status); });
    ASSERT_EQ(shelf.arrived.get_future().wait_for(20s), std::future_status::ready);
    if (server_first) {
      b.reset();
    } else {
      logs.reset();
    }
    auto future = answer.get_future();
    ASSERT_EQ(future.wait_for(20s), std::future_status::ready);
    EXPECT_FALSE(future.get());
    shelf.held.at(0)(Status{});  // Too late, and harmless.
  }
}

}  // namespace
}  // namespace godwit::grpc_edge
