// What every Notices promises, as one test text: run on the fake and on the real edge. For tests
// only.
#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "ports/notices.h"

namespace godwit::ports {

struct NoticesRig {
  Notices& notices;
  std::function<NoticesEvent()> next;                          // Waits for the next event.
  std::function<void(std::optional<InterruptionNotice>)> set;  // What the provider will tell.

  Result<std::optional<InterruptionNotice>> notice() {
    notices.ask_notice();
    const NoticesEvent told = next();
    const auto* answer = std::get_if<NoticeTold>(&told);
    EXPECT_TRUE(answer);
    return answer ? answer->notice : fail(Code::kInternal, "not a notice's answer");
  }
  Result<InstanceIdentity> identity() {
    notices.ask_identity();
    const NoticesEvent told = next();
    const auto* answer = std::get_if<IdentityTold>(&told);
    EXPECT_TRUE(answer);
    return answer ? answer->identity : fail(Code::kInternal, "not an identity's answer");
  }
};

inline void expect_notices_contract(NoticesRig& rig, const InstanceIdentity& identity) {
  const auto is = rig.identity();
  ASSERT_TRUE(is) << to_string(is.error());
  EXPECT_EQ(*is, identity);
  using Action = InterruptionNotice::Action;
  const InterruptionNotice at{Action::kTerminate, Time{std::chrono::hours{498'000}}};
  for (const std::optional<InterruptionNotice>& told :
       {std::optional<InterruptionNotice>{}, std::optional(at),
        std::optional(InterruptionNotice{Action::kStop, at.at}),
        std::optional(InterruptionNotice{Action::kHibernate, at.at - std::chrono::seconds{1}}),
        std::optional<InterruptionNotice>{}}) {  // Taken back.
    rig.set(told);
    for (int i = 0; i < 2; ++i) {
      const auto answer = rig.notice();
      ASSERT_TRUE(answer) << to_string(answer.error());
      EXPECT_EQ(*answer, told);
    }
  }
  EXPECT_EQ(rig.identity(), is);
}

}  // namespace godwit::ports
