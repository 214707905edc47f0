#include <grpcpp/server.h>
#include <grpcpp/server_context.h>

#include <deque>
#include <format>
#include <map>
#include <mutex>
#include <utility>

#include "edges/grpc/channel.h"
#include "edges/grpc/codec.h"
#include "edges/grpc/control.h"
#include "godwit/agent/v1/transport.grpc.pb.h"

namespace godwit::grpc_edge {

namespace wire = agent::v1;

// One lock for all streams: control plane and agents talk rarely (a move is two or three messages),
// and gRPC never runs a callback inside the call that started it.
class ControlServer::Service final : public wire::Control::CallbackService {
 public:
  Service(ports::EventSink<ports::Message>& arrivals, OnAttached on_attached, MailLimits limits,
          Log log)
      : arrivals_(arrivals),
        on_attached_(std::move(on_attached)),
        limits_(limits),
        log_(std::move(log)) {}

  grpc::ServerBidiReactor<wire::Envelope, wire::Envelope>* Attach(
      grpc::CallbackServerContext* context) override {
    const std::lock_guard lock(mutex_);
    std::optional<NodeId> node = caller(*context);
    auto* stream = new Stream(*this, node.value_or(NodeId{}));  // Deletes itself in OnDone.
    if (!node) {
      stream->finish(
          to_grpc({Code::kPermissionDenied, "the caller's certificate has no name of a node"}));
      return stream;
    }
    Stream*& current = streams_[*node];
    if (current) {
      current->finish(to_grpc({Code::kAborted, "the node attached again"}));
    }
    current = stream;
    stream->start();
    on_attached_(*node, true);
    return stream;
  }

  void send(ports::Message message) {
    const std::lock_guard lock(mutex_);
    const auto found = streams_.find(message.to);
    if (found == streams_.end()) {
      ++counts_.unaddressed;
      return;
    }
    found->second->send(std::move(message));
  }

  MailCounts counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
  }

  Listening listening;

 private:
  class Stream final : public grpc::ServerBidiReactor<wire::Envelope, wire::Envelope> {
   public:
    Stream(Service& service, NodeId node) : service_(service), node_(std::move(node)) {}

    // The next three under the lock.
    void start() {
      StartSendInitialMetadata();
      StartRead(&in_);
    }
    void send(ports::Message message) {
      if (queue_.size() >= service_.limits_.queue) {
        queue_.pop_front();
        ++service_.counts_.overflowed;
      }
      queue_.push_back(std::move(message));
      write_next();
    }
    void finish(const grpc::Status& status) {
      if (!std::exchange(finished_, true)) Finish(status);
    }

    void OnReadDone(bool ok) override {
      if (!ok) {  // The agent ended the stream, or it is broken, or the server ends.
        const std::lock_guard lock(service_.mutex_);
        finish(grpc::Status::OK);
        return;
      }
      service_.take(node_, in_);
      const std::lock_guard lock(service_.mutex_);
      if (!finished_) StartRead(&in_);
    }
    void OnWriteDone(bool ok) override {
      const std::lock_guard lock(service_.mutex_);
      writing_ = false;
      if (!ok) {
        ++service_.counts_.expired;
        return;
      }
      ++service_.counts_.delivered;
      write_next();
    }
    void OnDone() override {
      service_.ended(*this);
      delete this;
    }

    const NodeId& node() const { return node_; }
    std::size_t waiting() const { return queue_.size(); }

   private:
    void write_next() {
      if (finished_ || writing_ || queue_.empty()) return;
      to_wire(queue_.front(), out_);
      queue_.pop_front();
      writing_ = true;
      StartWrite(&out_);
    }

    Service& service_;
    const NodeId node_;
    std::deque<ports::Message> queue_;
    bool writing_ = false;
    bool finished_ = false;
    wire::Envelope in_, out_;
  };

  void take(const NodeId& from, const wire::Envelope& envelope) {
    Result<ports::Message> message = from_wire(envelope);
    if (message && message->to != ports::kControl) {
      message = precondition(std::format("message is for {}", message->to.value));
    }
    if (!message) {
      {
        const std::lock_guard lock(mutex_);
        ++counts_.refused;
      }
      log_(std::format("dropped what {} sent: {}", from.value, godwit::to_string(message.error())));
      return;
    }
    message->from = from;
    arrivals_.offer(*std::move(message));
  }

  void ended(const Stream& stream) {
    const std::lock_guard lock(mutex_);
    counts_.expired += stream.waiting();
    const auto found = streams_.find(stream.node());
    if (found == streams_.end() || found->second != &stream) return;  // It attached anew.
    streams_.erase(found);
    on_attached_(stream.node(), false);
  }

  ports::EventSink<ports::Message>& arrivals_;
  const OnAttached on_attached_;
  const MailLimits limits_;
  const Log log_;
  mutable std::mutex mutex_;
  std::map<NodeId, Stream*> streams_;
  MailCounts counts_;
};

ControlServer::ControlServer() = default;

Result<std::unique_ptr<ControlServer>> ControlServer::start(
    const std::string& address, const Credentials& credentials,
    ports::EventSink<ports::Message>& arrivals, OnAttached on_attached, MailLimits limits,
    Log log) {
  std::unique_ptr<ControlServer> server{new ControlServer};
  server->service_ =
      std::make_unique<Service>(arrivals, std::move(on_attached), limits, std::move(log));
  ASSIGN_OR_RETURN(server->service_->listening,
                   in_context("control server", listen(address, credentials, *server->service_)));
  return server;
}

ControlServer::~ControlServer() {
  if (!service_ || !service_->listening.server) return;
  service_->listening.server->Shutdown(std::chrono::system_clock::now());
  service_->listening.server->Wait();
  service_->listening.server.reset();  // Before the service that it calls.
}

void ControlServer::send(ports::Message message) { service_->send(std::move(message)); }

std::uint16_t ControlServer::port() const { return service_->listening.port; }

MailCounts ControlServer::counts() const { return service_->counts(); }

}  // namespace godwit::grpc_edge
