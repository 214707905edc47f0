// The supervisor of a local region: cloud, control plane and gateway as three programs of this
// executable, in the caller's network namespace.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace godwit::apps {

struct RegionPlace {
  std::string dir;     // Absolute; see up_files.h.
  std::string market;  // Path of its file.
};

// Who asks for something goes first, so that nothing is launched any more; then the cloud with its
// instances.
inline const std::vector<std::string> kRegionEndOrder{"serve", "gateway", "cloud"};

// Makes the directory, and holds its lock until this process ends, however it does. Aborted:
// another one runs there.
Status lock_region(const std::string& dir);

// Runs until SIGINT or SIGTERM, then ends all. DIR/up.json is there while all is ready. 0; 69 when
// something did not become ready: then nothing is left, and stderr has the end of its log.
int run_region(const RegionPlace& place);

}  // namespace godwit::apps
