// A booted guest that writes memory and disk all the time is moved between two real QEMUs: it goes
// on counting on the other side, and finds there every block it wrote here.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "edges/qemu/real_rig_test.h"

namespace godwit::qemu {
namespace {

using Clock = std::chrono::steady_clock;

long last_tick(const std::string& console) {
  const auto at = console.rfind("tick ", console.rfind('\n'));
  return at == std::string::npos ? 0 : std::atol(console.c_str() + at + 5);
}

bool await_tick(const RealRig& rig, int node, long tick) {
  const auto deadline = Clock::now() + std::chrono::seconds{90};
  while (last_tick(rig.console(node)) < tick) {
    if (Clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
  return true;
}

template <class T>
T expect(RealRig& rig, int node, ports::HypervisorCommand command, bool submit = true) {
  if (submit) rig.node(node).submit(GuestId{"g1"}, std::move(command));
  for (;;) {
    const auto answer = rig.next(node);
    if (answer && std::holds_alternative<ports::Progress>(*answer)) continue;
    if (answer && std::holds_alternative<T>(*answer)) return std::get<T>(*answer);
    const auto* failed = answer ? std::get_if<ports::Failed>(&*answer) : nullptr;
    ADD_FAILURE() << "node " << node << ": " << (failed ? to_string(failed->error) : "silence");
    return T{};
  }
}

TEST(RealMove, MemoryAndDiskComeAlong) {
  if (!real_qemu_is_here()) GTEST_SKIP() << "no qemu, kernel or gcc here";
  RealRig rig;
  expect<ports::Started>(rig, 0, ports::Boot{rig.machine(), ""});
  expect<ports::Running>(rig, 0, ports::Run{});
  ASSERT_TRUE(await_tick(rig, 0, 100)) << rig.console(0);

  const std::string key(32, 'b');
  const ports::AttemptName attempt{NodeId{"i-0/b"}, 1};
  const auto at =
      expect<ports::Listening>(rig, 1, ports::Receive{rig.machine(), "", attempt, {1, 0}, key});
  const ports::Send send{attempt, "127.0.0.1", at.migration_port, at.disk_port, key};
  const auto begin = Clock::now();
  expect<ports::MirrorReady>(rig, 0, send);
  const auto stopped = expect<ports::Stopped>(rig, 0, {}, false);
  expect<ports::MirrorClosed>(rig, 0, ports::CloseMirror{});
  const auto completed = expect<ports::Completed>(rig, 0, ports::Continue{});
  expect<ports::Loaded>(rig, 1, ports::Finish{});
  const auto running = expect<ports::Running>(rig, 1, ports::Run{});
  ASSERT_FALSE(HasFailure());
  const auto total = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin);
  std::printf("move: %lld ms, stopped %lld ms, %llu bytes, %llu while stopped\n",
              static_cast<long long>(total.count()),
              static_cast<long long>((running.at - stopped.at).count() / 1000),
              static_cast<unsigned long long>(completed.ram_bytes),
              static_cast<unsigned long long>(completed.bytes_while_stopped));
  expect<ports::Discarded>(rig, 0, ports::Discard{});

  const long before = last_tick(rig.console(0));
  ASSERT_TRUE(await_tick(rig, 1, before + 100)) << rig.console(1);
  EXPECT_EQ(rig.console(0).find("BAD"), std::string::npos) << rig.console(0);
  EXPECT_EQ(rig.console(1).find("BAD"), std::string::npos) << rig.console(1);
  expect<ports::Discarded>(rig, 1, ports::Discard{.keep_overlay = true});
  EXPECT_EQ(std::system(("qemu-img check -q " + rig.overlay(1)).c_str()), 0);
}

// The destination falls silent, its connections open, while the source sends all of its memory in
// the last phase. QEMU then blocks with its big lock held; Resume cuts the stream out-of-band, and
// the guest runs on.
TEST(RealMove, ASilentDestinationCostsNoGuest) {
  if (!real_qemu_is_here()) GTEST_SKIP() << "no qemu, kernel or gcc here";
  RealRig rig;
  // Then QEMU stops the guest at once, and everything is sent in the pause.
  rig.configure([](Config& config) { config.stream.downtime_limit_ms = 2'000'000; });
  expect<ports::Started>(rig, 0, ports::Boot{rig.machine(), ""});
  expect<ports::Running>(rig, 0, ports::Run{});
  ASSERT_TRUE(await_tick(rig, 0, 100)) << rig.console(0);
  const std::string key(32, 'b');
  const ports::AttemptName attempt{NodeId{"i-0/b"}, 1};
  const auto at =
      expect<ports::Listening>(rig, 1, ports::Receive{rig.machine(), "", attempt, {1, 0}, key});
  expect<ports::MirrorReady>(
      rig, 0, ports::Send{attempt, "127.0.0.1", at.migration_port, at.disk_port, key});
  expect<ports::Stopped>(rig, 0, {}, false);
  expect<ports::MirrorClosed>(rig, 0, ports::CloseMirror{});
  rig.halt(1);
  const auto failed = expect<ports::Failed>(rig, 0, ports::Continue{});
  EXPECT_EQ(failed.error.code, Code::kDeadlineExceeded) << to_string(failed.error);
  EXPECT_TRUE(failed.error.message.contains("no answer from qemu")) << failed.error.message;
  expect<ports::Running>(rig, 0, ports::Resume{});
  ASSERT_TRUE(await_tick(rig, 0, last_tick(rig.console(0)) + 100)) << rig.console(0);
  EXPECT_EQ(rig.console(0).find("BAD"), std::string::npos) << rig.console(0);
}

}  // namespace
}  // namespace godwit::qemu
