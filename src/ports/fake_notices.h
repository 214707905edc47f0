// A metadata service in memory: what is set is what is told, at once.
#pragma once

#include "ports/notices.h"

namespace godwit::ports {

class FakeNotices final : public Notices {
 public:
  explicit FakeNotices(EventSink<NoticesEvent>& events) : events_(events) {}

  // Set by the test.
  InstanceIdentity identity;
  std::optional<InterruptionNotice> notice;
  std::optional<Error> fail_next;  // The next answer is this.

  void ask_notice() override {
    if (auto error = std::exchange(fail_next, std::nullopt))
      return events_.offer(NoticeTold{std::unexpected(*error)});
    events_.offer(NoticeTold{notice});
  }
  void ask_identity() override {
    if (auto error = std::exchange(fail_next, std::nullopt))
      return events_.offer(IdentityTold{std::unexpected(*error)});
    events_.offer(IdentityTold{identity});
  }

 private:
  EventSink<NoticesEvent>& events_;
};

}  // namespace godwit::ports
