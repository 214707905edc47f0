// The parts of init that run anywhere: rings, cutters, policies, programs, and the port over a pair
// of sockets. The whole of it, as PID 1, is booted by the tests of edges/guestlink.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>

#include "base/random.h"
#include "guest/clock.h"
#include "guest/container.h"
#include "guest/execs.h"
#include "guest/log_ring.h"
#include "guest/port.h"

namespace godwit::guest {
namespace {

using std::chrono::milliseconds;

std::vector<std::uint64_t> sequences(const std::vector<frame::Message>& messages) {
  std::vector<std::uint64_t> out;
  for (const auto& m : messages) out.push_back(std::get<frame::LogLine>(m).sequence);
  return out;
}

TEST(LogRing, SendsAgainWhatIsNotAcknowledged) {
  int woken = 0;
  LogRing ring(1 << 20, [&] { ++woken; });
  for (int i = 0; i < 5; ++i) ring.append(1, false, 0, "x");
  EXPECT_EQ(woken, 5);
  EXPECT_EQ(sequences(ring.take(1 << 20)), (std::vector<std::uint64_t>{1, 2, 3, 4, 5}));
  EXPECT_TRUE(ring.take(1 << 20).empty());
  ring.acknowledge(2);
  EXPECT_TRUE(ring.take(1 << 20).empty());
  ring.rewind();
  EXPECT_EQ(sequences(ring.take(1)), (std::vector<std::uint64_t>{3}));
  ring.acknowledge(99);
  EXPECT_EQ(ring.first(), 6u);
  ring.append(1, false, 0, "y");
  EXPECT_EQ(sequences(ring.take(1)), (std::vector<std::uint64_t>{6}));
}

// A ring of a few lines, a writer that is faster: it waits, and every line comes out once.
TEST(LogRing, AFullRingMakesTheContainerWait) {
  LogRing ring(300, [] {});
  std::thread writer([&] {
    for (int i = 0; i < 1000; ++i) ring.append(1, false, 0, "line");
  });
  std::uint64_t next = 1;
  while (next <= 1000) {
    for (const std::uint64_t sequence : sequences(ring.take(100))) {
      ASSERT_EQ(sequence, next++);
      ring.acknowledge(sequence);
    }
  }
  writer.join();
  EXPECT_GT(ring.waits(), 0u);
}

// Lines joined from their pieces are the stream, wherever the reads cut it.
TEST(LineCutter, PiecesJoinToTheStream) {
  Random random(1);
  for (int round = 0; round < 50; ++round) {
    std::string stream;
    for (std::uint64_t i = random.below(6); i > 0; --i)
      stream += std::string(random.below(3 * frame::kMaxLine), 'x') + (random.below(4) ? "\n" : "");
    LineCutter cutter;
    std::vector<LineCutter::Line> lines;
    const auto add = [&](std::vector<LineCutter::Line> more) {
      lines.insert(lines.end(), more.begin(), more.end());
    };
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t n = random.below(20'000) + 1;
      add(cutter.feed(std::string_view(stream).substr(at, n)));
      at += n;
    }
    add(cutter.end());
    std::string joined;
    for (const auto& line : lines) {
      EXPECT_LE(line.text.size(), frame::kMaxLine);
      joined += line.text + (line.cut ? "" : "\n");
    }
    if (!stream.empty() && !stream.ends_with('\n') && !joined.empty() && joined.ends_with('\n'))
      joined.pop_back();
    EXPECT_EQ(joined, stream);
  }
}

TEST(Clock, SteppedForwardOnlyWhenFarBehind) {
  EXPECT_EQ(correction(50'001, false), (Correction{50'001, 0}));
  EXPECT_EQ(correction(50'000, false), (Correction{0, 50'000}));
  EXPECT_EQ(correction(-9'000'000, false), (Correction{0, -9'000'000}));
  // Before the container starts.
  EXPECT_EQ(correction(-9'000'000, true), (Correction{-9'000'000, 0}));
  EXPECT_EQ(correction(-50'000, true), (Correction{0, -50'000}));
  EXPECT_EQ(behind(7, 9), -2);
  EXPECT_EQ(behind(INT64_MIN, 1), INT64_MIN);
  EXPECT_EQ(behind(INT64_MAX, -1), INT64_MAX);
}

