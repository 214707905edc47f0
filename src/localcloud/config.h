// The configuration file of `godwit cloud`: JSON, unknown members refused. Members and defaults:
//
//   address "127.0.0.1", port 0 (any free), port_file "" (written when all is ready)
//   tls null (plain HTTP) or {certificate, key}: PEM of the EC2 API's server
//   admin_socket "/run/godwit-cloud.sock"
//   region "us-east-1"; zones [] (default: those of the prices)
//   types_file ""; types {NAME: {vcpus, memory_mib, on_demand_usd, nested}}; nested_types [NAME]
//   prices_file ""; prices {"TYPE/ZONE": "USD"} (constant); skip_s 0; compress 1 (see Replay)
//   billing {kind "per-second"|"auction", rate "in-effect"|"locked", period_s 3600, minimum_s 60}
//   images {"ami-...": NAME}; credentials [{access_key_id, secret_access_key}]; account
//   launch_latency_ms, visible_after_ms, shutdown_ms, notice_s, notices_lost_percent
//   pool_capacity null, spot_vcpus_max, on_demand_vcpus_max
//   buckets {ACTION: [TOKENS, PER_SECOND]}, other_buckets, launch_bucket; seed 1
//   instances null (nothing is started) or {rootfs "/usr/lib/godwit/rootfs",
//     state_dir "/run/godwit-cloud", mounts [{from, to}] (read-only in every instance),
//     cpu_percent_per_vcpu 100, memory_percent 100}: see HostConfig
//
// Paths are relative to the working directory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "lib/json/json.h"
#include "lib/sigv4/sigv4.h"
#include "lib/tls/authority.h"
#include "localcloud/cloud.h"

namespace godwit::localcloud {

// Real instances: what they run on.
struct HostConfig {
  std::string rootfs = "/usr/lib/godwit/rootfs";  // Lower layer of every instance's root.
  std::string state_dir = "/run/godwit-cloud";    // Upper layers, logs. Not on an overlay.
  std::vector<std::pair<std::string, std::string>> mounts;  // From, to; read-only.
  // What a vCPU and a MiB of the type's name are worth here: 100 is all of it.
  int cpu_percent_per_vcpu = 100;
  int memory_percent = 100;
};

struct ServiceConfig {
  Config cloud;
  Series series;  // Not yet moved to the present.
  Duration skip{0};
  std::int64_t compress = 1;
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  std::string port_file;
  std::optional<tls::Identity> tls;
  std::string admin_socket = "/run/godwit-cloud.sock";
  std::vector<sigv4::Credentials> credentials;
  std::optional<HostConfig> instances;
};

// InvalidArgument: not JSON, an unknown member, a value that cannot be.
Result<ServiceConfig> parse_service_config(std::string_view text);
Result<ServiceConfig> load_service_config(const std::string& path);

}  // namespace godwit::localcloud
