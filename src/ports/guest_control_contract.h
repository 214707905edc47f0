// What every GuestControl must do, as typed tests. Goal: commands in order, each answered by its
// own event, and a log that is whole on whatever node it was written. Method: one guest, two nodes.
//
// A Rig has: `GuestControl& node(int n)`; `std::optional<GuestAnswer> next(int n)`, the next event
// of that node or nothing when none comes any more; `void print(int lines)`, `void fall_behind
// (Duration)` of the guest; `std::vector<std::uint64_t> log(int n)`, the numbers of the lines in
// the node's files, in their order; `void restart_agent(int n)`, as by a crash: files stay; `NodeId
// name(int n)`. Node 0 can reach the guest until `move()`, then node 1 and not node 0.
#pragma once

#include <gtest/gtest.h>

#include <format>
#include <numeric>
#include <optional>
#include <vector>

#include "ports/guest_control.h"

namespace godwit::ports {

template <class Rig>
class GuestControlContract : public testing::Test {
 protected:
  template <class T>
  std::optional<T> expect(int n) {
    while (auto answer = rig_.next(n)) {
      if (const auto* state = std::get_if<ContainerState>(&*answer)) state_ = *state;
      if (auto* wanted = std::get_if<T>(&*answer)) return *wanted;
      if (auto* failed = std::get_if<GuestFailed>(&*answer)) {
        ADD_FAILURE() << failed->command << ": " << to_string(failed->error);
        return std::nullopt;
      }
    }
    return std::nullopt;
  }
  template <class T>
  std::optional<T> ask(int n, GuestCommand command) {
    rig_.node(n).submit(guest_, std::move(command));
    return expect<T>(n);
  }
  std::optional<GuestFailed> refusal(int n, GuestCommand command) {
    rig_.node(n).submit(guest_, std::move(command));
    while (auto answer = rig_.next(n))
      if (auto* failed = std::get_if<GuestFailed>(&*answer)) return *failed;
    return std::nullopt;
  }
  std::optional<ContainerState> phase(int n, ContainerPhase wanted) {
    // It may have come before the answer that was waited for.
    while (state_.phase != wanted && expect<ContainerState>(n)) continue;
    return state_.phase == wanted ? std::optional(state_) : std::nullopt;
  }
  void attach(int n) {
    const auto connected = ask<Connected>(n, Attach{});
    ASSERT_TRUE(connected);
    EXPECT_FALSE(connected->boot.empty());
    ASSERT_TRUE(expect<ContainerState>(n));
  }
  void start(int n) {
    ASSERT_NO_FATAL_FAILURE(attach(n));
    ASSERT_TRUE(ask<ClockWasSet>(n, SetClock{}));
    ASSERT_TRUE(ask<ContainerStarted>(n, StartContainer{container()}));
  }
  // Lines 1 to `last`, once each, in order.
  void expect_log(int n, std::uint64_t last) {
    std::vector<std::uint64_t> whole(last);
    std::iota(whole.begin(), whole.end(), std::uint64_t{1});
    std::vector<std::uint64_t> log = rig_.log(n);
    for (int i = 0; i < 500 && log.size() < whole.size(); ++i) {
      rig_.settle();
      log = rig_.log(n);
    }
    EXPECT_EQ(log, whole);
  }
  static Container container() {
    Container c;
    c.argv = {"app", "serve"};
    c.restart = RestartPolicy::kAlways;
    return c;
  }

  Rig rig_;
  ContainerState state_;  // The newest that was seen.
  const GuestId guest_{"g1"};
};

TYPED_TEST_SUITE_P(GuestControlContract);

TYPED_TEST_P(GuestControlContract, StartsAContainerOnceAndStopsIt) {
  ASSERT_NO_FATAL_FAILURE(this->start(0));
  const auto running = this->phase(0, ContainerPhase::kRunning);
  ASSERT_TRUE(running);
  EXPECT_EQ(running->runs, 1u);
  ASSERT_TRUE(this->template ask<ContainerStarted>(0, StartContainer{this->container()}));
  ASSERT_TRUE(this->template ask<Signalled>(0, Signal{10}));
  ASSERT_TRUE(this->template ask<ContainerStopping>(0, StopContainer{1000}));
  const auto ended = this->phase(0, ContainerPhase::kEnded);
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->runs, 1u);
  EXPECT_EQ(ended->exit_status, 3);
  const auto again = this->refusal(0, Signal{10});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->command, "Signal");
  EXPECT_EQ(again->error.code, Code::kFailedPrecondition);
}

