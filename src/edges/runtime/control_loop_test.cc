// Goal: a step's rows are in the store before its mail leaves, a failed commit lets nothing leave,
// and a fleet in which nothing changes writes nothing. Method: the shipped Control on a fake store;
// the mailer is a fleet whose agents answer at once. The clock leaps at each look, so that whatever
// is due later is due now.
#include "edges/runtime/control_loop.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ports/fake_store.h"

namespace godwit::runtime {
namespace {

using control::Control;
using control::CreateGuest;
using ports::Message;

const GuestId kWeb{"web"};
const NodeId kNodeA{"a"}, kNodeB{"b"};

// Agents that start what they are told to take, and say so whenever they are asked.
class Agents final : public ports::Mailer {
 public:
  explicit Agents(ports::FakeStoreDisk& disk) : disk_(disk) {}
  void send(Message m) override {
    ++mails;
    if (const auto* take = std::get_if<ports::Take>(&m.body)) {
      // What is sent follows from what is in the store.
      EXPECT_EQ(disk_.rows.guests[m.guest].owner.generation, take->generation);
      held[{m.guest, m.to}] = {take->generation, 1};
    }
    if (on_mail) on_mail(m);
    if (!sink) return;
    const ports::EpochName epoch = held[{m.guest, m.to}];
    const bool runs = epoch.generation > 0;
    sink->offer(
        Message{m.guest, m.to, ports::kControl,
                ports::Report{.role = runs ? ports::RoleName::kHolds : ports::RoleName::kIdle,
                              .epoch = epoch,
                              .held = epoch}});
  }
  std::map<std::pair<GuestId, NodeId>, ports::EpochName> held;
  std::function<void(const Message&)> on_mail;
  ports::EventSink<Message>* sink = nullptr;
  int mails = 0;

 private:
  ports::FakeStoreDisk& disk_;
};

CreateGuest wish(const GuestId& guest) {
  return {.guest = guest, .node = kNodeA, .set = {kNodeA, kNodeB}, .machine = {}, .container = {}};
}

class ControlLoopTest : public testing::Test {
 protected:
  ControlLoopTest() { turns.connect(agents); }
  void run_until(const std::function<bool()>& met) {
    agents.on_mail = [this, met](const Message&) {
      if (met()) loop.stop();
    };
    loop.run();
    agents.on_mail = nullptr;
  }
  bool logged(const std::string& text) const {
    return std::ranges::any_of(lines, [&](const auto& line) { return line.contains(text); });
  }

  ports::FakeStoreDisk disk;
  ports::FakeStore store{disk};
  Agents agents{disk};
  std::vector<std::string> lines;
  Time now{std::chrono::hours{1}};
  io::Loop loop;
  Control control;
  ControlLoop turns{loop, control, store, [this] { return now += std::chrono::minutes{1}; },
                    [this](const std::string& line) { lines.push_back(line); }};
};

TEST_F(ControlLoopTest, CommitsAndThenSends) {
  ASSERT_TRUE(turns.start());
  const auto refused = turns.ask(wish(kWeb));
  ASSERT_TRUE(refused);
  EXPECT_TRUE(refused->empty());
  EXPECT_EQ(disk.rows.version, 1U);
  EXPECT_EQ(turns.version(), 1U);
  EXPECT_EQ(agents.mails, 1) << "the Take";
  const auto again = turns.ask(wish(kWeb));
  ASSERT_EQ(again->size(), 1U);
  EXPECT_EQ(again->front().guest, kWeb);
  EXPECT_TRUE(logged("web: refused: it exists already"));
}

TEST_F(ControlLoopTest, AFailedCommitLetsNothingLeave) {
  disk.fail_at = 1;
  ASSERT_TRUE(turns.start());
  EXPECT_EQ(turns.ask(wish(kWeb)).error().code, Code::kUnavailable);
  EXPECT_EQ(turns.exit_code(), kStoreFailed);
  EXPECT_EQ(agents.mails, 0);
  EXPECT_TRUE(turns.ask(wish(GuestId{"db"})).error().code == Code::kUnavailable);
  EXPECT_EQ(disk.commits, 1) << "and no further event is taken";
  EXPECT_TRUE(logged("no space"));
}

// A node that joins again after its death was certified does not take back the cloud's word.
TEST_F(ControlLoopTest, TheDeadStayDead) {
  ASSERT_TRUE(turns.start());
  ASSERT_TRUE(turns.ask(control::NodeJoined{kNodeA, "10.0.1.10"}));
  ASSERT_TRUE(turns.ask(control::NodeJoined{kNodeA, "10.0.1.10"}));
  EXPECT_EQ(disk.commits, 1) << "joining again as it was writes nothing";
  ASSERT_TRUE(turns.ask(control::Certified{kNodeA}));
  ASSERT_TRUE(turns.ask(control::NodeJoined{kNodeA, "10.0.9.10"}));
  EXPECT_EQ(disk.rows.nodes[kNodeA], (ports::NodeRow{"10.0.9.10", true}));
}

// A younger control plane has written: the older one ends without a word to anybody.
TEST_F(ControlLoopTest, LosesAgainstAYoungerOne) {
  ASSERT_TRUE(turns.start());
  ASSERT_TRUE(ports::FakeStore(disk).commit(0, {}));
  EXPECT_FALSE(turns.ask(wish(kWeb)));
  EXPECT_EQ(turns.exit_code(), kStoreLost);
  EXPECT_EQ(agents.mails, 0);
  EXPECT_TRUE(disk.rows.guests.empty());
}

TEST_F(ControlLoopTest, DoesNotStartWithoutItsRows) {
  class Damaged final : public ports::Store {
    Result<ports::Rows> load() override { return data_loss("row"); }
    Status commit(std::uint64_t, std::span<const ports::RowWrite>) override { return {}; }
  } damaged;
  ControlLoop other(loop, control, damaged, [this] { return now; }, [](const std::string&) {});
  other.connect(agents);
  EXPECT_EQ(other.start().error().code, Code::kDataLoss);
}

// Events come from any thread before and during the run; a restarted plane asks again for what it
// had under way, by itself, and what it hears is kept.
TEST_F(ControlLoopTest, TakesUpWhatWasUnderWay) {
  ASSERT_TRUE(turns.start());
  ASSERT_TRUE(turns.ask(wish(kWeb)));
  Control next;
  ControlLoop successor(
      loop, next, store, [this] { return now += std::chrono::minutes{1}; },
      [](const std::string&) {});
  successor.connect(agents);
  agents.sink = &successor;
  ASSERT_TRUE(successor.start());
  run_until([&] { return disk.rows.guests[kWeb].owner.holder == kNodeA; });
  EXPECT_TRUE(next.guests().at(kWeb).settled());
}

TEST_F(ControlLoopTest, ASteadyFleetWritesNothing) {
  agents.sink = &turns;
  ASSERT_TRUE(turns.start());
  for (const char* name : {"web", "db", "cache"}) turns.offer(control::Event{wish(GuestId{name})});
  turns.offer(control::Event{control::NodeJoined{kNodeA, "10.0.1.10"}});
  int settling = 0;
  run_until([&] { return ++settling > 200; });
  for (const auto& [id, owner] : control.guests()) EXPECT_TRUE(owner.settled()) << id.value;
  const int before = disk.commits, mails = agents.mails;
  const Time since = now;
  run_until([&] { return agents.mails > mails + 1000; });
  EXPECT_EQ(disk.commits, before);
  EXPECT_GT(now - since, std::chrono::hours{1}) << "it was asked many times";
}

}  // namespace
}  // namespace godwit::runtime
