// The embedded default: what `godwit up` makes of one directory and a market. All of it is written
// anew at each `up`, except state/ with the fleet's authority and credentials.
//
//   cloud.json, serve.json, gateway.json      configurations, of mode 0600
//   cloud.log, serve.log, gateway.log, up.log, and NAME.pid of each
//   cloud.sock, serve.sock                    operator's hand of the cloud; admin door
//   state/                                    of serve; state/user has the user's credentials
//   instances/                                of the cloud
//   images/                                   base images, kernel, initramfs: named by their hash
//   up.json                                   there while all is ready: where everything is
#pragma once

#include <string>

#include "base/error.h"

namespace godwit::apps {

// In the local cloud, the control plane's host: localcloud/vpc.h.
inline constexpr const char* kHostAddress = "10.0.200.10";
inline constexpr int kEc2Port = 7400, kAgentsPort = 7002, kGatewayPort = 7003, kJoinPort = 7004,
                     kArtifactsPort = 7005, kApiPort = 7443;

// $XDG_STATE_HOME/godwit, or /run/godwit without it.
std::string default_up_dir();

// The cloud's admin socket in there; where nothing is up there, that of a cloud whose configuration
// names none.
std::string default_cloud_socket();

// A market's file: members of the cloud's configuration (types, prices, billing ...), and "policy"
// and "machine" of the control plane's. `name` is that of a file in data/markets or
// /usr/share/godwit/markets without ".json", or a path with one. NotFound lists the names there
// are.
Result<std::string> find_market(const std::string& name);

// What guests begin with.
struct BootFiles {
  std::string kernel, initramfs;
};
// Beside the program at `self` in a build directory, or /usr/lib/godwit. NotFound: which is
// missing.
Result<BootFiles> find_boot_files(const std::string& self);

// Makes the directory (0700) and writes the configurations. A fleet of an earlier `up` is gone with
// its cloud, so its store is deleted; its authority and credentials stay.
Status write_up_files(const std::string& dir, const std::string& market, const BootFiles& boot);

// What up.json says.
std::string describe_up(const std::string& dir, const std::string& market);

}  // namespace godwit::apps
