// The instance's end of the service Join.
#pragma once

#include <chrono>
#include <string>

#include "base/error.h"
#include "base/ids.h"

namespace godwit::grpc_edge {

struct JoinWish {
  std::string address;    // Where Join is served, host:port.
  std::string authority;  // The fleet's CA, PEM: a server without its certificate gets nothing.
  std::string token;
  std::string signing_request;  // PEM; see lib/tls/signing_request.h.
};

struct Joined {
  NodeId node;
  std::string certificate;  // PEM; names `node`.
};

// One try; blocks for at most `limit`. PermissionDenied: the token is not accepted and never will
// be. InvalidArgument: the request is bad. Unavailable: try again (also when an answer was lost:
// the same key gets the same node). DataLoss: the certificate does not name the node.
Result<Joined> join(const JoinWish& wish, std::chrono::milliseconds limit);

}  // namespace godwit::grpc_edge
