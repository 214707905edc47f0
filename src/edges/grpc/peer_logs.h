// A guest's log files to the node it went to, over connections of their own: bulk bytes must not
// wait before the agents' messages. Mutual TLS as in peer.h.
#pragma once

#include <memory>
#include <string>

#include "base/ids.h"
#include "edges/grpc/credentials.h"
#include "ports/log_transfer.h"

namespace godwit::grpc_edge {

class PeerLogs final : public ports::LogSender {
 public:
  explicit PeerLogs(Credentials credentials);
  ~PeerLogs() override;  // Ends calls under way; they are done with an error.

  // Where a node's PeerServer is, "10.0.1.7:7001".
  void set_address(const NodeId& node, const std::string& address);

  // InvalidArgument: the receiver says it is no segment. Any other error: it may be sent again.
  void send(const NodeId& to, ports::LogSegment segment, ports::LogDone done) override;

 private:
  class Lines;
  std::unique_ptr<Lines> lines_;
};

}  // namespace godwit::grpc_edge
