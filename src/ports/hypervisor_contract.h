// What every Hypervisor keeps to, as one test text: run on the fake and on real QEMUs.
//
// A Rig has two nodes, 0 and 1, with one guest "g1", and says how their world is held and broken:
//   Hypervisor& node(n)        the port of a node
//   optional<Answer> next(n)   its next event, waited for; none: nothing came
//   void kill(n)               the guest's QEMU there dies
//   void restart_agent(n)      a new Hypervisor over the same QEMUs; what was under way is
//   forgotten void hold_stream(bool)     while on, a stream started later does not end
//   MachineRecord machine()
//   static const char* why_not()   why it cannot run here; null: it can
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <variant>

#include "ports/hypervisor.h"

namespace godwit::ports {

template <class Rig>
class HypervisorContract : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const char* why = Rig::why_not()) GTEST_SKIP() << why;
  }

  using Qemu = Inspected::Qemu;
  const GuestId guest_{"g1"};
  const std::string key_ = "00112233445566778899aabbccddeeff";
  Rig rig_;
  std::uint32_t attempts_ = 0;
  AttemptName attempt_;
  EpochName epoch_{3, 1};
  bool restarts_ = false;  // Restart both agents before each command.

  // The answer of kind T; any other but Progress is a failure of the test.
  template <class T>
  std::optional<T> expect(int node) {
    for (;;) {
      const std::optional<HypervisorAnswer> answer = rig_.next(node);
      if (!answer) {
        ADD_FAILURE() << "node " << node << " is silent";
        return std::nullopt;
      }
      if (const T* t = std::get_if<T>(&*answer)) return *t;
      if (std::holds_alternative<Progress>(*answer)) continue;
      const Failed* failed = std::get_if<Failed>(&*answer);
      ADD_FAILURE() << "node " << node << " answers number " << answer->index() << " "
                    << (failed ? failed->command + ": " + to_string(failed->error) : "");
      return std::nullopt;
    }
  }

  template <class T>
  std::optional<T> ask(int node, HypervisorCommand command) {
    if (restarts_) {
      rig_.restart_agent(0);
      rig_.restart_agent(1);
    }
    rig_.node(node).submit(guest_, std::move(command));
    return expect<T>(node);
  }

  // The code of a refusal, or none when it was not refused.
  std::optional<Code> refusal(int node, HypervisorCommand command) {
    const auto failed = ask<Failed>(node, std::move(command));
    return failed ? std::optional(failed->error.code) : std::nullopt;
  }

  Qemu state(int node) {
    const auto found = ask<Inspected>(node, Inspect{});
    return found ? found->qemu : Qemu::kNone;
  }

  void start(int node) {
    ASSERT_TRUE(ask<Started>(node, Boot{rig_.machine(), ""}));
    ASSERT_TRUE(ask<Running>(node, ports::Run{}));
  }

  // The Send that fits a new listener at `to`.
  std::optional<Send> receive(int to) {
    attempt_ = {NodeId{"i-0/b-0"}, ++attempts_};
    const auto at = ask<Listening>(to, Receive{rig_.machine(), "", attempt_, epoch_, key_});
    if (!at) return std::nullopt;
    return Send{attempt_, "127.0.0.1", at->migration_port, at->disk_port, key_};
  }

  void stop(int from, int to) {
    const auto send = receive(to);
    ASSERT_TRUE(send);
    ASSERT_TRUE(ask<MirrorReady>(from, *send));
    ASSERT_TRUE(expect<Stopped>(from));
  }

  void move(int from, int to) {
    ASSERT_NO_FATAL_FAILURE(stop(from, to));
    ASSERT_TRUE(ask<MirrorClosed>(from, CloseMirror{}));
    const auto completed = ask<Completed>(from, Continue{});
    ASSERT_TRUE(completed);
    EXPECT_GT(completed->ram_bytes, 0u);
    ASSERT_TRUE(ask<Loaded>(to, Finish{}));
  }
};

TYPED_TEST_SUITE_P(HypervisorContract);

