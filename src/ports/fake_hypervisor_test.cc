#include "ports/fake_hypervisor.h"

#include <gtest/gtest.h>

#include <array>
#include <deque>

#include "ports/hypervisor_contract.h"

namespace godwit::ports {
namespace {

struct Answers final : EventSink<HypervisorEvent> {
  std::deque<HypervisorAnswer> answers;
  void offer(HypervisorEvent event) override { answers.push_back(std::move(event.answer)); }
};

class FakeRig {
 public:
  static const char* why_not() { return nullptr; }
  FakeHypervisor& node(int n) { return nodes_[n]; }
  std::optional<HypervisorAnswer> next(int n) {
    while (sinks_[n].answers.empty())
      if (!nodes_[0].deliver() && !nodes_[1].deliver()) return std::nullopt;
    HypervisorAnswer answer = sinks_[n].answers.front();
    sinks_[n].answers.pop_front();
    return answer;
  }
  void kill(int n) { nodes_[n].kill(guest_); }
  void restart_agent(int n) {
    nodes_[n].forget();
    sinks_[n].answers.clear();
  }
  void hold_stream(bool on) {
    for (FakeHypervisor& node : nodes_) node.hold_stream(guest_, on);
  }
  MachineRecord machine() const {
    MachineRecord m;
    m.qemu_version = "10.0.13";
    m.overlay_bytes = 1 << 20;
    return m;
  }

 private:
  const GuestId guest_{"g1"};
  FakeWire wire_;
  std::array<Answers, 2> sinks_;
  std::array<FakeHypervisor, 2> nodes_{FakeHypervisor{wire_, sinks_[0]},
                                       FakeHypervisor{wire_, sinks_[1]}};
};

INSTANTIATE_TYPED_TEST_SUITE_P(Fake, HypervisorContract, FakeRig);

// The failures that come late, which the contract cannot order of a real QEMU.
class LateFailures : public HypervisorContract<FakeRig> {
 protected:
  FakeHypervisor& a() { return rig_.node(0); }
  FakeHypervisor& b() { return rig_.node(1); }
};

// Both have the whole guest, and the source runs by itself: only the destination's -S keeps it one.
TEST_F(LateFailures, SourceRunsByItselfAfterTheDestinationHasLoaded) {
  ASSERT_NO_FATAL_FAILURE(start(0));
  a().set_memory(guest_, 7);
  a().plant(guest_, FakeFault::kLateFailure);
  ASSERT_NO_FATAL_FAILURE(stop(0, 1));
  ASSERT_TRUE(ask<MirrorClosed>(0, CloseMirror{}));
  ASSERT_TRUE(ask<Failed>(0, Continue{}));
  EXPECT_TRUE(a().runs(guest_));
  ASSERT_TRUE(ask<Loaded>(1, Finish{}));
  EXPECT_FALSE(b().runs(guest_));
  EXPECT_EQ(b().memory(guest_), 7u);
}

TEST_F(LateFailures, NoEndInDevice) {
  ASSERT_NO_FATAL_FAILURE(start(0));
  a().plant(guest_, FakeFault::kNoEnd);
  ASSERT_NO_FATAL_FAILURE(stop(0, 1));
  ASSERT_TRUE(ask<MirrorClosed>(0, CloseMirror{}));
  a().submit(guest_, Continue{});
  EXPECT_FALSE(rig_.next(0));  // No answer ever comes.
  EXPECT_FALSE(a().pending());
  EXPECT_EQ(state(1), Qemu::kIncoming);
  ASSERT_TRUE(ask<Running>(0, Resume{}));
  EXPECT_TRUE(a().runs(guest_));
}

TEST_F(LateFailures, MirrorEndsWithAnErrorAndContFails) {
  ASSERT_NO_FATAL_FAILURE(start(0));
  a().plant(guest_, FakeFault::kMirrorError);
  ASSERT_NO_FATAL_FAILURE(stop(0, 1));
  EXPECT_EQ(refusal(0, CloseMirror{}), Code::kUnavailable);
  EXPECT_EQ(refusal(0, Continue{}), Code::kFailedPrecondition);
  ASSERT_TRUE(ask<Running>(0, Resume{}));
  ASSERT_TRUE(ask<Discarded>(1, Discard{}));
  ASSERT_NO_FATAL_FAILURE(move(0, 1));
  b().plant(guest_, FakeFault::kRunFails);
  EXPECT_EQ(refusal(1, ports::Run{}), Code::kUnavailable);
  EXPECT_EQ(state(1), Qemu::kLoaded);
  EXPECT_EQ(state(0), Qemu::kCompleted);
}

}  // namespace
}  // namespace godwit::ports
