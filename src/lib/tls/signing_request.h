// Signing requests (PKCS#10): how a node gets a certificate for a key that never leaves it. The
// request proves only that its maker has the private key; who he is, the signer knows otherwise,
// and nothing that the request says of a name is taken over.
#pragma once

#include <string>

#include "base/error.h"
#include "base/ids.h"
#include "lib/tls/authority.h"

namespace godwit::tls {

// Both PEM. The key is not encrypted: keep it in a file of mode 0600.
struct SigningRequest {
  std::string request;
  std::string key;
};

// A new key (EC P-256) and a request for it, without any name.
Result<SigningRequest> make_request();
// A request for a key that was made before. InvalidArgument: not a PEM key.
Result<std::string> request_for(const std::string& key);

// Who asks: SHA-256 of the public key (DER SubjectPublicKeyInfo). InvalidArgument: no request, not
// signed by its own key, or the key is not EC P-256.
Result<std::string> key_sha256(const std::string& request);

// A certificate (PEM) as issue() makes, for the request's key in place of a new one.
// InvalidArgument as key_sha256() and issue().
Result<std::string> sign_request(const Identity& authority, const std::string& request,
                                 const NodeId& node, const Validity& validity);

// Whether the PEM certificate is for the PEM key.
bool is_pair(const Identity& identity);

}  // namespace godwit::tls
