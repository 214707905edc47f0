// The journal puts together what is told of moves in any order, keeps it in rows, and is bounded.
#include "control/journal.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ports/fake_store.h"

namespace godwit::control {
namespace {

using std::chrono::seconds;

const Time kNow{std::chrono::hours{1000}};
const NodeId kA{"n-a"}, kB{"n-b"}, kC{"n-c"};
const GuestId kGuest{"web-1"};

std::int64_t us(Time at) { return at.time_since_epoch().count(); }

// As the destination tells it, at whose RESUME `at` was.
ports::Moved story(const NodeId& source, std::uint32_t number, ports::EpochName epoch, Time at) {
  return {.attempt = {source, number},
          .done = true,
          .begun_us = us(at - seconds{10}),
          .stopped_us = us(at) - 300'000,
          .resumed_us = us(at),
          .bytes = 1000 * number + epoch.hop,
          .epoch = epoch};
}

void keep(Journal& journal, ports::FakeStoreDisk& disk) {
  Step step;
  if (journal.changed()) journal.write(step);
  ports::FakeStore store(disk);
  ASSERT_TRUE(store.commit(disk.rows.version, step.writes));
}

// There and back and there again: whatever the order of stories and arrivals, each move has its own
// numbers.
TEST(Journal, MovesBetweenTheSameNodesAreNotMixedUp) {
  std::vector<int> order{0, 1, 2, 3, 4, 5};
  do {
    Journal journal;
    const NodeId places[] = {kA, kB, kA, kB};
    int arrived = 0;
    for (const int what : order) {
      if (what < 3) {
        // Arrivals come in their order, which is what `arrived` counts.
        const auto hop = static_cast<std::uint32_t>(++arrived);
        journal.arrived(kGuest, places[hop - 1], places[hop], true, "cheaper", {1, hop},
                        kNow + seconds{hop * 20});
      } else {
        const auto hop = static_cast<std::uint32_t>(what - 2);
        journal.told(kGuest,
                     story(places[hop - 1], (hop + 1) / 2, {1, hop}, kNow + seconds{hop * 20}));
      }
    }
    ASSERT_EQ(journal.moves().size(), 3U);
    for (std::uint32_t hop = 1; hop <= 3; ++hop) {
      const ports::MoveView& move = journal.moves()[hop - 1];
      ASSERT_EQ(move.bytes, 1000 * ((hop + 1) / 2) + hop);
      ASSERT_EQ(move.resumed_us - move.stopped_us, 300'000);
      ASSERT_EQ(move.attempt, (ports::AttemptName{places[hop - 1], (hop + 1) / 2}));
    }
  } while (std::ranges::next_permutation(order).found);
}

// The agents moved it while nobody listened: it took from their beginning to RESUME.
TEST(Journal, AMoveThatIsHeardOfLateHasItsOwnTimes) {
  Journal journal;
  journal.arrived(kGuest, kA, kB, true, "notice", {1, 1}, kNow);
  const Time resumed = kNow - seconds{60};
  journal.told(kGuest, story(kA, 1, {1, 1}, resumed));
  EXPECT_EQ(journal.moves()[0].began, resumed - seconds{10});
  EXPECT_EQ(journal.moves()[0].ended, resumed);
  // One that was ordered began with the order.
  journal.begin(kGuest, kB, kC, "drain", kNow);
  journal.arrived(kGuest, kB, kC, true, "drain", {1, 2}, kNow + seconds{30});
  journal.told(kGuest, story(kB, 1, {1, 2}, kNow + seconds{29}));
  EXPECT_EQ(journal.moves()[1].began, kNow);
  EXPECT_EQ(journal.moves()[1].ended, kNow + seconds{29});
  journal.told(kGuest, {.done = true, .bytes = 7});  // Of no attempt: of no move.
  EXPECT_EQ(journal.moves()[1].bytes, 1002U);
}

TEST(Journal, ASuccessorGoesOnFromTheRows) {
  ports::FakeStoreDisk disk;
  Journal first;
  first.add(kNow, {}, kGuest, kA, "notice", "text");
  first.begin(kGuest, kA, kB, "notice", kNow);
  keep(first, disk);
  EXPECT_FALSE(first.changed());
  first.begin(kGuest, kA, kB, "notice", kNow);  // The same; nothing is written.
  EXPECT_FALSE(first.changed());

  Journal next;
  next.restart(disk.rows);
  EXPECT_FALSE(next.changed());
  EXPECT_EQ(next.events({}), first.events({}));
  EXPECT_TRUE(next.last_of(kA, "notice") == false) << "it was about the guest";
  next.arrived(kGuest, kA, kB, true, "notice", {1, 1}, kNow);
  next.told(kGuest, story(kA, 1, {1, 1}, kNow));
  ASSERT_EQ(next.moves().size(), 1U) << "it was under way";
  EXPECT_EQ(next.add(kNow, {}, {}, kA, "dead", "").number, 2U);
  keep(next, disk);
  EXPECT_EQ(disk.rows.moves.at(1).bytes, 1001U);
  next.told(kGuest, story(kA, 1, {1, 1}, kNow));
  EXPECT_FALSE(next.changed()) << "told again, it is no news";
}

TEST(Journal, IsBounded) {
  ports::FakeStoreDisk disk;
  Journal journal;
  for (std::uint64_t i = 0; i < ports::kJournalKept + 5; ++i) {
    journal.add(kNow, {}, {}, kA, "r", "t");
    journal.arrived(kGuest, kA, kB, false, "loss", {}, kNow);
  }
  EXPECT_EQ(journal.moves().size(), ports::kJournalKept);
  keep(journal, disk);
  EXPECT_EQ(disk.rows.events.size(), ports::kJournalKept);
  EXPECT_EQ(disk.rows.moves.size(), ports::kJournalKept);
  EXPECT_EQ(disk.rows.events.begin()->first, 6U);
}

}  // namespace
}  // namespace godwit::control