// A guest is born, runs, moves, and is gone from where it came from; each state reads back.
TYPED_TEST_P(HypervisorContract, MovesAGuest) {
  using Qemu = Inspected::Qemu;
  EXPECT_EQ(this->state(0), Qemu::kNone);
  ASSERT_TRUE(this->template ask<Started>(0, Boot{this->rig_.machine(), ""}));
  EXPECT_EQ(this->state(0), Qemu::kPrelaunch);
  ASSERT_TRUE(this->template ask<Running>(0, ports::Run{}));
  ASSERT_TRUE(this->template ask<Running>(0, ports::Run{}));  // Repeating is harmless.
  EXPECT_EQ(this->state(0), Qemu::kRunning);
  const auto send = this->receive(1);
  ASSERT_TRUE(send);
  EXPECT_EQ(this->state(1), Qemu::kIncoming);
  EXPECT_EQ(this->refusal(1, ports::Run{}), Code::kFailedPrecondition);
  ASSERT_TRUE(this->template ask<MirrorReady>(0, *send));
  const auto stopped = this->template expect<Stopped>(0);
  ASSERT_TRUE(stopped);
  EXPECT_EQ(this->refusal(0, Continue{}), Code::kFailedPrecondition);  // The mirror is open.
  EXPECT_EQ(this->refusal(0, ports::Run{}), Code::kFailedPrecondition);
  EXPECT_EQ(this->refusal(1, ports::Run{}), Code::kFailedPrecondition);
  ASSERT_TRUE(this->template ask<MirrorClosed>(0, CloseMirror{}));
  ASSERT_TRUE(this->template ask<Completed>(0, Continue{}));
  ASSERT_TRUE(this->template ask<Loaded>(1, Finish{}));
  EXPECT_EQ(this->refusal(1, Resume{}), Code::kFailedPrecondition);  // That is the source's way.
  const auto running = this->template ask<Running>(1, ports::Run{});
  ASSERT_TRUE(running);
  EXPECT_GE(running->at, stopped->at);
  ASSERT_TRUE(this->template ask<Discarded>(0, Discard{}));
  EXPECT_EQ(this->state(0), Qemu::kNone);
  EXPECT_EQ(this->state(1), Qemu::kRunning);
  ASSERT_TRUE(this->template ask<Discarded>(0, Discard{}));
}

// Agents restart before every command of a move: QEMU alone knows what is under way.
TYPED_TEST_P(HypervisorContract, AgentsMayRestartAtEachStep) {
  using Qemu = Inspected::Qemu;
  this->restarts_ = true;
  ASSERT_NO_FATAL_FAILURE(this->start(0));
  ASSERT_NO_FATAL_FAILURE(this->stop(0, 1));
  EXPECT_EQ(this->state(0), Qemu::kSending);
  EXPECT_EQ(this->state(1), Qemu::kIncoming);
  ASSERT_TRUE(this->template ask<MirrorClosed>(0, CloseMirror{}));
  EXPECT_EQ(this->state(0), Qemu::kSending);
  ASSERT_TRUE(this->template ask<Completed>(0, Continue{}));
  EXPECT_EQ(this->state(0), Qemu::kCompleted);
  ASSERT_TRUE(this->template ask<Loaded>(1, Finish{}));
  const auto spare = this->template ask<Inspected>(1, Inspect{});
  ASSERT_TRUE(spare);
  EXPECT_EQ(spare->qemu, Qemu::kLoaded);
  EXPECT_EQ(spare->attempt, this->attempt_);
  EXPECT_EQ(spare->epoch, this->epoch_);
  ASSERT_TRUE(this->template ask<Loaded>(1, Finish{}));  // Repeating is harmless.
  ASSERT_TRUE(this->template ask<Running>(1, ports::Run{}));
  EXPECT_EQ(this->state(0), Qemu::kCompleted);
  EXPECT_EQ(this->state(1), Qemu::kRunning);
}

