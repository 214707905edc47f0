// A guest passes between real agents with real QEMUs while a client outside holds one TCP
// connection to it and checks every reply. GODWIT_BUILD names the build directory.
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/handover/rig.h"

namespace godwit::handover {
namespace {

using std::chrono::seconds;

class Handover : public testing::Test {
 protected:
  void start(int nodes) {
    if (access("/usr/lib/godwit/kernel/vmlinuz", R_OK) != 0 || getuid() != 0)
      GTEST_SKIP() << "needs root and the workspace's guest kernel";
    auto made = Rig::make(nodes, AGENT_PROGRAM, WITNESS_IMAGE);
    ASSERT_TRUE(made) << to_string(made.error());
    rig = *std::move(made);
    for (int node = 0; node < nodes; ++node) ASSERT_TRUE(rig->start_agent(node));
    ASSERT_TRUE(rig->start_guest(0)) << rig->log_of(0);
    client = rig->connect();
    ASSERT_TRUE(client) << rig->log_of(0);
  }
  void expect_unharmed(std::uint64_t more) {
    const std::uint64_t before = client->tally().replies;
    for (int i = 0; i < 600 && client->tally().replies < before + more; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds{50});
    const Client::Tally tally = client->tally();
    EXPECT_GE(tally.replies, before + more);
    EXPECT_EQ(tally.wrong, 0U) << tally.first_wrong;
  }
  void TearDown() override {
    if (!rig || !HasFailure()) return;
    for (int node = 0; node < 3; ++node)
      std::printf("--- agent %d\n%s\n", node, rig->log_of(node).c_str());
  }
  std::unique_ptr<Rig> rig;
  std::unique_ptr<Client> client;
};

TEST_F(Handover, ThereAndBackOverOneConnection) {
  start(2);
  if (!client) return;
  for (const auto& [from, to] : {std::pair{0, 1}, {1, 0}, {0, 1}}) {
    client->mark();
    const Move move = rig->move(from, to);
    ASSERT_TRUE(move.done) << move.why;
    expect_unharmed(20);
    EXPECT_FALSE(rig->qemu_runs(from));
    EXPECT_GT(move.downtime.count(), 0);
    std::printf(
        "%d -> %d: total %lld ms, downtime %.1f ms, gap %lld ms, %llu bytes, %llu stopped\n", from,
        to, static_cast<long long>(move.total.count()),
        static_cast<double>(move.downtime.count()) / 1000,
        static_cast<long long>(client->tally().gap_max.count()),
        static_cast<unsigned long long>(move.bytes),
        static_cast<unsigned long long>(move.bytes_while_stopped));
  }
}

// The agent dies; its guest does not. After the restart the agent finds it again and can move it.
TEST_F(Handover, AnAgentsDeathIsNotItsGuests) {
  start(2);
  if (!client) return;
  rig->kill_agent(0);
  expect_unharmed(50);
  EXPECT_TRUE(rig->qemu_runs(0));
  ASSERT_TRUE(rig->start_agent(0));
  const Move move = rig->move(0, 1);
  ASSERT_TRUE(move.done) << move.why;
  expect_unharmed(20);
}

// Without the destination there is no move, and no harm: the source gives up and runs on.
TEST_F(Handover, ADeadDestinationLeavesTheGuestWhereItIs) {
  start(2);
  if (!client) return;
  ASSERT_TRUE(rig->kill_node(1));
  const Move move = rig->move(0, 1);
  EXPECT_FALSE(move.done);
  expect_unharmed(50);
  EXPECT_TRUE(rig->qemu_runs(0));
}

}  // namespace
}  // namespace godwit::handover
