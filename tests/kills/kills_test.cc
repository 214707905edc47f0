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

struct Group {
  const char* name;
  std::vector<Case> (*cases)();
  friend void PrintTo(const Group& group, std::ostream* out) { *out << group.name; }
};
constexpr Group kGroups[] = {{"takeover", takeover_cases},
                             {"source", source_cases},
                             {"destination", destination_cases},
                             {"control", control_cases}};

class Kills : public testing::TestWithParam<Group> {
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

// In groups, each with a stage of its own, so that they can be run beside each other.
TEST_P(Kills, AtEveryRow) {
  if (!stage) return;
  static constexpr Victim kVictims[] = {Victim::kSelf,      Victim::kQemu,     Victim::kNode,
                                        Victim::kPeerAgent, Victim::kPeerQemu, Victim::kPeerNode,
                                        Victim::kControl};
  const char* const only = std::getenv("GODWIT_KILLS_ROW");  // For whoever looks into one.
  for (const Case& at : GetParam().cases()) {
    if (only && std::string(at.row) != only) continue;
    if (!std::getenv("GODWIT_ALL")) {
      // A restart's case has killed at the row before, too.
      if (only || !covered.contains(at.row)) kill_at(at, at.victim, 1);
    } else {
      for (const Victim victim : kVictims)
        for (int moment = 0; moment < 3; ++moment) kill_at(at, victim, moment);
    }
    EXPECT_TRUE(covered.contains(at.row)) << at.row << ": nobody was killed there";
  }
}
INSTANTIATE_TEST_SUITE_P(, Kills, testing::ValuesIn(kGroups),
                         [](const auto& group) { return std::string(group.param.name); });

TEST(KillCases, EveryRowHasOneOrAReason) {
  std::set<std::string> covered{Stage::kBirth};
  for (const Group& group : kGroups)
    for (const Case& at : group.cases()) covered.insert(at.row);
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

class NodeKills : public Kills {};

// A node that dies with its memory, as source and as destination.
TEST_P(NodeKills, OfAMove) {
  if (!stage) return;
  for (const Case& at : GetParam().cases()) {
    if (at.row == std::string("source.precopy.stopped")) kill_at(at, Victim::kNode, 1);
    if (at.row == std::string("destination.incoming.loaded")) kill_at(at, Victim::kNode, 2);
  }
  EXPECT_FALSE(covered.empty());
}
INSTANTIATE_TEST_SUITE_P(, NodeKills, testing::Values(kGroups[1], kGroups[2]),
                         [](const auto& group) { return std::string(group.param.name); });

}  // namespace
}  // namespace godwit::handover
