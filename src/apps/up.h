// `godwit up` and `godwit down`: the local cloud, the control plane and the gateway as one, for
// this host's network namespace. A supervisor keeps the three running (supervisor.h); its life is
// that of the file lock DIR/up.lock.
#pragma once

#include <string>

#include "cli/program.h"

namespace godwit::apps {

// Starts a supervisor in the background and waits until all is ready; with --foreground it is the
// supervisor. 0: it is up, also when it was before; 66 no such market; 69 something did not become
// ready, with the end of its log.
int run_up(const cli::UpFlags& flags);

// 0: nothing of it runs any more. `dir` as in UpFlags.
int run_down(const std::string& dir);

}  // namespace godwit::apps
