// The door to one provider in one region: instances are launched, ended and looked at, and prices
// and types are read. Pure data; nothing here knows a wire format.
//
// Commands are accepted at once and answered by one event each, under the caller's number; answers
// may come in any order. A command that is submitted twice is done twice: only Launch is told apart
// by the provider, by its client token. The port decides nothing: it retries what is harmless to
// repeat, and says with CloudRefusal what the planner must do otherwise.
//
// Providers are eventually consistent: an instance just launched may be missing from Listed and
// Examined for some seconds. So absence proves nothing; only a DeathCertificate does.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/money.h"
#include "base/time.h"
#include "core/market/price.h"
#include "ports/event_sink.h"

namespace godwit::ports {

enum class CapacityType { kSpot, kOnDemand };

// One instance of one offering. Answer: Launched or CloudFailed.
//
// `client_token` is 1 to 64 printable ASCII characters, one per attempt: the same token with the
// same command gives the same instance, also after a crash of ours; with another command it is
// refused (kMismatch). A new attempt, after a refusal, takes a new token. A spot instance is
// one-time and ends when it is interrupted.
struct Launch {
  std::string client_token;
  std::string type, zone;
  CapacityType capacity = CapacityType::kSpot;
  std::optional<MicroUsdPerHour> max_price = {};  // Spot only; default: the on-demand price.
  bool nested = false;                            // Nested virtualization is switched on.
  std::string image;
  std::string user_data = {};                    // Raw bytes, at most 16 KiB.
  std::map<std::string, std::string> tags = {};  // Of the instance, from its first moment on.
  bool operator==(const Launch&) const = default;
};
// Answer: Terminating (also when it ends or has ended already), or CloudFailed.
struct Terminate {
  std::string instance;
};
// All instances with this tag, those that ended lately included: a fleet's incarnation, say.
// Answer: Listed or CloudFailed.
struct ListInstances {
  std::string tag, value;
};
// What is known of one instance now. Answer: Examined or CloudFailed.
struct Examine {
  std::string instance;
};
// Spot price changes since a time, and for each pool the change in effect at that time. Empty
// `types`: all. Answer: PricesRead or CloudFailed.
struct ReadPrices {
  Time since;
  std::vector<std::string> types = {};
};
// Types and where they are offered. Empty `types`: all. Answer: TypesRead or CloudFailed.
struct ReadTypes {
  std::vector<std::string> types = {};
};

using CloudCommand = std::variant<Launch, Terminate, ListInstances, Examine, ReadPrices, ReadTypes>;

enum class InstanceState { kPending, kRunning, kShuttingDown, kTerminated, kOther };

enum class EndedBy {
  kUser,      // We, or the instance itself by powering off.
  kProvider,  // Interruption, or a failure below it; it matters for the bill.
};

// How an instance came to its end. The bill ends at `at`.
struct InstanceEnd {
  EndedBy by = EndedBy::kUser;
  std::optional<Time> at = {};  // Whole seconds; absent if the provider does not say.
  std::string reason;           // The provider's code, "Server.SpotInstanceTermination".
  bool operator==(const InstanceEnd&) const = default;
};

struct CloudInstance {
  std::string id;
  std::string type, zone;
  CapacityType capacity = CapacityType::kOnDemand;
  InstanceState state = InstanceState::kPending;
  Time launched;        // Whole seconds: the bill begins here.
  std::string address;  // Private IPv4; empty before there is one and after the end.
  std::string client_token;
  std::map<std::string, std::string> tags;
  std::optional<InstanceEnd> end = {};  // Set as soon as it is shutting down.
  bool operator==(const CloudInstance&) const = default;
};

// The provider's final word that this instance's memory is gone, and with it every boot of it: what
// `core/migration` calls certified dead. It is given for the state terminated alone: not for
// shutting-down, not for an instance that is not shown, not for one that is stopped.
struct DeathCertificate {
  std::string instance;
  InstanceEnd end;
  bool operator==(const DeathCertificate&) const = default;
};

struct InstanceType {
  std::string name;
  int vcpus = 0;
  std::int64_t memory_mib = 0;
  std::string architecture;  // "x86_64", "arm64".
  bool nests = false;        // Nested virtualization can be switched on, or it is bare metal.
  bool bare_metal = false;
  std::vector<CapacityType> capacity_types;
  // Where it is offered in some capacity type, in order of name. Spot may still be refused there.
  std::vector<std::string> zones;
  bool operator==(const InstanceType&) const = default;
};

struct Launched {
  CloudInstance instance;
};
// The provider took it. `known` is false if it still did not know the instance after the time in
// which it must have become visible; that is no certificate.
struct Terminating {
  bool known = true;
};
struct Listed {
  std::vector<CloudInstance> instances;  // In order of id.
};
struct Examined {
  std::optional<CloudInstance> instance;  // None: not shown.
  std::optional<DeathCertificate> certificate;
};
struct PricesRead {
  std::map<market::Pool, std::vector<market::PriceChange>> changes;  // In order of time, no two at
                                                                     // the same time.
};
struct TypesRead {
  std::vector<InstanceType> types;  // In order of name.
};

// Why, beside the error's code: what to do next.
enum class CloudRefusal {
  kPool,       // ResourceExhausted. No capacity in this pool: take another one.
  kPrice,      // ResourceExhausted. The pool's price is above max_price: take another one.
  kQuota,      // ResourceExhausted. The account's limit: another zone does not help.
  kOffering,   // FailedPrecondition. Not offered there, or not with this ability.
  kMismatch,   // FailedPrecondition. The client token was used with another command.
  kThrottled,  // Unavailable. Too many requests, also after the port's own retries.
  kOutage,     // Unavailable or DeadlineExceeded. The provider or the way to it fails; it may have
               // been done: repeat a Launch with its token.
  kCredentials,  // PermissionDenied. A person must act.
  kRequest,      // InvalidArgument or NotFound: the command is wrong, or names what is not there.
  kAnswer,       // DataLoss. What came back cannot be read; it may have been done.
};
struct CloudFailed {
  CloudRefusal refusal = CloudRefusal::kOutage;
  Error error;
};

using CloudAnswer =
    std::variant<Launched, Terminating, Listed, Examined, PricesRead, TypesRead, CloudFailed>;

struct CloudEvent {
  std::uint64_t command = 0;
  CloudAnswer answer;
};

class Cloud {
 public:
  virtual ~Cloud() = default;
  virtual void submit(std::uint64_t command, CloudCommand what) = 0;
};

}  // namespace godwit::ports
