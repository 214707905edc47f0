// The shipped ownership tables hold S1 to S6 in every world within the bounds, and each planted bug
// is found. GODWIT_ALL=1: larger bounds.
#include "sim/search/search.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "sim/search/planted_bugs.h"

namespace godwit::search {
namespace {

constexpr NodeSet kAbc{7}, kBc{6}, kB{2};

struct Extent {
  const char* name;
  Bounds bounds;
  bool always;  // Not only with GODWIT_ALL.
};

Bounds without_crashes(Bounds bounds) {
  bounds.agent_crashes = false;
  return bounds;
}

const std::vector<Extent>& extents() {
  static const std::vector<Extent> all{
      {"crashes, two deaths, orders that narrow the set", within(1, 2, 2, 0, 0, 0, {kAbc, kBc, kB}),
       true},
      {"a QEMU ends", within(1, 2, 1, 1, 0, 0, {kAbc}), true},
      {"two moves without a takeover by wish", within(2, 1, 1, 1, 0, 1, {kAbc}), true},
      {"checkpoints", within(0, 2, 1, 0, 2, 0, {kAbc}), true},
      {"checkpoints and a move, no crash", without_crashes(within(1, 2, 1, 0, 1, 0, {kAbc})), true},
      {"checkpoints and a move", within(1, 2, 2, 0, 1, 0, {kAbc, kBc, kB}), false},
      {"a QEMU ends, two deaths", within(1, 2, 2, 1, 0, 0, {kAbc, kBc, kB}), false},
      {"all faults", within(1, 2, 1, 1, 1, 1, {kAbc}), false},
      {"two moves, two generations", within(2, 2, 1, 0, 0, 0, {kAbc}), false},
  };
  return all;
}

std::string tell(const Violation& v) {
  std::string text = v.property + "\n";
  for (std::size_t i = 0; i < v.story.size(); ++i)
    text += std::to_string(i + 1) + ". " + v.story[i] + "\n";
  return text + v.world;
}

// Rows that no world of the search takes, each with its reason.
const std::set<std::string> kNotTaken{
    // The network forgets nothing, so nobody needs to say anything twice.
    "source.precopy.repeat", "source.resuming.repeat", "source.granted.repeat",
    "destination.spare.repeat", "destination.taken.repeat", "control.order.repeat",
    "control.takeover.repeat", "control.taken.repeat", "takeover.any.ask_report",
    // Nobody wishes a deletion here: it ends the guest, and every property is about one that lives.
    // It seals like a takeover; asked_test.cc of the agent does it in each place.
    "forget.any.forget", "forget.any.known", "forget.discarding.discarded",
    // Booting fails as its QEMU ends, which is source.any.qemu_gone.
    "takeover.booting.failed", "restart.idle.prelaunch",
    // Nothing in this protocol leads there; the agent would exit and say so.
    "restart.granted.running", "restart.granted.sending", "restart.holds.incoming",
    "restart.granted.incoming", "restart.granted.prelaunch", "restart.granted.loaded",
    "restart.idle.running", "restart.idle.sending"};

TEST(OwnershipSearch, TheShippedTablesHold) {
  std::set<std::string> taken;
  for (const Extent& extent : extents()) {
    if (!extent.always && !std::getenv("GODWIT_ALL")) continue;
    const Found found = explore(shipped_rules(), extent.bounds, {});
    std::printf(
        "%-60s %9lu worlds %10lu steps; nobody runs: agents suffice in %lu, control is "
        "needed in %lu\n",
        extent.name, found.worlds, found.transitions, found.agents_suffice, found.control_needed);
    std::fflush(stdout);
    ASSERT_FALSE(found.violation) << extent.name << "\n" << tell(*found.violation);
    EXPECT_TRUE(found.exhausted);
    taken.insert(found.rows.begin(), found.rows.end());
  }
  // A row that is never taken is not searched: a new one needs a world that takes it, or a reason.
  const Rules rules = shipped_rules();
  for (const Row& row : rules.agent)
    EXPECT_NE(taken.contains(row.name), kNotTaken.contains(row.name)) << row.name;
  for (const ControlRow& row : rules.control)
    EXPECT_NE(taken.contains(row.name), kNotTaken.contains(row.name)) << row.name;
}

class Planted : public testing::TestWithParam<PlantedBug> {};

TEST_P(Planted, IsFound) {
  const PlantedBug& bug = GetParam();
  const Found found = explore(bug.rules, bug.bounds, {.liveness = bug.liveness});
  if (bug.harmless) {
    EXPECT_TRUE(found.exhausted) << tell(found.violation.value_or(Violation{}));
    return;
  }
  ASSERT_TRUE(found.violation) << bug.name << ": not found in " << found.worlds << " worlds";
  std::printf("%2d %-55s %8lu worlds, %d steps: %s\n", bug.number, bug.name.c_str(), found.worlds,
              found.violation->steps, found.violation->property.c_str());
}

INSTANTIATE_TEST_SUITE_P(Bugs, Planted, testing::ValuesIn(planted_bugs()),
                         [](const auto& info) { return std::to_string(info.param.number); });

}  // namespace
}  // namespace godwit::search
