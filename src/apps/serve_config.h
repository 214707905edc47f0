// What `godwit-serve` is started with: one JSON file.
#pragma once

#include <string>

#include "base/error.h"

namespace godwit::apps {

struct ServeConfig {
  std::string state_dir;   // Made at the first start, mode 0700: store, authority and its key.
  std::string listen;      // For the agents, host:port.
  std::string api;         // For users, host:port; empty: not opened.
  std::string admin_door;  // Path of a UNIX socket (admin_door.h); empty: no door.
};

// The error names file, field and remedy.
Result<ServeConfig> load_serve_config(const std::string& path);

}  // namespace godwit::apps
