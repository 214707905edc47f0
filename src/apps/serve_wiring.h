// The control plane's process, put together: SQLite store, one stream per agent with mutual TLS,
// the loop of `control`.
#pragma once

#include "apps/serve_config.h"
#include "edges/runtime/control_loop.h"

namespace godwit::apps {

// Runs until SIGINT or SIGTERM; guests do not notice. 0; 1 if it could not start; 74 or 75 when a
// commit failed (edges/runtime/control_loop.h): the caller's supervisor starts it again.
// A `gate` is for tests (ControlLoop::set_gate).
int run_serve(const ServeConfig& config, runtime::ControlLoop::Gate gate = {});

}  // namespace godwit::apps
