// Real agents, QEMUs and a real control plane, killed at every row of the shipped tables: held
// there by a gate in their own loops (script.h), not by sleeping. Whatever dies, and wherever, the
// guest runs in one place in the end; its memory is lost only with the one QEMU that had it; its
// one client keeps its connection else, and no reply is wrong; and the gateway never hears two
// nodes at once.
//
// One victim per row here, and all of them with GODWIT_ALL=1. The same on fakes, in seconds:
// src/sim/cluster_test.cc.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <set>

#include "core/migration/ownership.h"
#include "core/migration/takeover.h"
#include "sim/never_taken.h"
#include "tests/kills/cases.h"

namespace godwit::handover {
namespace {

class Kills : public testing::Test {
 protected:
  void SetUp() override {
    if (access("/usr/lib/godwit/kernel/vmlinuz", R_OK) != 0 || getuid() != 0)
      GTEST_SKIP() << "needs root and the workspace's guest kernel";
    set_up();
  }
  void set_up() {
    stage.reset();
    auto made = Stage::make();
    ASSERT_TRUE(made) << to_string(made.error());
    stage = *std::move(made);
  }
  // A case that fails does not hide the others: they get a new stage.
  void kill_at(const Case& at, Victim victim, int moment) {
    const auto start = std::chrono::steady_clock::now();
    if (!stage || stage->node_died()) set_up();
    if (!stage) return;
    const std::string wrong = try_kill(at, victim, moment);
    const auto took = std::chrono::steady_clock::now() - start;
    std::printf("%-36s %-12s moment %d: %4.1f s %s\n", at.row, name(victim), moment,
                std::chrono::duration<double>(took).count(), wrong.c_str());
    std::fflush(stdout);
    if (wrong.empty()) return;
    ADD_FAILURE() << at.row << ", " << name(victim) << ", moment " << moment << ": " << wrong
                  << "\n"
                  << stage->why();
    stage.reset();
  }
  std::string try_kill(const Case& at, Victim victim, int moment) {
    stage->moment = moment;
    if (const std::string before = stage->begin(); !before.empty()) return "before: " + before;
    const auto who = at.reach(*stage);
    if (!who) return "was not reached";
    if (const std::string after = stage->finish(*who, victim); !after.empty()) return after;
    covered.insert(stage->killed_at().begin(), stage->killed_at().end());
    return "";
  }

  std::unique_ptr<Stage> stage;
  std::set<std::string> covered;
};

std::vector<Case> all_cases() {
  std::vector<Case> all;
  for (const auto& some : {takeover_cases(), source_cases(), destination_cases(), control_cases()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

TEST_F(Kills, AtEveryRow) {
  if (!stage) return;
  static constexpr Victim kVictims[] = {Victim::kSelf,      Victim::kQemu,     Victim::kNode,
                                        Victim::kPeerAgent, Victim::kPeerQemu, Victim::kPeerNode,
                                        Victim::kControl};
  const char* const only = std::getenv("GODWIT_KILLS_ROW");  // For whoever looks into one.
  for (const Case& at : all_cases()) {
    if (only && std::string(at.row) != only) continue;
    if (!std::getenv("GODWIT_ALL")) {
      // A restart's case has killed at the row before, too.
      if (only || !covered.contains(at.row)) kill_at(at, at.victim, 1);
      continue;
    }
    for (const Victim victim : kVictims)
      for (int moment = 0; moment < 3; ++moment) kill_at(at, victim, moment);
  }
  if (only) return;
  std::vector<std::string> rows;
  for (const migration::Row& row : migration::agent_rows()) rows.emplace_back(row.name);
  for (const migration::ControlRow& row : migration::control_rows()) rows.emplace_back(row.name);
  for (const std::string& row : rows) {
    const auto reason = sim::never_taken().find(row);
    const bool never = reason != sim::never_taken().end() && !reason->second.fakes_only;
    EXPECT_NE(covered.contains(row), never) << row << ": a row needs a case, or a reason for none";
  }
  std::printf("%zu of %zu rows, the others have a reason\n", covered.size(), rows.size());
}

// A node that dies with its memory, as source and as destination.
TEST_F(Kills, ANodeOfAMove) {
  if (!stage) return;
  const auto find = [](const std::string& row) {
    for (const Case& at : all_cases())
      if (at.row == row) return at;
    return Case{};
  };
  kill_at(find("source.precopy.stopped"), Victim::kNode, 1);
  kill_at(find("destination.incoming.loaded"), Victim::kNode, 2);
}

}  // namespace
}  // namespace godwit::handover
