// A certificate authority of one level: the fleet's own CA signs the certificates of nodes and of
// the control plane, and nobody else's counts. Keys are EC P-256, signatures ECDSA with SHA-256.
//
// A node's certificate says who it is twice: its common name is the node id, which a server reads
// to know its client; its subject alternative name is server_name(id), which a client checks to
// know that it reached that node and no other.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"

namespace godwit::tls {

// A certificate and its private key, both PEM. The key is not encrypted: keep it in a file of mode
// 0600.
struct Identity {
  std::string certificate;
  std::string key;
};

// Seconds count; fractions are cut off.
struct Validity {
  Time from, until;
};

// What a client expects in the certificate of `node`: a host name made from a hash, since a node id
// need not be one ('/', case, length).
std::string server_name(const NodeId& node);

// A new CA. `name` is for people. InvalidArgument if it is empty or longer than 64 bytes, which is
// X.509's limit for common names.
Result<Identity> make_authority(const std::string& name, const Validity& validity);

// A certificate for client and server, signed by `authority`. `more_names` are further names that
// the server answers to, such as "localhost" or "192.0.2.1". InvalidArgument if the id is empty or
// longer than 64 bytes.
Result<Identity> issue(const Identity& authority, const NodeId& node,
                       const std::vector<std::string>& more_names, const Validity& validity);

// The common name in a PEM certificate. InvalidArgument if it is no certificate, or has none.
Result<std::string> common_name(const std::string& certificate);

}  // namespace godwit::tls
