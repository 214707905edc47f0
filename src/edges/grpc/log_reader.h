// The server's end of KeepLog; only for this folder's .cc files.
#pragma once

#include <cstddef>

#include "base/ids.h"
#include "ports/log_transfer.h"

namespace grpc {
template <class Request>
class ServerReadReactor;
}

namespace godwit::agent::v1 {
class LogPiece;
}

namespace godwit::grpc_edge {

// Segments are 4 MiB; a peer cannot make us hold more than this.
inline constexpr std::size_t kMaxLogBytes = 16 * 1024 * 1024;

// Reads one segment and gives it to `logs` (may be null), which outlives the server. `named`: the
// caller has a certificate with a name. Deletes itself.
grpc::ServerReadReactor<agent::v1::LogPiece>* receive_log(bool named, const NodeId& self,
                                                          ports::LogReceiver* logs);

}  // namespace godwit::grpc_edge
