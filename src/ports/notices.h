// What a provider tells the instance that an agent runs on: who it is, and that it is to go.
//
// Questions are accepted at once and answered by one event each, in any order. The agent asks for a
// notice again and again (AWS advises every 5 s). A notice is best effort on every provider: none
// is no promise, and one may be taken back (none after one).
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "base/error.h"
#include "base/time.h"
#include "ports/event_sink.h"

namespace godwit::ports {

struct InstanceIdentity {
  std::string instance, type, zone, region, image;
  std::string address;  // Private IPv4.
  bool spot = false;
  bool operator==(const InstanceIdentity&) const = default;
};

// The instance goes at `at`, in the provider's clock, which may be past.
struct InterruptionNotice {
  enum class Action { kTerminate, kStop, kHibernate };
  Action action = Action::kTerminate;
  Time at;
  bool operator==(const InterruptionNotice&) const = default;
};

// Unavailable or DeadlineExceeded: the service does not answer; ask again. DataLoss: what it
// answers cannot be read; if it is a notice, better be prepared to go.
struct NoticeTold {
  Result<std::optional<InterruptionNotice>> notice;
};
struct IdentityTold {
  Result<InstanceIdentity> identity;
};

using NoticesEvent = std::variant<NoticeTold, IdentityTold>;

class Notices {
 public:
  virtual ~Notices() = default;
  // Answered by one NoticeTold.
  virtual void ask_notice() = 0;
  // Answered by one IdentityTold.
  virtual void ask_identity() = 0;
};

}  // namespace godwit::ports
