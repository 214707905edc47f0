// What people ask of a guest: that it is deleted, wherever it is in its life and whenever the agent
// dies; its log; a program in it.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "agent/agent.h"

namespace godwit::agent {
namespace {

using migration::Place;
using Qemu = ports::Inspected::Qemu;

const NodeId kSelf{"n0"}, kOther{"n1"};
const GuestId kGuest{"g1"};
constexpr Time kNow{std::chrono::hours{1}};

template <class T>
std::vector<T> of(const Step& step) {
  std::vector<T> found;
  for (const Command& command : step.commands) {
    if (const auto* mail = std::get_if<Mail>(&command)) {
      if constexpr (requires { Mail{{{}, {}, {}, T{}}}; })
        if (const T* body = std::get_if<T>(&mail->message.body)) found.push_back(*body);
    } else if (const auto* tell = std::get_if<Tell>(&command)) {
      if constexpr (requires { ports::GuestCommand{T{}}; })
        if (const T* asked = std::get_if<T>(&tell->command)) found.push_back(*asked);
    } else if (const auto* drive = std::get_if<Drive>(&command)) {
      if constexpr (requires { ports::HypervisorCommand{T{}}; })
        if (const T* asked = std::get_if<T>(&drive->command)) found.push_back(*asked);
    }
    if constexpr (requires { Command{T{}}; })
      if (const T* direct = std::get_if<T>(&command)) found.push_back(*direct);
  }
  return found;
}

class AskedOfAGuest : public testing::Test {
 protected:
  AskedOfAGuest() { start(); }

  Step start() {
    agent_ = std::make_unique<Agent>(Config{.self = kSelf, .address = "10.0.1.10"},
                                     [] { return std::string(64, 'a'); });
    return keep(agent_->restart(
        records_, {.nodes = {{kSelf, {"10.0.1.10", 1}}, {kOther, {"10.0.2.10", 1}}}, .gateway = {}},
        kNow));
  }
  Step keep(Step step) {
    for (const Write& write : step.writes)
      if (write.record) records_[write.guest] = *write.record;
    return step;
  }
  Step on(Event event) { return keep(agent_->on(event, kNow)); }
  Step told(ports::Body body, NodeId from = ports::kControl) {
    return on(ports::Message{kGuest, std::move(from), kSelf, std::move(body)});
  }
  Step qemu(ports::HypervisorAnswer answer) { return on(ports::HypervisorEvent{kGuest, answer}); }
  Step inside(ports::GuestAnswer answer) { return on(ports::GuestEvent{kGuest, answer}); }
  void boot(std::uint32_t generation) {
    ports::Take take{.generation = generation, .set = {kSelf, kOther}};
    take.machine.address = "100.64.0.7";
    take.container = ports::Container{.argv = {"app"}, .env = {"A=b"}, .cwd = "/srv", .uid = 33};
    told(take);
  }
  void run(std::uint32_t generation = 1) {
    boot(generation);
    on(TapMade{kGuest, "tap0"});
    qemu(ports::Started{});
    qemu(ports::Running{});
  }
  ports::AttemptName leave() {
    const auto attempt = of<ports::Prepare>(told(ports::Move{kOther})).at(0).attempt;
    told(ports::Ready{attempt, "10.0.2.10", 1, 2}, kOther);
    return attempt;
  }
  void grant() {
    const auto attempt = leave();
    qemu(ports::Stopped{});
    told(ports::Switched{attempt}, kOther);
    qemu(ports::MirrorClosed{});
    qemu(ports::Completed{});
    told(ports::StreamLoaded{attempt}, kOther);
  }
  void come() {
    ports::Prepare prepare{.attempt = {kOther, 1}, .epoch = {1, 0}};
    prepare.machine.address = "100.64.0.7";
    told(prepare, kOther);
    on(TapMade{kGuest, "tap0"});
  }
  void arrive() {
    come();
    qemu(ports::Listening{1, 2});
    qemu(ports::Loaded{});
  }
  Place place() const { return agent_->guests().at(kGuest).state().place; }

