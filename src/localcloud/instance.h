// What the cloud keeps of an instance and of a spot request.
//
//   pending --launch latency--> running --terminate, reclaim or kill--> shutting-down -->
//   terminated
//
// A spot instance that EC2 wants back is marked first (the notice, `notice` long); without notice
// it goes to shutting-down at once. Whatever the state was, its processes are killed when
// shutting-down begins, which is also where the bill ends. Terminated instances are seen for an
// hour.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/money.h"
#include "base/time.h"
#include "localcloud/catalog.h"

namespace godwit::localcloud {

enum class InstanceState { kPending, kRunning, kShuttingDown, kTerminated };

// Why an instance ends, as the API says it.
enum class EndReason {
  kUser,      // TerminateInstances.
  kPrice,     // The spot price passed its maximum.
  kCapacity,  // EC2 wants the capacity back.
  kItself,    // Its first process ended, as by `poweroff`.
  kFailure,   // The host under it failed.
};

using Tags = std::map<std::string, std::string>;

// What RunInstances asks for, checked.
struct LaunchSpec {
  std::string type, zone, image;
  bool spot = false;
  std::optional<MicroUsdPerHour> max_price = {};  // Spot; default: the on-demand price.
  bool nested = false;
  std::string user_data = {};  // Decoded.
  std::string key_name = {};
  Tags tags = {};
  Tags request_tags = {};  // Of the spot request.
  std::string client_token = {};
  std::string digest = {};  // Of everything asked for; two requests with equal token must agree.
  int min_count = 1, max_count = 1;
  bool http_tokens_required = true;
};

struct Interruption {
  EndReason reason = EndReason::kCapacity;
  Time noticed;      // When the decision fell.
  Time at;           // When the instance goes.
  bool told = true;  // False: the notice is lost; the instance never sees it.
};

struct Instance {
  std::string id, reservation, spot_request;
  int launch_index = 0;
  std::uint64_t sequence = 0;  // In order of launch.
  LaunchSpec spec;
  Tags tags;
  std::string address;  // In its zone's subnet.
  InstanceState state = InstanceState::kPending;
  Time launched;  // Whole seconds: the bill begins here.
  Time visible;   // Describe shows it from here on.
  Time running;   // When it does or did.
  std::optional<Interruption> interruption = {};
  std::optional<Time> ended = {};  // Whole seconds: the bill ends here.
  EndReason reason = EndReason::kUser;
  Time terminated;  // Valid once it has ended.

  Pool pool() const { return {spec.type, spec.zone}; }
  bool alive() const {
    return state == InstanceState::kPending || state == InstanceState::kRunning;
  }
  bool ended_by_cloud() const {
    return ended && (reason == EndReason::kPrice || reason == EndReason::kCapacity ||
                     reason == EndReason::kFailure);
  }
};

// One-time requests only; each has exactly one instance.
struct SpotRequest {
  std::string id, instance;
  Time created, updated;
  MicroUsdPerHour max_price;
  std::string state = "active";  // active, closed, cancelled.
  std::string status = "fulfilled";
  Tags tags;
};

}  // namespace godwit::localcloud
