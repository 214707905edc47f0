// What a new instance is told, to become a node: join.json, which its boot script writes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace godwit::apps {

struct JoinConfig {
  std::string token;
  std::string authority;  // The fleet's CA, PEM. What cannot show its certificate is not believed.
  std::string join;       // Where Join is served, host:port.
  std::string control;    // Where the control plane takes agents, host:port.
  std::string artifacts;  // "http://HOST:PORT", numeric; for images that are not here.
  std::string imds;       // "http://169.254.169.254"; empty: no metadata service to ask.
  std::optional<std::string> gateway;  // Underlay address of the guests' gateway.
  std::uint16_t port = 7001;           // The agent listens for its peers at its own address.
  // Of the node's memory, for its system, the agent, and QEMU's own memory beside its guests'.
  std::uint32_t memory_reserve_mib = 512;
  // Identity, records, images, overlays and logs; sockets and all that a reboot may take.
  std::string state_dir = "/var/lib/godwit";
  std::string run_dir = "/run/godwit";
  bool operator==(const JoinConfig&) const = default;
};

// One line of JSON, and back. InvalidArgument: which member is missing, unknown or not possible.
std::string to_json(const JoinConfig& config);
Result<JoinConfig> parse_join_config(std::string_view text);
// The error names the file.
Result<JoinConfig> load_join_config(const std::string& path);

}  // namespace godwit::apps
