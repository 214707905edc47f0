// The agent's process, put together: the same in production and in tests, which may wrap its ports.
#pragma once

#include <memory>

#include "apps/agent_config.h"
#include "edges/runtime/agent_loop.h"

namespace godwit::apps {

// Called with the real ports before anything happens; returns the ports that the agent shall act
// through. What it returns outlives the agent. The AgentLoop takes the events of wrapped ports.
using WrapPorts =
    std::function<runtime::AgentPorts(io::Loop&, const runtime::AgentPorts&, runtime::AgentLoop&)>;

// Runs until SIGINT or SIGTERM (QEMUs go on); the exit code.
int run_agent(const AgentConfig& config, const WrapPorts& wrap);

}  // namespace godwit::apps
