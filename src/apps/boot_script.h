// The user data of an instance that is to become a node.
#pragma once

#include <string>

#include "apps/join_config.h"

namespace godwit::apps {

struct BootScript {
  std::string agent_sha256;  // Of the program, at join.artifacts.
  JoinConfig join;
};

// A POSIX shell script, at most 16 KiB (EC2's limit). It holds the token: whoever reads the user
// data, from inside by the metadata service, could join until the agent has.
//
// It brings the agent to STATE_DIR/bin and checks its hash, writes /etc/godwit/join.json (0600),
// and runs `godwit agent --join` again whenever it ends, after 1 s to 60 s; it never ends by
// itself. A second run ends at once. Output of all: /var/log/godwit-agent.log, moved to .1 at 10
// MiB. Needs curl, sha256sum and flock on the node's image, and what the agent needs (QEMU, nft,
// iproute2).
std::string boot_script(const BootScript& what);

}  // namespace godwit::apps
