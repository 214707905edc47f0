// The local cloud's process: the cloud itself, the way to one that runs, and the beginnings of
// instances (the cloud starts its own program again for each).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "lib/json/json.h"

namespace godwit::apps {

// Until SIGINT or SIGTERM, then 0; 78 the configuration is wrong; 69 it cannot start.
int run_cloud(const std::string& config);

// The answer of the cloud that listens at `socket`: localcloud/admin.h. Unavailable: none does.
Result<json::Value> ask_cloud(const std::string& socket, const json::Value& request);

// If a program's words are those that the cloud says to itself: runs them, the status.
std::optional<int> run_clouds_own(const std::vector<std::string>& words);

}  // namespace godwit::apps
