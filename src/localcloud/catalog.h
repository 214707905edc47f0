// What the cloud offers: instance types and zones.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/money.h"

namespace godwit::localcloud {

struct InstanceType {
  std::string name;
  int vcpus = 0;
  std::int64_t memory_mib = 0;
  std::string arch = "x86_64";
  MicroUsdPerHour on_demand;
  bool nested = false;  // CpuOptions.NestedVirtualization may be enabled.
  bool operator==(const InstanceType&) const = default;
};

// One type in one zone. Its spot instances are what is taken away together.
struct Pool {
  std::string type, zone;
  auto operator<=>(const Pool&) const = default;
};

struct Catalog {
  std::string region = "us-east-1";
  std::vector<std::string> zones;  // "us-east-1a"; the index is the zone's number in the VPC.
  std::map<std::string, InstanceType> types;

  const InstanceType* type(std::string_view name) const;  // Null if there is none.
  bool has_zone(std::string_view name) const;
  // "use1-az1" for the first zone of us-east-1.
  std::string zone_id(std::string_view zone) const;
};

// "instance_type,vcpus,memory_mib,arch,ondemand_usd_h" with a header row: data/NAME/types.csv.
Result<std::map<std::string, InstanceType>> parse_types(std::string_view csv);

// The fields of one line; no quoting (no value of ours has a comma).
std::vector<std::string_view> split(std::string_view text, char separator);

}  // namespace godwit::localcloud