TYPED_TEST_P(GuestControlContract, SetsTheClock) {
  using std::chrono::milliseconds;
  ASSERT_NO_FATAL_FAILURE(this->attach(0));
  this->rig_.fall_behind(milliseconds{1500});
  const auto set = this->template ask<ClockWasSet>(0, SetClock{});
  ASSERT_TRUE(set);
  EXPECT_GE(set->behind, milliseconds{1400});
  EXPECT_EQ(set->behind, set->stepped);
  const auto again = this->template ask<ClockWasSet>(0, SetClock{});
  ASSERT_TRUE(again);
  EXPECT_LT(again->behind, milliseconds{100});
  EXPECT_LT(std::chrono::abs(again->ahead), milliseconds{100});
}

TYPED_TEST_P(GuestControlContract, RunsPrograms) {
  ASSERT_NO_FATAL_FAILURE(this->start(0));
  for (const auto& [program, status, out] :
       {std::tuple{"show", 0, "shown\n"}, std::tuple{"exit", 7, ""}}) {
    const auto done = this->template ask<Executed>(0, Exec{.id = program, .argv = {program}});
    ASSERT_TRUE(done);
    EXPECT_EQ(done->id, program);
    EXPECT_EQ(done->exit_status, status);
    EXPECT_EQ(done->out, out);
  }
  const auto missing = this->template ask<Executed>(0, Exec{.id = "x", .argv = {"nothing"}});
  ASSERT_TRUE(missing);
  EXPECT_EQ(missing->error, "nothing: run: No such file or directory");
}

// Who is not attached is told so at once, not after a time.
TYPED_TEST_P(GuestControlContract, NothingWithoutAttach) {
  for (const GuestCommand& command :
       {GuestCommand{SetClock{}}, GuestCommand{StartContainer{this->container()}},
        GuestCommand{Signal{10}}, GuestCommand{StopContainer{}},
        GuestCommand{Exec{.id = "7", .argv = {"show"}}}}) {
    const auto failed = this->refusal(0, command);
    ASSERT_TRUE(failed);
    EXPECT_EQ(failed->error.code, Code::kFailedPrecondition);
    EXPECT_EQ(failed->exec_id, std::holds_alternative<Exec>(command) ? "7" : "");
  }
  ASSERT_NO_FATAL_FAILURE(this->attach(0));
  this->rig_.node(0).submit(this->guest_, Detach{});
  EXPECT_TRUE(this->refusal(0, SetClock{}));
}

// The agent is killed and comes back: the same container, the same log.
TYPED_TEST_P(GuestControlContract, AgentsMayRestart) {
  ASSERT_NO_FATAL_FAILURE(this->start(0));
  this->rig_.print(100);
  ASSERT_NO_FATAL_FAILURE(this->expect_log(0, 100));
  this->rig_.restart_agent(0);
  this->rig_.print(100);
  ASSERT_TRUE(this->template ask<Connected>(0, Attach{}));
  const auto running = this->phase(0, ContainerPhase::kRunning);
  ASSERT_TRUE(running);
  EXPECT_EQ(running->runs, 1u);
  this->expect_log(0, 200);
}

// The lines of before a move are on the source, those after it on the destination; SendLogs puts
// them together, also when the source's agent is killed before, and when the guest comes back.
TYPED_TEST_P(GuestControlContract, TheLogFollowsTheGuest) {
  ASSERT_NO_FATAL_FAILURE(this->start(0));
  this->rig_.print(300);
  ASSERT_NO_FATAL_FAILURE(this->expect_log(0, 300));
  this->rig_.node(0).submit(this->guest_, Detach{});
  this->rig_.move();
  this->rig_.print(300);
  ASSERT_NO_FATAL_FAILURE(this->attach(1));
  this->rig_.node(0).submit(this->guest_, SendLogs{this->rig_.name(1)});
  this->rig_.restart_agent(0);
  const auto sent = this->template ask<LogsSent>(0, SendLogs{this->rig_.name(1)});
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->to, this->rig_.name(1));
  EXPECT_TRUE(this->rig_.log(0).empty());
  ASSERT_NO_FATAL_FAILURE(this->expect_log(1, 600));
  this->rig_.restart_agent(1);
  this->rig_.print(100);
  ASSERT_NO_FATAL_FAILURE(this->attach(1));
  this->expect_log(1, 700);
}

