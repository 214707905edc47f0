// The fake keeps the port's contract, and fails when told to, once.
#include "ports/fake_notices.h"

#include "ports/notices_contract.h"

namespace godwit::ports {
namespace {

struct Events final : EventSink<NoticesEvent> {
  void offer(NoticesEvent event) override { last = std::move(event); }
  std::optional<NoticesEvent> last;
};

TEST(FakeNotices, KeepsTheContractAndFailsOnce) {
  Events events;
  FakeNotices notices(events);
  notices.identity = {"i-1", "c8i.large", "us-east-1a", "us-east-1", "ami-1", "10.0.0.9", true};
  NoticesRig rig{notices, [&] { return *std::exchange(events.last, std::nullopt); },
                 [&](std::optional<InterruptionNotice> notice) { notices.notice = notice; }};
  expect_notices_contract(rig, notices.identity);
  notices.fail_next = Error{Code::kUnavailable, "no answer"};
  EXPECT_EQ(rig.notice().error().code, Code::kUnavailable);
  EXPECT_TRUE(rig.notice());
}

}  // namespace
}  // namespace godwit::ports
