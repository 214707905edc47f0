// `godwit up` and `godwit down`: the local cloud, the control plane and the gateway as one, for
// this host's network namespace. A supervisor keeps the three running (supervisor.h); its life is
// that of the file lock DIR/up.lock.
#pragma once

#include <string>
#include <vector>

namespace godwit::apps {

// Starts a supervisor in the background and waits until all is ready; with --foreground it is the
// supervisor. 0: it is up, also when it was before; 64 wrong usage; 66 no such market; 69 something
// did not become ready, with the end of its log.
int run_up(const std::vector<std::string>& words);

// 0: nothing of it runs any more.
int run_down(const std::vector<std::string>& words);

}  // namespace godwit::apps
