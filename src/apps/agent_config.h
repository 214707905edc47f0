// What `godwit agent` is started with: one JSON file.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "agent/guest.h"
#include "apps/config_file.h"
#include "base/error.h"
#include "edges/grpc/credentials.h"
#include "edges/qemu/config.h"

namespace godwit::apps {

struct AgentConfig {
  agent::Config agent;
  ports::Fleet fleet;   // Until the control plane has said who else there is.
  std::string listen;   // Where this agent listens for its peers, host:port.
  std::string control;  // The control plane, host:port.
  grpc_edge::Credentials credentials;
  qemu::Config qemu;
  std::optional<std::string> gateway;  // Underlay address of the gateway of guests.
  std::string record_dir;
  std::string
      log_dir;  // Of the guests' containers. Grows to LogLimits::total_bytes for each guest.
  std::string boot_id;    // Path of the node's boot id.
  std::string artifacts;  // "http://HOST:PORT", for images that are not here; empty: nowhere.
  std::string imds;       // "http://169.254.169.254", asked for notices; empty: nobody is.
};

// Between two questions to the metadata service, if there is one. Each second of the notice counts
// (Azure gives 30), and the service is the host's own: one request a second is no load.
inline constexpr Duration kAskNotice = std::chrono::seconds{1};

// Reads the file and the certificates that it names. The error names file, field and remedy.
Result<AgentConfig> load_agent_config(const std::string& path);
Result<AgentConfig> parse_agent_config(std::string_view text, const ReadFile& read_file);

}  // namespace godwit::apps