// Pages follow on each other and are bounded by lines and bytes; what is not there yet is no error.
TYPED_TEST_P(GuestControlContract, TheLogIsReadByPages) {
  const auto empty = this->template ask<LogRead>(0, ReadLog{.id = 1});
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->id, 1u);
  EXPECT_TRUE(empty->lines.empty());
  EXPECT_EQ(empty->next, 1u);
  ASSERT_NO_FATAL_FAILURE(this->start(0));
  this->rig_.print(250);
  ASSERT_NO_FATAL_FAILURE(this->expect_log(0, 250));
  std::uint64_t from = 1, pages = 0;
  for (bool more = true; more; ++pages) {
    const auto page =
        this->template ask<LogRead>(0, ReadLog{.id = 2, .from = from, .lines_max = 100});
    ASSERT_TRUE(page);
    EXPECT_EQ(page->error, "");
    for (const LogLine& line : page->lines) {
      EXPECT_EQ(line.number, from++);
      EXPECT_EQ(line.text, std::format("line {}", line.number));
    }
    EXPECT_EQ(page->next, from);
    more = page->more;
  }
  EXPECT_EQ(from, 251u);
  EXPECT_EQ(pages, 3u);
  const auto small = this->template ask<LogRead>(0, ReadLog{.id = 3, .from = 10, .bytes_max = 20});
  ASSERT_TRUE(small);
  EXPECT_EQ(small->lines.size(), 2u);
  EXPECT_TRUE(small->more);
}

// Lines that are on their way from the source are waited for, not passed over.
TYPED_TEST_P(GuestControlContract, APageEndsBeforeLinesThatAreOnTheirWay) {
  ASSERT_NO_FATAL_FAILURE(this->start(0));
  this->rig_.print(30);
  ASSERT_NO_FATAL_FAILURE(this->expect_log(0, 30));
  this->rig_.node(0).submit(this->guest_, Detach{});
  this->rig_.move();
  this->rig_.print(20);
  ASSERT_NO_FATAL_FAILURE(this->attach(1));
  for (int i = 0; i < 500 && this->rig_.log(1).size() < 20; ++i) this->rig_.settle();
  ASSERT_EQ(this->rig_.log(1).size(), 20u);
  const auto early = this->template ask<LogRead>(1, ReadLog{.id = 1, .from = 11});
  ASSERT_TRUE(early);
  EXPECT_TRUE(early->lines.empty());
  EXPECT_EQ(early->next, 11u);
  ASSERT_TRUE(this->template ask<LogsSent>(0, SendLogs{this->rig_.name(1)}));
  ASSERT_NO_FATAL_FAILURE(this->expect_log(1, 50));
  const auto whole = this->template ask<LogRead>(1, ReadLog{.id = 2, .from = 11});
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->lines.size(), 40u);
  EXPECT_EQ(whole->next, 51u);
}

// A deleted guest leaves nothing, also where its log was to be sent on; the next one starts anew.
TYPED_TEST_P(GuestControlContract, NothingStaysOfADeletedGuest) {
  ASSERT_NO_FATAL_FAILURE(this->start(0));
  this->rig_.print(30);
  ASSERT_NO_FATAL_FAILURE(this->expect_log(0, 30));
  this->rig_.node(0).submit(this->guest_, RemoveLog{});
  EXPECT_TRUE(this->rig_.log(0).empty());
  EXPECT_TRUE(this->refusal(0, SetClock{})) << "not attached any more";
  this->rig_.node(0).submit(this->guest_, RemoveLog{});
  this->rig_.restart_agent(0);
  EXPECT_TRUE(this->rig_.log(0).empty());
  const auto none = this->template ask<LogRead>(0, ReadLog{.id = 1});
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->lines.empty());
  ASSERT_NO_FATAL_FAILURE(this->attach(0));
  this->rig_.print(5);
  for (int i = 0; i < 500 && this->rig_.log(0).size() < 5; ++i) this->rig_.settle();
  EXPECT_EQ(this->rig_.log(0).size(), 5u);
}

REGISTER_TYPED_TEST_SUITE_P(GuestControlContract, StartsAContainerOnceAndStopsIt, SetsTheClock,
                            RunsPrograms, NothingWithoutAttach, AgentsMayRestart,
                            TheLogFollowsTheGuest, TheLogIsReadByPages,
                            APageEndsBeforeLinesThatAreOnTheirWay, NothingStaysOfADeletedGuest);

}  // namespace godwit::ports