// A stream that does not end is cancelled: the guest never stopped, and the next attempt, into the
// overlay that was kept, works.
TYPED_TEST_P(HypervisorContract, ResumeInPrecopy) {
  using Qemu = Inspected::Qemu;
  this->rig_.hold_stream(true);
  ASSERT_NO_FATAL_FAILURE(this->start(0));
  auto send = this->receive(1);
  ASSERT_TRUE(send);
  ASSERT_TRUE(this->template ask<MirrorReady>(0, *send));
  std::optional<HypervisorAnswer> news = this->rig_.next(0);
  ASSERT_TRUE(news && std::holds_alternative<Progress>(*news));
  ASSERT_TRUE(this->template ask<Running>(0, Resume{}));  // The Send is not answered any more.
  EXPECT_EQ(this->state(0), Qemu::kRunning);
  EXPECT_EQ(this->state(1), Qemu::kIncoming);
  ASSERT_TRUE(this->template ask<Running>(0, Resume{}));  // Repeating is harmless.
  ASSERT_TRUE(this->template ask<Discarded>(1, Discard{.keep_overlay = true}));
  this->rig_.hold_stream(false);
  ASSERT_NO_FATAL_FAILURE(this->move(0, 1));
  ASSERT_TRUE(this->template ask<Running>(1, ports::Run{}));
}

// The agent dies in precopy; its successor finds a stream under way, and ends it.
TYPED_TEST_P(HypervisorContract, ResumeInPrecopyAfterARestart) {
  using Qemu = Inspected::Qemu;
  this->rig_.hold_stream(true);
  ASSERT_NO_FATAL_FAILURE(this->start(0));
  const auto send = this->receive(1);
  ASSERT_TRUE(send);
  ASSERT_TRUE(this->template ask<MirrorReady>(0, *send));
  std::optional<HypervisorAnswer> news = this->rig_.next(0);
  ASSERT_TRUE(news && std::holds_alternative<Progress>(*news));
  this->rig_.restart_agent(0);
  EXPECT_EQ(this->state(0), Qemu::kSending);
  ASSERT_TRUE(this->template ask<Running>(0, Resume{}));
  EXPECT_EQ(this->state(0), Qemu::kRunning);
}

// A stopped guest runs again where it was, before and after its mirror was closed; then it moves.
TYPED_TEST_P(HypervisorContract, ResumeWhenStopped) {
  using Qemu = Inspected::Qemu;
  ASSERT_NO_FATAL_FAILURE(this->start(0));
  for (const bool closed : {false, true}) {
    ASSERT_NO_FATAL_FAILURE(this->stop(0, 1));
    if (closed) {
      ASSERT_TRUE(this->template ask<MirrorClosed>(0, CloseMirror{}));
    }
    ASSERT_TRUE(this->template ask<Running>(0, Resume{}));
    EXPECT_EQ(this->state(0), Qemu::kRunning);
    EXPECT_EQ(this->refusal(1, ports::Run{}), Code::kFailedPrecondition);
    ASSERT_TRUE(this->template ask<Discarded>(1, Discard{.keep_overlay = true}));
  }
  ASSERT_NO_FATAL_FAILURE(this->move(0, 1));
}

// Whoever has not this attempt's key gets nothing; the guest runs on, and the listener still serves
// the right key.
TYPED_TEST_P(HypervisorContract, WrongKeyIsRefused) {
  ASSERT_NO_FATAL_FAILURE(this->start(0));
  auto send = this->receive(1);
  ASSERT_TRUE(send);
  Send wrong = *send;
  wrong.key.back() = '0';
  EXPECT_TRUE(this->refusal(0, wrong));
  EXPECT_EQ(this->state(0), Inspected::Qemu::kRunning);
  ASSERT_TRUE(this->template ask<MirrorReady>(0, *send));
  ASSERT_TRUE(this->template expect<Stopped>(0));
}

// The destination's QEMU dies before the stream is complete: the source runs on, the destination
// says Gone.
TYPED_TEST_P(HypervisorContract, DestinationDiesWhenStopped) {
  using Qemu = Inspected::Qemu;
  ASSERT_NO_FATAL_FAILURE(this->start(0));
  ASSERT_NO_FATAL_FAILURE(this->stop(0, 1));
  this->rig_.kill(1);
  ASSERT_TRUE(this->template expect<Gone>(1));
  EXPECT_EQ(this->state(1), Qemu::kNone);
  EXPECT_TRUE(this->refusal(0, CloseMirror{}));
  ASSERT_TRUE(this->template ask<Running>(0, Resume{}));
  EXPECT_EQ(this->state(0), Qemu::kRunning);
}