TEST(Restart, PolicyAndBackOff) {
  const Ending good{0, 0}, bad{1, 0}, killed{-1, 9};
  for (const Ending& end : {good, bad, killed}) {
    EXPECT_TRUE(starts_again(frame::Restart::kAlways, end));
    EXPECT_FALSE(starts_again(frame::Restart::kNever, end));
    EXPECT_EQ(starts_again(frame::Restart::kOnFailure, end), &end != &good && end.exit_status != 0);
  }
  const frame::Start start{.backoff_ms = 100, .backoff_max_ms = 1500};
  EXPECT_EQ(back_off(start, 0), milliseconds{100});
  EXPECT_EQ(back_off(start, 3), milliseconds{800});
  EXPECT_EQ(back_off(start, 4), milliseconds{1500});
  EXPECT_EQ(back_off(start, 4'000'000'000), milliseconds{1500});
}

Children& children() {
  // Never destroyed: its reaper waits on its condition for ever, and so would the destructor.
  static Children& all = *new Children;
  return all;
}

frame::Program shell(const std::string& script) {
  return {{"sh", "-c", script}, {"PATH=/usr/bin:/bin"}, "/", ::getuid(), ::getgid()};
}

// What an exec prints arrives whole and in order over any number of sessions, then its end.
TEST(Execs, OutputIsSentAgainFromWhereTheNodeHasIt) {
  Execs execs(children(), "/", [] {});
  const frame::Exec request{7, shell("for i in 1 2 3; do echo out$i; done; echo err >&2; exit 5"),
                            0, 0};
  std::string out;
  std::optional<frame::ExecEnd> end;
  for (int session = 0; !end && session < 1000; ++session) {
    execs.rewind();
    frame::Exec again = request;
    again.have = out.size();
    execs.request(again);
    ::usleep(2000);
    for (const auto& m : execs.take(1)) {
      if (const auto* o = std::get_if<frame::ExecOutput>(&m)) {
        ASSERT_EQ(o->offset, out.size());
        out += o->bytes;
      } else {
        end = std::get<frame::ExecEnd>(m);
      }
    }
  }
  ASSERT_TRUE(end);
  EXPECT_EQ(end->exit_status, 5);
  EXPECT_EQ(out.size(), 19u);
}

TEST(Children, AFailedStartSaysWhichStep) {
  frame::Program program = shell("true");
  program.cwd = "/nowhere";
  EXPECT_EQ(children().spawn("/", program, 1, 2).error().message,
            "sh: enter the working directory: No such file or directory");
  program = shell("");
  program.argv = {"/etc/passwd"};
  EXPECT_EQ(children().spawn("/", program, 1, 2).error().message,
            "/etc/passwd: run: Permission denied");
  program.argv = {};
  EXPECT_FALSE(children().spawn("/", program, 1, 2));
}

std::size_t descriptors() {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

// Health checks start a program every few seconds for as long as the guest lives.
TEST(Children, LeaveNoDescriptorsOpen) {
  frame::Program missing = shell("");
  missing.argv = {"no-such-program"};
  const auto run_both = [&] {
    const auto pid = children().spawn("/", shell("exit 0"), 1, 2);
    EXPECT_TRUE(pid && children().wait(*pid, std::nullopt));
    EXPECT_FALSE(children().spawn("/", missing, 1, 2));
  };
  run_both();
  const std::size_t before = descriptors();
  for (int i = 0; i < 100; ++i) run_both();
  EXPECT_LE(descriptors(), before);  // Execs of other tests may end meanwhile.
}

// What goes wrong has to fit into the frame that says so.
TEST(Children, ALongNameIsCut) {
  frame::Program program = shell("");
  program.argv = {std::string(60'000, 'x')};
  EXPECT_EQ(children().spawn("/", program, 1, 2).error().message,
            std::string(200, 'x') + ": run: File name too long");
}

// More execs than may run at once are refused, and the refused are not kept for ever.
TEST(Execs, ARefusedOneSaysSoAndIsForgotten) {
  static Execs& execs = *new Execs(children(), "/", [] {});  // For ever: its threads are.
  for (frame::Id id = 1; id <= 200; ++id) execs.request({id, shell("sleep 600"), 1000, 0});
  std::size_t refused = 0;
  for (const auto& m : execs.take(1 << 20))
    if (const auto* end = std::get_if<frame::ExecEnd>(&m))
      refused += end->error == "32 programs run already";
  EXPECT_EQ(refused, Execs::kKept);
}

struct Watched {
  LogRing log{1 << 20, [] {}};
  std::atomic<int> told{0};
  Container container{
      children(), log, {.root = "/", .kill_rest = [] {}, .tell = [this](const auto&) { ++told; }}};
  bool reaches(const std::function<bool(const frame::State&)>& condition) {
    for (int i = 0; i < 1000 && !condition(container.state()); ++i) ::usleep(10'000);
    return condition(container.state());
  }
};

// Containers live for ever by design: their threads do.
Watched& watched() {
  static std::vector<Watched*>& all = *new std::vector<Watched*>;
  return *all.emplace_back(new Watched);
}

// A container that fails is started again until it is stopped.
TEST(Container, IsRestartedOnFailureAndStopped) {
  Watched& w = watched();
  const frame::Start start{.program = shell("echo run; exit 4"),
                           .restart = frame::Restart::kOnFailure,
                           .backoff_ms = 1,
                           .backoff_max_ms = 1};
  EXPECT_EQ(w.container.start(start), "");
  EXPECT_TRUE(w.reaches([](const auto& s) { return s.runs >= 3 && s.exit_status == 4; }));
  EXPECT_EQ(w.container.stop(milliseconds{1000}), "");
  EXPECT_TRUE(w.reaches([](const auto& s) { return s.phase == frame::Phase::kEnded; }));
  // The run that the stop met may not have come to print.
  EXPECT_LE(w.container.state().runs - w.log.take(1 << 20).size(), 1u);
  const std::uint32_t runs = w.container.state().runs;
  ::usleep(50'000);
  EXPECT_EQ(w.container.state().runs, runs);
}

TEST(Container, HealthAndSignals) {
  Watched& w = watched();
  frame::Start start{.program = shell("trap 'exit 9' USR1; while :; do sleep 0.05; done")};
  start.health = {.kind = frame::HealthKind::kExec,
                  .argv = {"sh", "-c", "exit 1"},
                  .interval_ms = 100,
                  .failures = 2};
  EXPECT_EQ(w.container.signal(SIGUSR1), "the container is not running");
  EXPECT_EQ(w.container.start(start), "");
  EXPECT_TRUE(w.reaches([](const auto& s) { return s.health == frame::Health::kUnhealthy; }));
  EXPECT_EQ(w.container.state().why, "health check ended with 1");
  EXPECT_EQ(w.container.signal(SIGUSR1), "");
  EXPECT_TRUE(w.reaches([](const auto& s) { return s.phase == frame::Phase::kEnded; }));
  EXPECT_EQ(w.container.state().exit_status, 9);
}

TEST(Container, AProgramThatIsNotThere) {
  Watched& w = watched();
  frame::Start start{.program = shell("")};
  start.program.argv = {"no-such-program"};
  EXPECT_EQ(w.container.start(start), "");
  EXPECT_TRUE(w.reaches([](const auto& s) { return s.phase == frame::Phase::kEnded; }));
  EXPECT_EQ(w.container.state().exit_status, 127);
  EXPECT_EQ(w.container.state().why, "no-such-program: run: No such file or directory");
}

}  // namespace
}  // namespace godwit::guest
