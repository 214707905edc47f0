// What a supervisor promises: nothing is called ready before it is, what ends is started again,
// and the end comes in the order that was asked for, also for who does not listen. Method: shell
// programs that leave marks in a folder.
#include "apps/supervisor.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <format>
#include <fstream>
#include <iterator>

namespace godwit::apps {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Patience kPatience{.ready = seconds{20},
                             .stop = milliseconds{300},
                             .first = milliseconds{10},
                             .last = milliseconds{50},
                             .calm = seconds{30}};

class SupervisorTest : public testing::Test {
 protected:
  SupervisorTest() { fs::create_directories(folder_); }
  ~SupervisorTest() override { fs::remove_all(folder_); }

  // Marks its start, and its end when it listens to SIGTERM.
  Unit unit(const std::string& name, const std::string& script) {
    const std::string started = std::format("echo {} started >> {}/marks; ", name, folder_);
    const std::string mark = folder_ + "/ready." + name;
    return {name, {"sh", "-c", started + script}, [mark] { return exists(mark); }};
  }
  Unit obedient(const std::string& name) {
    return unit(name, std::format("trap 'echo {0} ended >> {1}/marks; exit 0' TERM; "
                                  "touch {1}/ready.{0}; while :; do sleep 0.02; done",
                                  name, folder_));
  }
  static io::Task<bool> exists(std::string path) { co_return fs::exists(path); }

  // Runs the task to its end.
  void run(io::Task<void> task) {
    loop_.spawn(then_stop(std::move(task)));
    loop_.run();
  }
  io::Task<void> then_stop(io::Task<void> task) {
    co_await std::move(task);
    loop_.stop();
  }
  io::Task<void> start(Unit unit) { started_ = co_await supervisor_.start(std::move(unit)); }
  io::Task<void> until(std::function<bool()> met) {
    for (int i = 0; i < 1000 && !met(); ++i) co_await io::sleep(milliseconds{20});
    EXPECT_TRUE(met());
  }
  std::string marks() const {
    std::ifstream in(folder_ + "/marks");
    std::string text{std::istreambuf_iterator<char>(in), {}};
    std::ranges::replace(text, '\n', ';');
    return text;
  }
  int pid(const std::string& name) const {
    int pid = 0;
    std::ifstream(std::format("{}/{}.pid", folder_, name)) >> pid;
    return pid;
  }

  const std::string folder_ =
      std::format("{}supervisor_test.{}.{}", testing::TempDir(), getpid(),
                  testing::UnitTest::GetInstance()->current_test_info()->name());
  io::Loop loop_;
  std::vector<std::string> log_;
  Supervisor supervisor_{loop_, folder_, [this](const std::string& l) { log_.push_back(l); },
                         kPatience};
  Status started_;
};

TEST_F(SupervisorTest, EndsInTheOrderAskedFor) {
  for (const char* name : {"a", "b", "c"}) {
    run(start(obedient(name)));
    ASSERT_TRUE(started_) << to_string(started_.error());
  }
  run(supervisor_.stop({"b", "never-started", "c", "a"}));
  EXPECT_EQ(marks(), "a started;b started;c started;b ended;c ended;a ended;");
  EXPECT_FALSE(fs::exists(folder_ + "/a.pid"));
  EXPECT_TRUE(log_.empty()) << log_.front();
}

TEST_F(SupervisorTest, StartsAgainWhatEnds) {
  run(start(obedient("a")));
  for (int i = 0; i < 3; ++i) {
    const int before = pid("a");
    ASSERT_GT(before, 0);
    kill(before, SIGKILL);
    run(until([&] { return pid("a") != before && pid("a") > 0; }));
  }
  EXPECT_EQ(log_.size(), 3U);
  EXPECT_TRUE(log_.at(0).contains("a ended (signal 9)")) << log_.at(0);
  const int last = pid("a");
  run(supervisor_.stop({"a"}));
  EXPECT_EQ(kill(last, 0), -1) << "it is gone";
  const std::string before = marks();
  run(until([] { return true; }));
  EXPECT_EQ(marks(), before) << "for good";
}

// It ends at once, again and again: the pauses grow to their bound and no further.
TEST_F(SupervisorTest, PausesLongerEachTimeForWhatCannotRun) {
  const std::string file = folder_ + "/ready.a";
  std::ofstream{file};
  run(start(unit("a", "exit 3")));
  run(until([&] { return log_.size() >= 5; }));
  run(supervisor_.stop({"a"}));
  for (const auto& [line, pause] :
       {std::pair{0, "10 ms"}, {1, "20 ms"}, {2, "40 ms"}, {3, "50 ms"}})
    EXPECT_EQ(log_.at(static_cast<std::size_t>(line)),
              std::format("a ended (exit status 3), next start in {}", pause));
}

TEST_F(SupervisorTest, SaysWhyItDidNotBecomeReady) {
  run(start(unit("a", "echo no such thing; exit 1")));
  ASSERT_FALSE(started_);
  EXPECT_EQ(started_.error().code, Code::kUnavailable);
  EXPECT_TRUE(started_.error().message.contains("a ended; the end of " + folder_ + "/a.log:"));
  EXPECT_TRUE(started_.error().message.contains("no such thing"));
  run(start(Unit{"b", {"/no/such/program"}, {}}));
  ASSERT_FALSE(started_);
  EXPECT_TRUE(started_.error().message.contains("/no/such/program")) << started_.error().message;
}

TEST_F(SupervisorTest, KillsWhatDoesNotListen) {
  run(start(unit(
      "a", std::format("trap '' TERM; touch {}/ready.a; while :; do sleep 0.02; done", folder_))));
  const int deaf = pid("a");
  run(supervisor_.stop({"a"}));
  EXPECT_EQ(kill(deaf, 0), -1);
  ASSERT_EQ(log_.size(), 1U);
  EXPECT_EQ(log_.at(0), "a does not end: killed");
}

// The supervisor is killed: its programs run on until the next one ends them.
TEST_F(SupervisorTest, LeftoversAreEndedInOrder) {
  {
    io::Loop loop;
    Supervisor killed(loop, folder_, [](const std::string&) {}, kPatience);
    for (const char* name : {"a", "b"}) {
      loop.spawn([](Supervisor& s, Unit unit, io::Loop& l) -> io::Task<void> {
        const Status started = co_await s.start(std::move(unit));
        EXPECT_TRUE(started);
        l.stop();
      }(killed, obedient(name), loop));
      loop.run();
    }
  }
  EXPECT_EQ(kill(pid("a"), 0), 0);
  run(end_leftovers(folder_, {"b", "a"}, seconds{5}));
  EXPECT_EQ(marks(), "a started;b started;b ended;a ended;");
  run(end_leftovers(folder_, {"b", "a"}, seconds{5}));
}

}  // namespace
}  // namespace godwit::apps