  // The wish, QEMU's end, the answer; nothing of that generation is let in afterwards.
  void expect_forgotten() {
    const Step asked = told(ports::Forget{1});
    ASSERT_EQ(of<ports::Discard>(asked).size(), 1u);
    EXPECT_FALSE(of<ports::Discard>(asked)[0].keep_overlay);
    EXPECT_TRUE(of<ports::Forgotten>(asked).empty()) << "QEMU is not dead yet";
    EXPECT_TRUE(asked.writes.empty()) << "the record says so after QEMU is dead";
    const Step gone = qemu(ports::Discarded{});
    ASSERT_EQ(of<ports::Forgotten>(gone).size(), 1u);
    EXPECT_EQ(of<ports::Forgotten>(gone)[0].generation, 1u);
    EXPECT_EQ(of<ports::RemoveLog>(gone).size(), 1u);
    EXPECT_FALSE(of<RemoveTap>(gone).empty());
    EXPECT_EQ(records_.at(kGuest).role, ports::RoleName::kIdle);
    EXPECT_EQ(records_.at(kGuest).sealed, 2u);
    EXPECT_EQ(place(), Place::kIdle);
    // Late words of before.
    come();
    EXPECT_EQ(place(), Place::kIdle);
    EXPECT_EQ(of<ports::Refuse>(told(ports::Grant{{kOther, 1}, {1, 9}, {kSelf}}, kOther)).size(),
              1u);
    boot(1);
    EXPECT_EQ(place(), Place::kIdle);
    EXPECT_EQ(of<ports::Forgotten>(told(ports::Forget{1})).size(), 1u) << "asked again";
  }

