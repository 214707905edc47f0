// The shipped control plane and agents in seeded storms, and killed at every row of their tables.
#include "sim/cluster.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <format>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/migration/ownership.h"
#include "core/migration/takeover.h"
#include "sim/never_taken.h"
#include "sim/search/planted_bugs.h"

namespace godwit::sim {
namespace {

constexpr int kNodes = 4;
constexpr Weather kCalm{};
constexpr Weather kStorm{.lossy = true,
                         .crashes = 2,
                         .stream_faults = 2,
                         .qemu_deaths = 2,
                         .node_deaths = 1,
                         .moves = 15,
                         .orders = 2,
                         .takeovers = 1};

// Fewer moves come to their end, but processes die at rare places.
constexpr Weather kHail{.lossy = true,
                        .crashes = 20,
                        .stream_faults = 2,
                        .qemu_deaths = 40,
                        .node_deaths = 1,
                        .moves = 15,
                        .orders = 2,
                        .takeovers = 1};

Weather weather_of(std::uint64_t seed) {
  Weather weather = seed % 2 == 0 ? kHail : kStorm;
  weather.unrouted = seed % 4 >= 2;
  return weather;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// How many, in ./check and with GODWIT_ALL. A sanitizer looks for other things than seeds do, and
// takes ten times as long: there it is a tenth, always.
std::uint64_t many(std::uint64_t usual, std::uint64_t all) {
  if (kSanitized) return std::max<std::uint64_t>(usual / 10, 1);
  return std::getenv("GODWIT_ALL") ? all : usual;
}

// Until all is quiet; false: it never is.
bool settle(Cluster& cluster, int most = 60'000) {
  for (int i = 0; i < most && cluster.broken().empty(); ++i) {
    if (cluster.at_rest()) return true;
    cluster.happen(kCalm);
  }
  return false;
}

TEST(Cluster, StormsEndWithOneRunnerAndNothingLost) {
  const std::uint64_t seeds = many(200, 5000);
  std::uint32_t hops = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Cluster cluster(seed, kNodes);
    cluster.create();
    ASSERT_TRUE(settle(cluster)) << "seed " << seed << "\n" << cluster.describe();
    for (int i = 0; i < 5000 && cluster.broken().empty(); ++i) cluster.happen(weather_of(seed));
    ASSERT_EQ(cluster.broken(), "") << "seed " << seed << "\n" << cluster.describe();
    ASSERT_TRUE(settle(cluster)) << "seed " << seed << "\n" << cluster.describe();
    hops += cluster.hops();
  }
  std::printf("%lu storms, %u hand-overs at least\n", seeds, hops);
  EXPECT_GT(hops, seeds);  // Or the storms only ever shook a guest that stood still.
}

// --- Notices -------------------------------------------------------------------------------------

// Instances end 120 s after their notice, one after the other and several at a time, but for one;
// in every other storm the control plane is away all the while. Agents crash, mail is lost, streams
// fail: whoever holds the guest is rid of it in time, and nothing is lost. A crash costs some 10 s
// and what the agent knew of nodes that do not answer; of four in these 120 s no agent makes up
// for.
TEST(Cluster, EveryGuestLeavesBeforeItsInstanceEnds) {
  const Weather weather{.lossy = true, .crashes = 1, .stream_faults = 2, .notices = 30, .moves = 2};
  const std::uint64_t seeds = many(200, 5000);
  int ended = 0, left = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Cluster cluster(seed, kNodes);
    cluster.create();
    ASSERT_TRUE(settle(cluster)) << "seed " << seed << "\n" << cluster.describe();
    if (seed % 2 == 0) cluster.control_goes_away();
    for (int i = 0; i < 8000 && cluster.broken().empty(); ++i) cluster.happen(weather);
    ASSERT_EQ(cluster.broken(), "") << "seed " << seed << "\n" << cluster.describe();
    cluster.control_comes_back();
    ASSERT_TRUE(settle(cluster)) << "seed " << seed << "\n" << cluster.describe();
    ended += cluster.ended();
    left += cluster.left();
  }
  std::printf("%d instances ended, %d of them held the guest when the notice came\n", ended, left);
  EXPECT_GE(left, static_cast<int>(seeds));
}

// --- Planted bugs --------------------------------------------------------------------------------

// A storm shakes only a little of what the search explores; what it finds, it finds in the shipped
// code with its journeys, timers and mail. These eight it must find.
TEST(Cluster, StormsFindPlantedBugs) {
  const std::set<int> expected{1, 7, 9, 16, 19, 20, 25, 26};
  for (const search::PlantedBug& bug : search::planted_bugs()) {
    if (!expected.contains(bug.number)) continue;
    std::string how;
    for (std::uint64_t seed = 1; seed <= 1000 && how.empty(); ++seed) {
      Cluster cluster(seed, kNodes, {bug.rules.agent, bug.rules.control});
      cluster.create();
      for (int i = 0; i < 5000 && cluster.broken().empty(); ++i) cluster.happen(weather_of(seed));
      const bool rests = cluster.broken().empty() && settle(cluster);
      if (rests) continue;
      how = std::format("seed {}: {}", seed,
                        cluster.broken().empty() ? "nobody runs" : cluster.broken());
    }
    EXPECT_NE(how, "") << bug.number << " " << bug.name;
    std::printf("%2d %-55s %s\n", bug.number, bug.name.c_str(), how.c_str());
  }
}

// --- Killed at every row -------------------------------------------------------------------------

std::vector<std::string> rows() {
  std::vector<std::string> names;
  for (const migration::Row& row : migration::agent_rows()) names.emplace_back(row.name);
  for (const migration::ControlRow& row : migration::control_rows()) names.emplace_back(row.name);
  std::erase_if(names, [](const std::string& name) { return never_taken().contains(name); });
  return names;
}

// Seeds whose storm takes the row.
std::map<std::string, std::vector<std::uint64_t>> seeds_of_rows(std::uint64_t seeds) {
  std::map<std::string, std::vector<std::uint64_t>> found;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Cluster cluster(seed, kNodes);
    cluster.create();
    for (int i = 0; i < 5000; ++i) cluster.happen(weather_of(seed));
    for (const auto& [row, times] : cluster.taken()) found[row].push_back(seed);
  }
  return found;
}

