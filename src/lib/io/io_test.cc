#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "lib/io/child.h"
#include "lib/io/loop.h"
#include "lib/io/stream.h"

namespace godwit::io {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string path_of(const std::string& name) {
  return std::format("{}/io-{}-{}", ::testing::TempDir(), ::getpid(), name);
}

Task<void> echo_lines(Listener listener) {
  auto stream = co_await listener.accept();
  if (!stream) co_return;
  for (;;) {
    auto line = co_await stream->read_line(100);
    if (!line) break;
    (void)co_await stream->write_all(*line + "!\n");
  }
}

Task<void> talk(Loop& loop, std::string path, std::vector<std::string>& heard) {
  auto stream = co_await Stream::connect_unix(path);
  if (stream) {
    for (const char* word : {"one\n", "two\nthree\n"}) (void)co_await stream->write_all(word);
    for (int i = 0; i < 3; ++i) heard.push_back((co_await stream->read_line(100)).value_or("-"));
    (void)co_await stream->write_all(std::string(101, 'x') + "\n");
    // The other end gives up on a line above its limit.
    heard.push_back(to_string((co_await stream->read_line(100)).error()));
  }
  loop.stop();
}

// Two tasks of one loop speak over a socket; lines split and joined by the stream arrive whole.
TEST(Stream, LinesOverAUnixSocket) {
  Loop loop;
  const std::string path = path_of("echo");
  auto listener = Listener::listen_unix(loop, path);
  ASSERT_TRUE(listener);
  std::vector<std::string> heard;
  loop.spawn(echo_lines(std::move(*listener)));
  loop.spawn(talk(loop, path, heard));
  loop.run();
  ASSERT_EQ(heard.size(), 4u);
  EXPECT_EQ(heard[0], "one!");
  EXPECT_EQ(heard[2], "three!");
  EXPECT_TRUE(heard[3].starts_with("UNAVAILABLE")) << heard[3];
}

Task<void> connect_badly(Loop& loop, std::vector<Code>& codes) {
  codes.push_back((co_await Stream::connect_unix(path_of("nobody"))).error().code);
  codes.push_back((co_await Stream::connect_unix(std::string(200, 'x'))).error().code);
  codes.push_back((co_await Stream::connect_tcp("name", 1, seconds{1})).error().code);
  codes.push_back((co_await Stream::connect_tcp("127.0.0.1", 1, seconds{1})).error().code);
  loop.stop();
}

TEST(Stream, ConnectErrorsHaveTheirCodes) {
  Loop loop;
  std::vector<Code> codes;
  loop.spawn(connect_badly(loop, codes));
  loop.run();
  EXPECT_EQ(codes, (std::vector{Code::kNotFound, Code::kInvalidArgument, Code::kInvalidArgument,
                                Code::kUnavailable}));
}

Task<void> wait_twice(Loop& loop, Notifier& notifier, std::vector<bool>& woken) {
  woken.push_back(co_await notifier.wait(milliseconds{1}));
  woken.push_back(co_await notifier.wait(seconds{30}));
  loop.stop();
}

// A waiter wakes by timeout or by notify, whichever comes first, also from another thread's post.
TEST(Loop, NotifierAndPosts) {
  Loop loop;
  Notifier notifier(loop);
  std::vector<bool> woken;
  loop.spawn(wait_twice(loop, notifier, woken));
  std::thread other(
      [&] { loop.post([&] { loop.after(milliseconds{20}, [&] { notifier.notify(); }); }); });
  loop.run();
  other.join();
  EXPECT_EQ(woken, (std::vector{false, true}));
}

TEST(Loop, SignalsAreCalls) {
  Loop loop;
  int seen = 0;
  loop.on_signal({SIGUSR1}, [&](int signal) {
    seen = signal;
    loop.stop();
  });
  loop.post([] { ::raise(SIGUSR1); });
  loop.run();
  EXPECT_EQ(seen, SIGUSR1);
}

Task<void> children(Loop& loop, std::vector<std::string>& ends) {
  ends.push_back(
      co_await wait_ended(*start_program({.argv = {"sh", "-c", "exit 3"}, .output = ""})));
  const auto sleeper = start_program({.argv = {"sleep", "60"}, .output = ""});
  const std::string file = path_of("pid");
  (void)write_pid_file(file, *sleeper);
  ends.push_back(read_pid_file(file) == *sleeper ? "found" : "lost");
  RunningProgram other = *sleeper;
  ++other.start_ticks;
  (void)send_signal(other, SIGKILL);  // Same pid, another program: left alone.
  ends.push_back(is_alive(*sleeper) && !is_alive(other) ? "alive" : "dead");
  (void)send_signal(*sleeper, SIGKILL);
  ends.push_back(co_await wait_ended(*sleeper));
  ends.push_back(read_pid_file(file) ? "found" : "lost");
  const std::string out = path_of("out");
  const auto failed = co_await run_program({"sh", "-c", "echo why >&2; exit 1"}, out);
  ends.push_back(failed ? "ran" : failed.error().message);
  loop.stop();
}

// A child's end is told once and rightly; a pid file names the program, not the pid.
TEST(Child, EndsAndPidFiles) {
  Loop loop;
  std::vector<std::string> ends;
  loop.spawn(children(loop, ends));
  loop.run();
  EXPECT_EQ(ends, (std::vector<std::string>{"exit status 3", "found", "alive", "signal 9", "lost",
                                            "sh: exit status 1: why\n"}));
  EXPECT_EQ(start_program({.argv = {"/no/such/program"}, .output = ""}).error().code,
            Code::kNotFound);
}

}  // namespace
}  // namespace godwit::io
