// The machine beside right and bytes, by scripts of events in and commands out: when the clock is
// set and the container started, what is said to the control plane, and that it never asks anything
// of a guest that runs elsewhere.
#include "agent/inside.h"

#include <gtest/gtest.h>

#include "agent/agent.h"

namespace godwit::agent {
namespace {

using ports::ContainerPhase;
using ports::ContainerState;

const GuestId kGuest{"g1"};
const NodeId kSelf{"n0"};
const Time kNow{std::chrono::hours{1}};

std::string name_of(const ports::GuestCommand& command) {
  static constexpr const char* kNames[] = {"Attach", "Detach", "SetClock",      "StartContainer",
                                           "Exec",   "Signal", "StopContainer", "SendLogs"};
  return kNames[command.index()];
}

std::string commands(const Step& step) {
  std::string names;
  for (const Command& c : step.commands)
    if (const auto* tell = std::get_if<Tell>(&c))
      names += (names.empty() ? "" : " ") + name_of(tell->command);
  return names;
}

template <class T>
std::vector<T> mailed(const Step& step) {
  std::vector<T> all;
  for (const Command& c : step.commands)
    if (const auto* mail = std::get_if<Mail>(&c))
      if (const auto* body = std::get_if<T>(&mail->message.body)) all.push_back(*body);
  return all;
}

class InsideTest : public testing::Test {
 protected:
  Step resume() {
    Step step;
    inside_.resumed(ports::Container{.argv = {"app"}}, step);
    return step;
  }
  Step answer(ports::GuestAnswer answer) {
    Step step;
    inside_.on_answer(answer, kSelf, kNow, step);
    return step;
  }
  Inside inside_{kGuest};
};

TEST_F(InsideTest, TheClockBeforeTheContainer) {
  EXPECT_EQ(commands(resume()), "Attach SetClock");
  const Step told = answer(ContainerState{});
  EXPECT_EQ(commands(told), "");
  EXPECT_EQ(mailed<ContainerState>(told).size(), 1u);
  EXPECT_EQ(commands(answer(ports::ClockWasSet{})), "StartContainer");
  EXPECT_EQ(commands(answer(ports::ContainerStarted{})), "");
  const ContainerState running{.phase = ContainerPhase::kRunning, .runs = 1};
  EXPECT_EQ(mailed<ContainerState>(answer(running)), std::vector{running});
  EXPECT_FALSE(inside_.wake());
}

// After a move, or an agent's restart, the guest says what became of its container: it is started
// only if it never was, also not when it has ended.
TEST_F(InsideTest, AContainerIsStartedOnlyIfItNeverWas) {
  for (const auto phase :
       {ContainerPhase::kRunning, ContainerPhase::kWaiting, ContainerPhase::kEnded}) {
    EXPECT_EQ(commands(resume()), "Attach SetClock");
    answer(ContainerState{.phase = phase});
    EXPECT_EQ(commands(answer(ports::ClockWasSet{})), "");
  }
}

// A clock that is still far behind is set again, but not for ever.
TEST_F(InsideTest, AClockThatLagsIsSetAgain) {
  resume();
  answer(ContainerState{});
  const ports::ClockWasSet late{.ahead = std::chrono::milliseconds{-101}};
  for (int i = 1; i < 5; ++i) EXPECT_EQ(commands(answer(late)), "SetClock");
  const Step last = answer(late);
  EXPECT_EQ(commands(last), "StartContainer");
  EXPECT_EQ(mailed<ports::ClockSet>(last).at(0).ahead_us, -101'000);
  EXPECT_EQ(commands(resume()), "Attach SetClock");
  EXPECT_EQ(commands(answer(ports::ClockWasSet{.ahead = std::chrono::seconds{3}})),
            "StartContainer");
}

TEST_F(InsideTest, FailuresAreSaidAndTriedAgainWithBackOff) {
  resume();
  answer(ContainerState{});
  const ports::GuestFailed no_clock{"SetClock", {Code::kDeadlineExceeded, "no answer"}, ""};
  Duration last{};
  for (int i = 0; i < 10; ++i) {
    const Step failed = answer(no_clock);
    EXPECT_EQ(mailed<ContainerState>(failed).at(0).why, "SetClock: no answer");
    ASSERT_TRUE(inside_.wake());
    const Duration after = *inside_.wake() - kNow;
    EXPECT_TRUE(after > last || after == std::chrono::minutes{1});
    last = after;
    Step early, due;
    inside_.on_time(kNow, early);
    EXPECT_EQ(commands(early), "");
    inside_.on_time(kNow + after, due);
    EXPECT_EQ(commands(due), "Attach SetClock");
  }
  EXPECT_EQ(commands(answer(ports::ClockWasSet{})), "StartContainer");
  answer(ports::GuestFailed{"StartContainer", {Code::kFailedPrecondition, "no disk"}, ""});
  Step due;
  inside_.on_time(*inside_.wake(), due);
  EXPECT_EQ(commands(due), "Attach StartContainer");
}

TEST_F(InsideTest, NothingIsAskedOfAGuestThatLeft) {
  resume();
  answer(ports::GuestFailed{"SetClock", {Code::kUnavailable, "gone"}, ""});
  Step left, again;
  inside_.left(left);
  EXPECT_EQ(commands(left), "Detach");
  EXPECT_FALSE(inside_.wake());
  inside_.left(again);
  EXPECT_EQ(commands(again), "");
  const Step late = answer(ports::ClockWasSet{});
  EXPECT_EQ(commands(late), "");
  EXPECT_TRUE(mailed<ContainerState>(answer(ContainerState{})).empty());
}

TEST_F(InsideTest, AGuestWithoutOurInitIsLeftAlone) {
  Step step;
  inside_.resumed(std::nullopt, step);
  inside_.left(step);
  EXPECT_EQ(commands(step), "");
}

// One whole agent from TAKE to the container's start and a move away.
class WholeAgent : public testing::Test {
 protected:
  Step on(Event event) { return agent_.on(event, kNow); }
  Step told(ports::Body body, NodeId from = ports::kControl) {
    return on(ports::Message{kGuest, std::move(from), kSelf, std::move(body)});
  }
  Step qemu(ports::HypervisorAnswer answer) { return on(ports::HypervisorEvent{kGuest, answer}); }
  Step take() {
    ports::Take take{.generation = 1, .set = {kSelf, kOther}};
    take.container = ports::Container{.argv = {"app"}};
    told(take);
    on(TapMade{kGuest, "tap0"});
    qemu(ports::Started{});
    return qemu(ports::Running{});
  }
  const NodeId kOther{"n1"}, kFar{"n2"};
  WholeAgent() {
    agent_.restart(
        {}, {.nodes = {{kOther, {"10.0.2.10", 7001}}, {kFar, {"10.0.3.10", 7001}}}, .gateway = {}},
        kNow);
  }
  Agent agent_{{.self = kSelf}, [] { return std::string(64, 'a'); }};
};

TEST_F(WholeAgent, ARunningGuestIsAttachedAndOneThatLeftIsNot) {
  EXPECT_EQ(commands(take()), "Attach SetClock");
  const Step prepare = told(ports::Move{kOther});
  ASSERT_EQ(mailed<ports::Prepare>(prepare).size(), 1u);
  const ports::Prepare sent = mailed<ports::Prepare>(prepare)[0];
  ASSERT_TRUE(sent.container);
  EXPECT_EQ(sent.container->argv, std::vector<std::string>{"app"});
  told(ports::Ready{sent.attempt, "10.0.2.10", 1, 2}, kOther);
  qemu(ports::Stopped{});
  told(ports::Switched{sent.attempt}, kOther);
  qemu(ports::MirrorClosed{});
  EXPECT_EQ(commands(qemu(ports::Completed{})), "");
  EXPECT_EQ(commands(told(ports::StreamLoaded{sent.attempt}, kOther)), "Detach");
  EXPECT_EQ(commands(told(ports::Ack{{1, 1}, kOther}, kOther)), "SendLogs");
}

TEST_F(WholeAgent, AnAttemptThatFailedSetsTheClockAgain) {
  take();
  const auto sent = mailed<ports::Prepare>(told(ports::Move{kOther})).at(0);
  told(ports::Ready{sent.attempt, "10.0.2.10", 1, 2}, kOther);
  qemu(ports::Stopped{});
  EXPECT_EQ(commands(qemu(ports::Failed{"CloseMirror", {Code::kUnavailable, "broken"}})), "");
  EXPECT_EQ(commands(qemu(ports::Running{})), "Attach SetClock");
}

TEST_F(WholeAgent, ALostGuestIsDetached) {
  take();
  EXPECT_EQ(commands(qemu(ports::Gone{"killed"})), "Detach");
}

// The agent dies between boot and start; the next one finds the guest running and starts it.
TEST_F(WholeAgent, ARestartedAgentStartsTheContainer) {
  const Step ran = take();
  ASSERT_FALSE(ran.writes.empty());
  Agent next{{.self = kSelf}, [] { return std::string(64, 'a'); }};
  next.restart({{kGuest, *ran.writes.back().record}}, {}, kNow);
  using Qemu = ports::Inspected::Qemu;
  const Step found = next.on(
      ports::HypervisorEvent{kGuest, ports::Inspected{.qemu = Qemu::kRunning, .attempt = {}}},
      kNow);
  EXPECT_EQ(commands(found), "Attach SetClock");
  next.on(ports::GuestEvent{kGuest, ContainerState{}}, kNow);
  EXPECT_EQ(commands(next.on(ports::GuestEvent{kGuest, ports::ClockWasSet{}}, kNow)),
            "StartContainer");
}

// The log of a guest that was given away follows also when the agent died right after.
TEST_F(WholeAgent, ARestartedAgentSendsTheLogOfAGuestThatLeft) {
  ports::GuestRecord record{.epoch = {1, 1}, .held = {1, 0}, .to = kOther};
  record.container = ports::Container{.argv = {"app"}};
  for (const bool gave : {true, false}) {
    if (!gave) record.held = record.epoch;  // It came back since, and was lost here.
    Agent next{{.self = kSelf}, [] { return std::string(64, 'a'); }};
    next.restart({{kGuest, record}}, {}, kNow);
    EXPECT_EQ(commands(next.on(ports::HypervisorEvent{kGuest, ports::Inspected{}}, kNow)),
              gave ? "SendLogs" : "");
  }
}

// A wish that can never come true is answered, so that nobody waits for it.
TEST_F(WholeAgent, AMoveToNowhereIsAnswered) {
  take();
  for (const auto& [to, why] :
       {std::pair{NodeId{"nobody"}, "to nobody: no address of this node is known here"},
        std::pair{kFar, "to n2: it is not in the guest's set"}}) {
    const auto moved = mailed<ports::Moved>(told(ports::Move{to}));
    ASSERT_EQ(moved.size(), 1u);
    EXPECT_FALSE(moved[0].done);
    EXPECT_EQ(moved[0].why, why);
  }
  EXPECT_TRUE(mailed<ports::Moved>(told(ports::Move{kOther})).empty());
  EXPECT_TRUE(mailed<ports::Moved>(told(ports::Move{kOther})).empty()) << "under way: no answer";
}

}  // namespace
}  // namespace godwit::agent
