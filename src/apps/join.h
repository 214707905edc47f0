// From a bare instance to a node: makes a key, joins, and says how the agent is to run here.
#pragma once

#include "apps/agent_config.h"
#include "apps/join_config.h"

namespace godwit::apps {

// Joins once in the instance's life: STATE_DIR/identity keeps key.pem and node.pem (0600); with
// them nothing is asked. Until then it tries again, for ever, after 0.5 s to 30 s; the key is kept
// before the first try, since an answer may be lost.
//
// Also makes the folders, and holds RUN_DIR/agent.lock until the process ends. FailedPrecondition:
// another agent has the lock. PermissionDenied: the token is not accepted and never will be, so the
// instance must be replaced. Others: what is wrong with this instance.
Result<AgentConfig> become_node(const JoinConfig& join);

}  // namespace godwit::apps
