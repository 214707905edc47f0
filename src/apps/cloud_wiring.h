// The local cloud's process: the cloud itself, its operator's hand, and the beginnings of instances
// (the cloud starts its own program again for each).
#pragma once

#include <string>
#include <vector>

namespace godwit::apps {

// `words` are those after the program's name: CONFIG.json, "ctl ...", and the two below. The
// status.
int run_cloud(const std::vector<std::string>& words);

// Whether a program's first word is one that the cloud says to itself.
bool is_clouds_own(const std::string& word);

}  // namespace godwit::apps
