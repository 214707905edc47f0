// The measurement measures: one real move, one window, one pair give numbers for every column, and
// the text and JSON say what the values say. No figure is asserted: that is the bench's own word.
#include "bench/migration/bench.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>

namespace godwit::bench {
namespace {

MoveRow row(Arm arm, double downtime, std::uint64_t paused) {
  return {.arm = arm, .paused_bytes = paused, .downtime_ms = downtime, .gap_ms = downtime + 50};
}

TEST(Report, MediansAndRatios) {
  EXPECT_EQ(median({}), 0);
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  Measured m{.moves = {row(Arm::kOurs, 100, 1)}, .windows = {{500, 40}}};
  EXPECT_EQ(figures(m).gap_ms_moves, 150);
  EXPECT_EQ(figures(m).gap_ms_windows, 40);
  EXPECT_TRUE(figures(m).held);
  EXPECT_FALSE(figures(m).downtime_ratio);
  m.link_mbit = 100;
  m.paired = {row(Arm::kOurs, 200, 300), row(Arm::kPlain, 400, 1000)};
  EXPECT_EQ(figures(m).downtime_ratio, 0.5);
  EXPECT_EQ(figures(m).paused_bytes_ratio, 0.3);
  EXPECT_TRUE(figures(m).held);
}

TEST(Report, AFigureThatDoesNotHoldIsTold) {
  const Measured good{.moves = {row(Arm::kOurs, 900, 1)},
                      .windows = {{500, 0}},
                      .paired = {row(Arm::kOurs, 80, 30), row(Arm::kPlain, 100, 100)},
                      .link_mbit = 100};
  EXPECT_TRUE(figures(good).held);
  Measured slow = good, heavy = good, long_stop = good, wrong = good, nothing = good;
  slow.moves = {row(Arm::kOurs, 1000, 1)};
  heavy.paired[0].paused_bytes = 31;
  long_stop.paired[0].downtime_ms = 81;
  wrong.wrong = 1;
  nothing.paired.clear();
  for (const Measured& bad : {slow, heavy, long_stop, wrong, nothing}) {
    EXPECT_FALSE(figures(bad).held);
    EXPECT_TRUE(to_text(bad).contains("DOES NOT HOLD"));
    EXPECT_FALSE(to_json(bad)["figures"]["held"].boolean(true));
  }
}

TEST(Timeline, ThePartsOfAPauseAddUp) {
  const std::string a =
      "900 5 switched\n1100 1000 close-mirror\n1300 1000 switched\n1350 1500 continue\n"
      "2000 9000 grant\n";
  const std::string b = "1800 7 loaded\n2100 7 run\n";
  const auto pause = pause_of(a, b, 1000, 2500);
  ASSERT_TRUE(pause) << to_string(pause.error());
  EXPECT_DOUBLE_EQ(pause->switched, 0.2);
  EXPECT_DOUBLE_EQ(pause->rest, 0.45);
  EXPECT_EQ(pause->wire_bytes, 8000U);
  EXPECT_DOUBLE_EQ(pause->stop + pause->switched + pause->mirror + pause->rest + pause->grant +
                       pause->accepted + pause->resume,
                   1.5);
  EXPECT_FALSE(pause_of(a, "", 1000, 2500));
  EXPECT_FALSE(pause_of("", b, 1000, 2500));
}

TEST(MigrationBench, OneMoveOneWindowOnePair) {
  if (access("/usr/lib/godwit/kernel/vmlinuz", R_OK) != 0 || getuid() != 0)
    GTEST_SKIP() << "needs root and the workspace's guest kernel";
  const auto measured =
      measure({.moves = 1, .baseline = true, .link_mbit = 400}, BENCH_AGENT, WITNESS_IMAGE,
              [](const std::string& line) { std::printf("%s\n", line.c_str()); });
  ASSERT_TRUE(measured) << to_string(measured.error());
  const auto parsed = json::parse(to_json(*measured).dump());
  ASSERT_TRUE(parsed);
  const json::Value& out = *parsed;
  ASSERT_EQ(out["moves"].array().size(), 1U);
  ASSERT_EQ(out["windows"].array().size(), 1U);
  ASSERT_EQ(out["paired"]["moves"].array().size(), 2U);
  EXPECT_EQ(out["paired"]["moves"].at(0)["arm"].text(), "ours");
  EXPECT_EQ(out["paired"]["moves"].at(1)["arm"].text(), "plain");
  for (const json::Value& moves : {out["moves"], out["paired"]["moves"]})
    for (const json::Value& move : moves.array()) {
      for (const char* column : {"bytes", "total_ms", "downtime_ms", "client_gap_ms",
                                 "paused_bytes", "paused_wire_bytes"})
        EXPECT_GT(move[column].number(), 0) << column;
      // The memory is incompressible: less was not sent.
      EXPECT_GT(move["bytes"].number(), 100.0 * (1 << 20));
    }
  EXPECT_GT(out["windows"].at(0)["client_gap_ms"].number(), 0);
  EXPECT_GT(out["load"]["memory_bytes_per_second"].number(), 0);
  EXPECT_GT(out["load"]["disk_bytes_per_second"].number(), 0);
  EXPECT_GT(out["client"]["replies"].number(), 0);
  EXPECT_EQ(out["client"]["wrong"].number(-1), 0);
  EXPECT_EQ(out["client"]["reconnects"].number(-1), 0);
}

}  // namespace
}  // namespace godwit::bench
