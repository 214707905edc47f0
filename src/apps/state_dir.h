// The control plane's folder: its store and the fleet's certificate authority.
#pragma once

#include <string>

#include "base/error.h"
#include "base/time.h"
#include "lib/tls/authority.h"

namespace godwit::apps {

// Only the control plane's user may look into it. Made if it is not there.
Status make_state_dir(const std::string& path);
std::string store_path(const std::string& state_dir);

// The fleet's authority: authority.pem and, of mode 0600, authority.key. Made at the first start.
// DataLoss: the key is missing or one of the two is empty; a person must bring it back, since a
// new authority would lock out all nodes.
Result<tls::Identity> open_authority(const std::string& state_dir, Time now);

// The first user's credentials, for --credentials of the command line: STATE_DIR/user with ca.pem,
// user.pem and user.key. Made if they are not there.
Status make_first_user(const std::string& state_dir, const tls::Identity& authority, Time now);

// The gateway's, for `godwit gateway`: STATE_DIR/gateway with ca.pem, gateway.pem and gateway.key.
// Made if they are not there.
Status make_gateway(const std::string& state_dir, const tls::Identity& authority, Time now);

}  // namespace godwit::apps