// As before, but with the mirror already closed: Continue fails, and the guest runs again at its
// source.
TYPED_TEST_P(HypervisorContract, DestinationDiesBeforeContinue) {
  ASSERT_NO_FATAL_FAILURE(this->start(0));
  ASSERT_NO_FATAL_FAILURE(this->stop(0, 1));
  ASSERT_TRUE(this->template ask<MirrorClosed>(0, CloseMirror{}));
  this->rig_.kill(1);
  ASSERT_TRUE(this->template expect<Gone>(1));
  EXPECT_TRUE(this->refusal(0, Continue{}));
  ASSERT_TRUE(this->template ask<Running>(0, Resume{}));
  EXPECT_EQ(this->state(0), Inspected::Qemu::kRunning);
}

// After Completed the source stands still whatever becomes of the destination; told to run, it
// does, and it can move again.
TYPED_TEST_P(HypervisorContract, SourceTakesOverFromCompleted) {
  using Qemu = Inspected::Qemu;
  ASSERT_NO_FATAL_FAILURE(this->start(0));
  ASSERT_NO_FATAL_FAILURE(this->move(0, 1));
  this->rig_.kill(1);
  ASSERT_TRUE(this->template expect<Gone>(1));
  EXPECT_EQ(this->state(0), Qemu::kCompleted);
  ASSERT_TRUE(this->template ask<Running>(0, ports::Run{}));
  EXPECT_EQ(this->state(0), Qemu::kRunning);
  ASSERT_NO_FATAL_FAILURE(this->move(0, 1));
  ASSERT_TRUE(this->template ask<Running>(0, Resume{}));  // By `cont`: nothing was granted.
  EXPECT_EQ(this->state(0), Qemu::kRunning);
}

// There and back: the received guest sends, the emptied node receives.
TYPED_TEST_P(HypervisorContract, MovesBack) {
  ASSERT_NO_FATAL_FAILURE(this->start(0));
  ASSERT_NO_FATAL_FAILURE(this->move(0, 1));
  ASSERT_TRUE(this->template ask<Running>(1, ports::Run{}));
  ASSERT_TRUE(this->template ask<Discarded>(0, Discard{}));
  ASSERT_NO_FATAL_FAILURE(this->move(1, 0));
  ASSERT_TRUE(this->template ask<Running>(0, ports::Run{}));
  const auto at_source = this->template ask<Inspected>(0, Inspect{});
  ASSERT_TRUE(at_source);
  EXPECT_EQ(at_source->qemu, Inspected::Qemu::kRunning);
}

// Commands that do not fit are refused with their codes; nothing else changes.
TYPED_TEST_P(HypervisorContract, RefusesWhatDoesNotFit) {
  EXPECT_EQ(this->refusal(0, ports::Run{}), Code::kNotFound);
  EXPECT_EQ(this->refusal(0, Resume{}), Code::kNotFound);
  MachineRecord other = this->rig_.machine();
  other.qemu_version = "1.2.3";
  EXPECT_EQ(this->refusal(0, Boot{other, ""}), Code::kFailedPrecondition);
  EXPECT_EQ(this->state(0), Inspected::Qemu::kNone);
  ASSERT_NO_FATAL_FAILURE(this->start(0));
  EXPECT_EQ(this->refusal(0, Boot{this->rig_.machine(), ""}), Code::kAlreadyExists);
  EXPECT_EQ(this->refusal(0, CloseMirror{}), Code::kFailedPrecondition);
  EXPECT_EQ(this->refusal(0, Continue{}), Code::kFailedPrecondition);
  EXPECT_EQ(this->refusal(0, Finish{}), Code::kFailedPrecondition);
  this->rig_.kill(0);
  ASSERT_TRUE(this->template expect<Gone>(0));
  EXPECT_EQ(this->refusal(0, ports::Run{}), Code::kNotFound);
}

REGISTER_TYPED_TEST_SUITE_P(HypervisorContract, MovesAGuest, AgentsMayRestartAtEachStep,
                            ResumeInPrecopy, ResumeInPrecopyAfterARestart, ResumeWhenStopped,
                            WrongKeyIsRefused, DestinationDiesWhenStopped,
                            DestinationDiesBeforeContinue, SourceTakesOverFromCompleted, MovesBack,
                            RefusesWhatDoesNotFit);

}  // namespace godwit::ports