  std::map<GuestId, ports::GuestRecord> records_;
  std::unique_ptr<Agent> agent_;
};

TEST_F(AskedOfAGuest, DeletedWhileItRuns) {
  run();
  expect_forgotten();
}
TEST_F(AskedOfAGuest, DeletedWhileItBoots) {
  boot(1);
  expect_forgotten();
}
TEST_F(AskedOfAGuest, DeletedWhileItLeaves) {
  run();
  leave();
  expect_forgotten();
}
TEST_F(AskedOfAGuest, DeletedWhileNobodyRunsIt) {
  run();
  grant();
  ASSERT_EQ(place(), Place::kGranted);
  expect_forgotten();
}
TEST_F(AskedOfAGuest, DeletedWhileItComes) {
  come();
  ASSERT_EQ(place(), Place::kIncoming);
  expect_forgotten();
}
TEST_F(AskedOfAGuest, DeletedWhileItsCopyWaits) {
  arrive();
  ASSERT_EQ(place(), Place::kSpare);
  expect_forgotten();
}
TEST_F(AskedOfAGuest, DeletedWhereItNeverWas) { expect_forgotten(); }

// The agent dies before QEMU is dead, after it, and after the record; the wish is repeated.
TEST_F(AskedOfAGuest, DeletedThoughTheAgentDies) {
  for (const Qemu found : {Qemu::kRunning, Qemu::kNone}) {
    SCOPED_TRACE(static_cast<int>(found));
    records_.clear();
    start();
    run();
    told(ports::Forget{1});
    start();
    EXPECT_EQ(of<ports::Discard>(told(ports::Forget{1})).size(), 0u) << "not inspected yet";
    qemu(ports::Inspected{.qemu = found, .attempt = {}});
    EXPECT_FALSE(agent_->contradicted());
    expect_forgotten();
    start();
    qemu(ports::Inspected{});
    EXPECT_FALSE(agent_->contradicted());
    const Step again = told(ports::Forget{1});
    EXPECT_EQ(of<ports::Forgotten>(again).size(), 1u);
    EXPECT_EQ(of<ports::RemoveLog>(again).size(), 1u) << "the one before may not have come so far";
  }
}

// The next guest of the name has nothing to fear of the late wish.
TEST_F(AskedOfAGuest, ANewGuestOfTheSameNameStays) {
  run();
  told(ports::Forget{1});
  qemu(ports::Discarded{});
  run(2);
  ASSERT_EQ(place(), Place::kStill);
  const Step late = told(ports::Forget{1});
  EXPECT_EQ(of<ports::Forgotten>(late).size(), 1u);
  EXPECT_TRUE(of<ports::RemoveLog>(late).empty());
  EXPECT_TRUE(of<RemoveTap>(late).empty());
  EXPECT_TRUE(of<ports::Discard>(late).empty());
  EXPECT_EQ(place(), Place::kStill);
  EXPECT_TRUE(of<ports::Discard>(told(ports::Forget{2}, kOther)).empty()) << "not an agent's wish";
  EXPECT_EQ(of<ports::Discard>(told(ports::Forget{2})).size(), 1u);
}

TEST_F(AskedOfAGuest, ItsLogIsReadAPageAtATime) {
  run();
  const auto read = of<ports::ReadLog>(told(ports::LogsWanted{7, 12, 0})).at(0);
  EXPECT_EQ(read.id, 7u);
  EXPECT_EQ(read.from, 12u);
  EXPECT_EQ(read.lines_max, 1000u);
  EXPECT_EQ(of<ports::ReadLog>(told(ports::LogsWanted{7, 1, 5000})).at(0).lines_max, 1000u);
  EXPECT_EQ(of<ports::ReadLog>(told(ports::LogsWanted{7, 1, 3})).at(0).lines_max, 3u);
  const std::vector<ports::LogLine> lines{{.number = 12, .text = "a"}};
  const auto page = of<ports::LogsRead>(inside(ports::LogRead{7, lines, 13, false, ""})).at(0);
  EXPECT_EQ(page.request, 7u);
  EXPECT_EQ(page.lines, lines);
  EXPECT_EQ(page.next, 13u);
  EXPECT_FALSE(page.ended);
  inside(ports::ContainerState{.phase = ports::ContainerPhase::kEnded});
  EXPECT_FALSE(of<ports::LogsRead>(inside(ports::LogRead{7, lines, 13, true, ""})).at(0).ended);
  EXPECT_TRUE(of<ports::LogsRead>(inside(ports::LogRead{7, {}, 13, false, ""})).at(0).ended);
}

TEST_F(AskedOfAGuest, AProgramRunsAsTheContainerDoes) {
  const ports::ExecWanted wanted{9, {"ls", "-l"}, 5000};
  EXPECT_FALSE(of<ports::ExecDone>(told(wanted)).at(0).error.empty()) << "it is not here";
  run();
  const Step asked = told(wanted);
  const auto exec = of<ports::Exec>(asked).at(0);
  EXPECT_EQ(exec.argv, wanted.argv);
  EXPECT_EQ(exec.env, std::vector<std::string>{"A=b"});
  EXPECT_EQ(exec.cwd, "/srv");
  EXPECT_EQ(exec.uid, 33u);
  EXPECT_EQ(exec.timeout_ms, 5000u);
  EXPECT_TRUE(of<ports::Exec>(told(wanted)).empty()) << "once, however often it is asked for";
  ports::Executed ran{.id = exec.id, .exit_status = 3, .out = std::string(600'000, 'x')};
  const auto done = of<ports::ExecDone>(inside(ran)).at(0);
  EXPECT_EQ(done.request, 9u);
  EXPECT_EQ(done.exit_status, 3);
  EXPECT_EQ(done.out.size(), 512u * 1024u);
  EXPECT_EQ(done.dropped, 600'000u - 512u * 1024u);
  EXPECT_TRUE(of<ports::ExecDone>(inside(ran)).empty());
  told(ports::ExecWanted{10, {"ls"}, 0});
  ports::GuestFailed failed{"Exec", {Code::kDeadlineExceeded, "no answer"}, "10"};
  EXPECT_FALSE(of<ports::ExecDone>(inside(failed)).at(0).error.empty());
}

TEST_F(AskedOfAGuest, AProgramOfAGuestThatLeavesIsAnswered) {
  run();
  told(ports::ExecWanted{9, {"sleep", "60"}, 0});
  const auto attempt = leave();
  qemu(ports::Stopped{});
  told(ports::Switched{attempt}, kOther);
  qemu(ports::MirrorClosed{});
  qemu(ports::Completed{});
  const auto done = of<ports::ExecDone>(told(ports::StreamLoaded{attempt}, kOther)).at(0);
  EXPECT_EQ(done.request, 9u);
  EXPECT_TRUE(done.error.contains("left this node")) << done.error;
}

}  // namespace
}  // namespace godwit::agent
