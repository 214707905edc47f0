// What a user wants of a group: guests of one spec that are placed together.
//
// Fields for what comes later exist now, so that specs keep their shape; check() refuses those that
// are set to what is not built, by name. Absent is never refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/money.h"
#include "ports/container.h"

namespace godwit::ports {

// Guests of the group are on different ...
enum class Spread { kNone, kNode, kPool, kZone };
// By which way connections to outside leave. kNode is cheaper, and they break at a move.
enum class Egress { kGateway, kNode };
// When no place costs at most the maximum price.
enum class AboveMaximum { kOnDemand, kWait, kStop };
enum class UpdateStrategy { kRecreate, kRolling };

// Both lists empty: everything. `allow` not empty: nothing else. `deny` wins.
struct Choice {
  std::vector<std::string> allow, deny;
  bool operator==(const Choice&) const = default;
};

struct Volume {
  std::string name, path;
  std::uint32_t size_gib = 0;
  bool operator==(const Volume&) const = default;
};

struct Disruption {
  std::optional<std::uint32_t> guests_max;  // That may be moved or restarted at the same time.
  std::vector<std::string> windows;         // "Sat 02:00-04:00 UTC": moves by choice only then.
  bool operator==(const Disruption&) const = default;
};

struct GroupSpec {
  GroupId name;  // As a DNS label: its guests are name-1, name-2, ...
  std::uint32_t count = 1;
  std::string image_sha256;  // Of the base image, as `godwit image import` prints it.
  // What runs in the guest. The image's own entrypoint, environment, directory and user were put in
  // by the client, which read them from the image: the control plane has no images.
  Container container;
  std::uint32_t memory_mib = 256;  // Of the guest, its kernel included.
  std::uint32_t vcpus = 1;
  std::vector<Port> ports;
  std::optional<MicroUsdPerHour> maximum_price;  // Absent: on-demand.
  AboveMaximum above_maximum = AboveMaximum::kOnDemand;
  Spread spread = Spread::kNone;
  Egress egress = Egress::kGateway;
  Choice clouds, regions, zones, families;
  std::optional<UpdateStrategy> update;
  std::vector<Volume> volumes;
  Disruption disruption;
  bool operator==(const GroupSpec&) const = default;
};

// A guest's kernel and init take some 40 MiB; less than this does not boot.
inline constexpr std::uint32_t kMemoryMibMin = 64;
inline constexpr std::uint32_t kMemoryMibMax = 1024 * 1024;
inline constexpr std::uint32_t kCountMax = 10'000;
inline constexpr std::uint32_t kVcpusMax = 128;

// InvalidArgument: "FIELD: what is wrong: how to fix it", FIELD a path as in the spec file
// ("health.port", "ports[2]"), so that the client can point at the line. The first problem only.
Status check(const GroupSpec& spec);

}  // namespace godwit::ports
