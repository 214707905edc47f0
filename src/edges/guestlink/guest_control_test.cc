// The real GuestControl keeps the port's contract, with a guest that is frames over a socket. The
// whole with real guests is tests/guest_moves.
#include "edges/guestlink/guest_control.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <deque>
#include <filesystem>

#include "edges/guestlink/frame_guest.h"
#include "ports/guest_control_contract.h"

namespace godwit::guestlink {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

static Time wall() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

// Segments between the nodes of one process. While `cut`, none arrives; every third is delivered
// and then said to have failed.
class Wire final : public ports::LogSender {
 public:
  std::map<NodeId, ports::LogReceiver*> nodes;
  bool cut = false;
  void send(const NodeId& to, ports::LogSegment segment, ports::LogDone done) override {
    if (cut || !nodes.contains(to)) return done(unavailable("cut"));
    const bool doubt = ++sent_ % 3 == 1;
    nodes[to]->keep(std::move(segment), [done = std::move(done), doubt](const Status& status) {
      done(doubt && status ? unavailable("no answer") : status);
    });
  }

 private:
  int sent_ = 0;
};

struct TestAgent final : ports::EventSink<ports::GuestEvent> {
  TestAgent(const std::string& dir, Wire& wire)
      : control(loop,
                {.socket_of = [dir](const GuestId&) { return Result<std::string>(dir + "/q.ctl"); },
                 .log_dir = dir + "/logs",
                 .limits = {.segment_bytes = 2000},
                 .retry_first = milliseconds{1},
                 .retry_max = milliseconds{10}},
                wall, *this, wire) {
    EXPECT_TRUE(control.start());
  }
  void offer(ports::GuestEvent event) override { answers.push_back(std::move(event.answer)); }

  io::Loop loop;
  std::deque<ports::GuestAnswer> answers;
  GuestControl control;
};

class SocketRig {
 public:
  SocketRig() {
    for (int n : {0, 1}) {
      fs::create_directories(dir(n));
      guest_.serve(n, dir(n) + "/q.ctl");
      restart_agent(n);
    }
  }
  ~SocketRig() {
    agents_ = {};
    fs::remove_all(folder_);
  }
  ports::GuestControl& node(int n) { return agent(n).control; }
  NodeId name(int n) const { return {std::format("i-{}/boot", n)}; }
  std::optional<ports::GuestAnswer> next(int n) {
    auto& answers = agent(n).answers;
    for (int i = 0; i < 2000 && answers.empty(); ++i) settle();
    if (answers.empty()) return std::nullopt;
    ports::GuestAnswer answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  }
  void settle() {
    for (io::Loop* loop : {&agent(0).loop, &agent(1).loop, &guest_loop_}) {
      loop->after(milliseconds{2}, [loop] { loop->stop(); });
      loop->run();
    }
  }
  void print(int lines) { guest_.print(lines); }
  void fall_behind(Duration by) { guest_.fall_behind(by); }
  void move() { guest_.run_at(1); }
  void back() { guest_.run_at(0); }
  ports::LogReceiver& receiver(int n) { return agent(n).control; }
  std::vector<std::uint64_t> log(int n) {
    std::vector<std::uint64_t> numbers;
    const auto lines = agent(n).control.read_log(GuestId{"g1"});
    EXPECT_TRUE(lines);
    if (!lines) return numbers;
    for (const frame::LogLine& line : *lines) {
      EXPECT_EQ(line.text, std::format("line {}", line.sequence));
      numbers.push_back(line.sequence);
    }
    return numbers;
  }
  void restart_agent(int n) {
    auto& agent = agents_.at(static_cast<std::size_t>(n));
    agent.reset();
    agent = std::make_unique<TestAgent>(dir(n), wire_);
    wire_.nodes[name(n)] = &agent->control;
  }
  Wire& wire() { return wire_; }
  std::string dir(int n) const { return std::format("{}/{}", folder_, n); }

 private:
  TestAgent& agent(int n) { return *agents_.at(static_cast<std::size_t>(n)); }

