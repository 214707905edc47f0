#include <grpcpp/server.h>
#include <grpcpp/server_context.h>

#include <atomic>
#include <format>
#include <utility>

#include "edges/grpc/channel.h"
#include "edges/grpc/codec.h"
#include "edges/grpc/log_reader.h"
#include "edges/grpc/peer.h"
#include "godwit/agent/v1/transport.grpc.pb.h"

namespace godwit::grpc_edge {

namespace wire = agent::v1;

class PeerServer::Service final : public wire::Peer::CallbackService {
 public:
  Service(NodeId self, ports::EventSink<ports::Message>& arrivals, Log log,
          ports::LogReceiver* logs)
      : self_(std::move(self)), arrivals_(arrivals), log_(std::move(log)), logs_(logs) {}

  grpc::ServerUnaryReactor* Deliver(grpc::CallbackServerContext* context,
                                    const wire::Envelope* envelope, wire::Delivered*) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    const Status taken = take(caller(*context), *envelope);
    reactor->Finish(taken ? grpc::Status::OK : to_grpc(taken.error()));
    return reactor;
  }

  grpc::ServerReadReactor<wire::LogPiece>* KeepLog(grpc::CallbackServerContext* context,
                                                   wire::LogKept*) override {
    return receive_log(caller(*context).has_value(), self_, logs_);
  }

  std::atomic<std::uint64_t> dropped = 0;
  Listening listening;

 private:
  Status take(const std::optional<NodeId>& from, const wire::Envelope& envelope) {
    Result<ports::Message> message =
        from ? from_wire(envelope)
             : fail(Code::kPermissionDenied, "the caller's certificate has no name");
    if (message && message->to != self_) {
      message = precondition(
          std::format("message is for {}, this is {}", message->to.value, self_.value));
    }
    if (!message) {
      ++dropped;
      log_(std::format("dropped what {} sent: {}", from ? from->value : "somebody",
                       to_string(message.error())));
      return std::unexpected(message.error());
    }
    message->from = *from;
    arrivals_.offer(*std::move(message));
    return {};
  }

  const NodeId self_;
  ports::EventSink<ports::Message>& arrivals_;
  const Log log_;
  ports::LogReceiver* const logs_;
};

PeerServer::PeerServer() = default;

Result<std::unique_ptr<PeerServer>> PeerServer::start(const std::string& address,
                                                      const Credentials& credentials,
                                                      ports::EventSink<ports::Message>& arrivals,
                                                      Log log, ports::LogReceiver* logs) {
  ASSIGN_OR_RETURN(std::string self, tls::common_name(credentials.self.certificate));
  std::unique_ptr<PeerServer> server{new PeerServer};
  server->service_ =
      std::make_unique<Service>(NodeId{std::move(self)}, arrivals, std::move(log), logs);
  ASSIGN_OR_RETURN(server->service_->listening,
                   in_context("peer server", listen(address, credentials, *server->service_)));
  return server;
}

PeerServer::~PeerServer() {
  if (!service_ || !service_->listening.server) return;
  service_->listening.server->Shutdown(std::chrono::system_clock::now());
  service_->listening.server->Wait();
  service_->listening.server.reset();  // Before the service that it calls.
}

std::uint16_t PeerServer::port() const { return service_->listening.port; }
std::uint64_t PeerServer::dropped() const { return service_->dropped; }

}  // namespace godwit::grpc_edge
