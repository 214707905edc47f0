// The gateway's process, put together: the decider of `gateway`, the kernel's network, messages
// from the control plane and from the agents.
#pragma once

#include "apps/gateway_config.h"

namespace godwit::apps {

// Runs until SIGINT or SIGTERM; connections go on without it, and the next one takes over. 0; 1 if
// it could not start; 71 when the kernel refused a change: the caller's supervisor starts it again.
int run_gateway(const GatewayConfig& config);

}  // namespace godwit::apps
