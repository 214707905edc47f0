// What the two ends of Join say to each other, held against its rules: a token and a key come from
// a stranger, a node's name and certificate from whoever answered.
#pragma once

#include <string>

#include "base/error.h"
#include "edges/grpc/join_client.h"
#include "ports/api.h"

namespace godwit::grpc_edge {

inline constexpr std::size_t kTokenMin = 16, kTokenMax = 128;  // Ours has 64 characters.
inline constexpr std::size_t kSigningRequestMax = 8 * 1024;    // Ours has 400 bytes.

// PermissionDenied: no token of ours looks like this, and the error does not repeat it.
// InvalidArgument: not a signing request.
Result<ports::JoinNode> read_join(const std::string& token, const std::string& signing_request);

// DataLoss: the certificate does not name the node.
Result<Joined> read_joined(const std::string& node, const std::string& certificate);

}  // namespace godwit::grpc_edge