// Held at the row, the victim dies; then the weather is calm, and all must come to rest with one
// runner and nothing lost. Returns whether the row was met with such a victim.
bool kill_at(const Hold& hold, std::uint64_t seed, bool& well) {
  Cluster cluster(seed, kNodes);
  cluster.hold(hold);
  cluster.create();
  for (int i = 0; i < 5000 && !cluster.killed() && cluster.broken().empty(); ++i)
    cluster.happen(weather_of(seed));
  if (!cluster.killed()) return false;
  well = settle(cluster);
  EXPECT_TRUE(well) << "row " << hold.row << ", victim " << static_cast<int>(hold.victim)
                    << ", moment " << static_cast<int>(hold.moment) << ", seed " << seed << "\n"
                    << cluster.describe();
  return true;
}

TEST(Cluster, KilledAtEveryRow) {
  static constexpr Victim kVictims[] = {Victim::kSelf,      Victim::kQemu,     Victim::kNode,
                                        Victim::kPeerAgent, Victim::kPeerQemu, Victim::kPeerNode,
                                        Victim::kControl};
  static constexpr Moment kMoments[] = {Moment::kBefore, Moment::kWritten, Moment::kSent};
  if (kSanitized) GTEST_SKIP() << "takes more than 6 minutes; the storms run the same code";
  const std::size_t tries = many(1, 20);
  const auto seeds = seeds_of_rows(many(800, 3000));
  static const std::vector<std::uint64_t> kNone;
  int cases = 0;
  for (const std::string& row : rows()) {
    int met = 0;
    const auto found = seeds.find(row);
    for (const Victim victim : kVictims) {
      for (const Moment moment : kMoments) {
        std::size_t done = 0, tried = 0;
        for (const std::uint64_t seed : found == seeds.end() ? kNone : found->second) {
          if (done == tries || tried++ == 6 * tries) break;
          bool well = true;
          if (kill_at({row, victim, moment}, seed, well)) ++done;
          if (!well) return;
        }
        met += done > 0 ? 1 : 0;
        cases += static_cast<int>(done);
      }
    }
    // Itself at each moment, the control plane at each, and whatever else there is to kill.
    EXPECT_GE(met, 6) << row << ": a row needs a case that kills at it, or a reason";
  }
  std::printf("%d kills\n", cases);
}

}  // namespace
}  // namespace godwit::sim
