// Real agents and real QEMUs, killed at a row of the ownership table: held there by the agent's own
// loop, not by sleeping. Whatever row an agent dies at, and at whatever moment of it, the guest
// runs in one place in the end, its one client keeps its connection, and no reply is wrong.
//
// The same kills of every row, with QEMUs, nodes and the control plane among the victims, are done
// on fakes in src/sim/cluster_test.cc. GODWIT_ALL=1: every moment of each row.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "tests/handover/rig.h"

namespace godwit::handover {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kNodes = 2;

struct Case {
  const char* row;
  bool at_source;  // Else at the destination of the move.
};

// Rows that a move takes, in its order.
constexpr Case kRows[] = {
    {"source.still.move", true},        {"destination.idle.prepare", false},
    {"source.precopy.stopped", true},   {"destination.incoming.loaded", false},
    {"destination.spare.grant", false}, {"destination.taken.ran", false},
    {"source.granted.ack", true},       {"any.discarding.discarded", true},
};

class Kills : public testing::Test {
 protected:
  void SetUp() override {
    if (access("/usr/lib/godwit/kernel/vmlinuz", R_OK) != 0 || getuid() != 0)
      GTEST_SKIP() << "needs root and the workspace's guest kernel";
    auto made = Rig::make(kNodes, HELD_AGENT, WITNESS_IMAGE);
    ASSERT_TRUE(made) << to_string(made.error());
    rig = *std::move(made);
    for (int node = 0; node < kNodes; ++node) ASSERT_TRUE(rig->start_agent(node));
    ASSERT_TRUE(rig->start_guest(0)) << rig->log_of(0);
    client = rig->connect();
    ASSERT_TRUE(client) << rig->log_of(0);
  }

  // Started again with a hold at the row, an agent's death in peace is no harm.
  bool hold(int node, const char* row, int moment) {
    std::error_code ignored;
    fs::remove(held(), ignored);
    rig->kill_agent(node);
    return rig
        ->start_agent(
            node, {std::string("GODWIT_HOLD_ROW=") + row,
                   "GODWIT_HOLD_MOMENT=" + std::to_string(moment), "GODWIT_HOLD_FILE=" + held()})
        .has_value();
  }
  std::string held() const { return rig->folder() + "/held"; }

  // Wishes the move until the agent stands at the row.
  bool reach(int from, int to) {
    for (int i = 0; i < 300; ++i) {
      if (fs::exists(held())) return true;
      if (i % 10 == 0) rig->send(from, ports::Move{rig->name(to)});
      std::this_thread::sleep_for(milliseconds{100});
    }
    return false;
  }

  // Exactly one node has a running guest, by its own word, and the client's replies go on.
  std::optional<int> settle() {
    const auto settled = [&](const Rig::Reports& reports) {
      int holders = 0;
      for (const auto& [node, r] : reports)
        holders += r.role == ports::RoleName::kHolds && r.held == r.epoch ? 1 : 0;
      return holders == 1;
    };
    for (int i = 0; i < 300; ++i) {
      for (int node = 0; node < kNodes; ++node) rig->send(node, ports::AskReport{});
      std::this_thread::sleep_for(milliseconds{200});
      if (!rig->await(settled, seconds{1})) continue;
      const std::uint64_t before = client->tally().replies;
      std::this_thread::sleep_for(milliseconds{500});
      const bool one = rig->qemu_runs(0) != rig->qemu_runs(1);
      if (one && client->tally().replies > before + 20) return rig->qemu_runs(0) ? 0 : 1;
    }
    return std::nullopt;
  }

  void kill_at(const Case& at, int moment, bool qemu_too = false) {
    const int from = *settle(), to = 1 - from;
    const int victim = at.at_source ? from : to;
    ASSERT_TRUE(hold(victim, at.row, moment));
    ASSERT_TRUE(reach(from, to)) << at.row << " was not reached\n" << rig->log_of(victim);
    rig->kill_agent(victim);
    if (qemu_too) rig->kill_qemu(victim);
    ASSERT_TRUE(rig->start_agent(victim));
    const auto now = settle();
    ASSERT_TRUE(now) << at.row << ", moment " << moment << "\n--- 0\n"
                     << rig->log_of(0) << "\n--- 1\n"
                     << rig->log_of(1);
    if (qemu_too) {
      EXPECT_EQ(*now, from) << "the source runs on";
    }
    const Client::Tally tally = client->tally();
    EXPECT_EQ(tally.wrong, 0U) << at.row << ": " << tally.first_wrong;
    std::printf("%-30s moment %d: was on %d, is on %d, %lu replies, 0 wrong\n", at.row, moment,
                from, *now, tally.replies);
  }

  std::unique_ptr<Rig> rig;
  std::unique_ptr<Client> client;
};

TEST_F(Kills, AnAgentAtEachRowOfAMove) {
  if (!client) return;
  for (const Case& at : kRows) {
    for (int moment = 0; moment < 3; ++moment) {
      if (moment != 1 && !std::getenv("GODWIT_ALL")) continue;
      ASSERT_NO_FATAL_FAILURE(kill_at(at, moment));
    }
  }
}

// It has all and has not said so: without its QEMU the source gives up waiting and runs on.
TEST_F(Kills, ADestinationWithItsQemuBeforeTheGrant) {
  if (!client) return;
  for (int i = 0; i < (std::getenv("GODWIT_ALL") ? 3 : 1); ++i)
    ASSERT_NO_FATAL_FAILURE(kill_at({"destination.incoming.loaded", false}, 0, true));
}

}  // namespace
}  // namespace godwit::handover