  const std::string folder_ = std::format("{}/guest-control-{}", testing::TempDir(), getpid());
  io::Loop guest_loop_;
  FrameGuest guest_{guest_loop_, wall};
  Wire wire_;
  std::array<std::unique_ptr<TestAgent>, 2> agents_;
};

}  // namespace godwit::guestlink

namespace godwit::ports {

INSTANTIATE_TYPED_TEST_SUITE_P(Sockets, GuestControlContract, guestlink::SocketRig);

// What the contract cannot say of a fake: files, and a wire that fails.
class LogFiles : public GuestControlContract<guestlink::SocketRig> {
 protected:
  void leave_with(int lines) {
    ASSERT_NO_FATAL_FAILURE(start(0));
    rig_.print(lines);
    ASSERT_NO_FATAL_FAILURE(expect_log(0, static_cast<std::uint64_t>(lines)));
    rig_.node(0).submit(guest_, Detach{});
    rig_.move();
  }
};

// Nothing is deleted while the destination cannot be reached, and a restarted agent goes on by
// itself: the file says where to.
TEST_F(LogFiles, ARestartedAgentGoesOnSendingByItself) {
  ASSERT_NO_FATAL_FAILURE(leave_with(500));
  rig_.wire().cut = true;
  rig_.node(0).submit(guest_, SendLogs{rig_.name(1)});
  for (int i = 0; i < 20; ++i) rig_.settle();
  EXPECT_EQ(rig_.log(0).size(), 500u);
  rig_.restart_agent(0);
  rig_.restart_agent(1);
  rig_.wire().cut = false;
  ASSERT_TRUE(expect<LogsSent>(0));
  EXPECT_TRUE(rig_.log(0).empty());
  expect_log(1, 500);
}

// The guest came back before its log had left: it stays, and goes on.
TEST_F(LogFiles, AGuestThatComesBackKeepsItsLog) {
  ASSERT_NO_FATAL_FAILURE(leave_with(100));
  rig_.wire().cut = true;
  rig_.node(0).submit(guest_, SendLogs{rig_.name(1)});
  ASSERT_NO_FATAL_FAILURE(attach(1));
  rig_.print(100);
  for (int i = 0; i < 200 && rig_.log(1).size() < 100; ++i) rig_.settle();
  rig_.node(1).submit(guest_, Detach{});
  rig_.back();
  ASSERT_NO_FATAL_FAILURE(attach(0));
  rig_.print(100);
  rig_.wire().cut = false;
  rig_.node(1).submit(guest_, SendLogs{rig_.name(0)});
  ASSERT_TRUE(expect<LogsSent>(1));
  expect_log(0, 300);
}

// A segment that comes after the guest has gone on is passed on.
TEST_F(LogFiles, ALateSegmentIsPassedOn) {
  ASSERT_NO_FATAL_FAILURE(leave_with(100));
  rig_.node(0).submit(guest_, SendLogs{rig_.name(1)});
  ASSERT_TRUE(expect<LogsSent>(0));
  bool kept = false;
  rig_.receiver(0).keep({guest_, "boot boot-1 dropped 0\n101 0 1 0 line 101\n"},
                        [&](const Status& status) { kept = status.has_value(); });
  ASSERT_TRUE(expect<LogsSent>(0));
  EXPECT_TRUE(kept);
  expect_log(1, 101);
}

// Names that are paths are refused, whoever sends them.
TEST_F(LogFiles, AGuestsNameIsNoPath) {
  for (const char* name : {"../x", "a/b", "", ".", "..", "a\n"}) {
    std::optional<Status> said;
    rig_.receiver(0).keep({GuestId{name}, "boot b dropped 0\n1 0 1 0 x\n"},
                          [&](const Status& status) { said = status; });
    rig_.settle();
    ASSERT_TRUE(said);
    ASSERT_FALSE(*said) << name;
    EXPECT_EQ(said->error().code, Code::kInvalidArgument);
  }
}

}  // namespace godwit::ports
