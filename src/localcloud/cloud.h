// The cloud as one object without clock, thread or I/O: calls come with the time they come at, and
// what must happen to real instances goes out as effects. Times never go back.
//
// Every call first lets happen what is due by then (launches finish, prices pass a maximum,
// instances under notice go), in order of time, so results do not depend on how often it is called.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "localcloud/bill.h"
#include "localcloud/catalog.h"
#include "localcloud/instance.h"
#include "localcloud/market.h"
#include "localcloud/throttle.h"

namespace godwit::localcloud {

struct Image {
  std::string id, name;
};

struct Config {
  Catalog catalog;
  std::vector<Image> images;
  BillingRule billing;
  std::string account = "123456789012";
  Duration launch_latency = std::chrono::seconds{20};
  Duration visible_after = std::chrono::seconds{1};  // Eventual consistency of Describe.
  Duration shutdown = std::chrono::seconds{5};       // shutting-down to terminated.
  Duration notice = std::chrono::seconds{120};       // AWS: two minutes.
  int notices_lost_percent = 0;                      // Notices are best effort on AWS.
  Duration forget = std::chrono::hours{1};           // Terminated instances are shown as long.
  std::optional<int> pool_capacity = {};             // Of each pool's spot side.
  int spot_vcpus_max = 256;                          // Quotas, by vCPUs as AWS counts them.
  int on_demand_vcpus_max = 256;
  std::map<std::string, BucketSize> buckets = {{"RunInstances", {5, 2}}};
  BucketSize other_buckets = {100, 20};
  BucketSize launch_bucket = {1000, 2};  // Instances, besides the bucket of the action.
  std::uint64_t seed = 1;
};

// Why the API says no: an EC2 error code and a sentence.
struct Refusal {
  std::string code, message;
};
template <class T>
using Outcome = std::expected<T, Refusal>;
inline std::unexpected<Refusal> refuse(std::string code, std::string message) {
  return std::unexpected(Refusal{std::move(code), std::move(message)});
}

// To be done to a real instance, in order.
struct Effect {
  enum class Kind { kBoot, kKill } kind;
  std::string instance;
  bool operator==(const Effect&) const = default;
};

struct BillItem {
  std::string instance;
  bool spot = false;
  Pool pool;
  Time start;
  std::optional<Time> end;  // None: it runs, and is charged as if the user ended it now.
  bool ended_by_cloud = false;
  Charge charge;
};

class Cloud {
 public:
  Cloud(Config config, Market market, Time start);

  const Config& config() const { return config_; }
  const Catalog& catalog() const { return config_.catalog; }
  const Market& market() const { return market_; }

  // Lets happen what is due. The time of the next such thing, if there is one.
  void advance(Time now);
  std::optional<Time> next_due() const;
  // What advance() and the other calls want done since the last asking.
  std::vector<Effect> take_effects() { return std::exchange(effects_, {}); }

  // One token of the action's bucket: RequestLimitExceeded.
  std::optional<Refusal> throttle(const std::string& action, Time now);

  // RunInstances. All `max_count` instances, or as many as capacity allows from `min_count` on, or
  // a refusal that changed nothing. A client token seen before gives its reservation again.
  // `dry` checks everything and launches nothing. Codes: IdempotentParameterMismatch,
  // InsufficientInstanceCapacity, SpotMaxPriceTooLow, MaxSpotInstanceCountExceeded,
  // VcpuLimitExceeded, RequestLimitExceeded, InsufficientFreeAddressesInSubnet, Unsupported.
  Outcome<std::vector<const Instance*>> run(const LaunchSpec& spec, bool dry, Time now);

  // Of one that is shown; terminating twice is harmless.
  void terminate(const std::string& id, Time now);
  // What the API shows at `now`, in order of launch. Pointers live until the next call that changes
  // anything.
  std::vector<const Instance*> shown(Time now) const;
  const Instance* find_shown(const std::string& id, Time now) const;

  std::vector<const SpotRequest*> spot_requests() const;
  // The request's new state; null: no such request.
  const SpotRequest* cancel_spot_request(const std::string& id, Time now);

  // Tags of a shown instance or a spot request; null: no such resource.
  Tags* tags_of(const std::string& id, Time now);

  // The operator's hand. NotFound and FailedPrecondition (not a running spot instance).
  Result<Time> set_price(const Pool& pool, std::optional<MicroUsdPerHour> price, Time now);
  // Fewer than there are: the cheapest maximum prices go first, of these the youngest.
  Status set_capacity(const Pool& pool, bool spot, std::optional<int> count, Time now);
  Status reclaim(const std::string& id, bool with_notice, Time now);
  // It died by itself, or the host under it failed.
  Status end(const std::string& id, EndReason reason, Time now);

  const Instance* find(const std::string& id) const;  // Shown or not.
  const SpotRequest* find_request(const std::string& id) const;
  std::vector<const Instance*> all() const;  // In order of launch.
  std::vector<BillItem> bill(Time now) const;

 private:
  void step(Time at);
  void step_instance(Instance& instance, Time at);
  void interrupt(Instance& instance, EndReason reason, bool with_notice, Time at);
  void finish(Instance& instance, EndReason reason, Time at);
  std::optional<Time> due(const Instance& instance) const;
  Outcome<int> how_many(const LaunchSpec& spec, Time now);
  std::optional<Refusal> over_quota(const LaunchSpec& spec) const;
  Instance& launch(const LaunchSpec& spec, const std::string& reservation, int index, Time now);
  int alive_in(const Pool& pool, bool spot) const;
  std::string draw_id(const std::string& prefix);
  std::optional<std::string> free_address(const std::string& zone) const;
  Outcome<std::vector<const Instance*>> replay_token(const LaunchSpec& spec) const;

  Config config_;
  Market market_;
  Throttle throttle_;
  Random random_;
  Time now_;
  std::uint64_t launches_ = 0;
  std::map<std::string, Instance> instances_;
  std::map<std::string, SpotRequest> requests_;
  std::map<std::string, std::pair<std::string, std::string>> tokens_;  // To digest, reservation.
  std::vector<Effect> effects_;
};

}  // namespace godwit::localcloud
