#include "edges/grpc/join_server.h"

#include <grpcpp/server.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <format>
#include <map>
#include <mutex>
#include <utility>

#include "edges/grpc/channel.h"
#include "edges/grpc/join_wire.h"
#include "edges/grpc/utf8.h"
#include "godwit/agent/v1/join.grpc.pb.h"
#include "lib/tls/signing_request.h"
#include "ports/messages.h"

namespace godwit::grpc_edge {

namespace wire = agent::v1;

namespace {

// A node's certificate ends with its instance, which no cloud lets live so long; it is not renewed.
constexpr std::chrono::years kValid{5};
// The clock of a young instance may be behind ours.
constexpr std::chrono::hours kClockSkew{1};

grpc::Status told(Error error) {
  if (error.code == Code::kPermissionDenied)
    error.message += "; its instance must be replaced: see `godwit get nodes`";
  error.message = valid_utf8(error.message);
  return to_grpc(error);
}

}  // namespace

class JoinServer::Service final : public wire::Join::CallbackService {
 public:
  Service(tls::Identity authority, ports::EventSink<ports::Request>& requests,
          std::function<Time()> clock, JoinOptions options)
      : authority_(std::move(authority)),
        requests_(requests),
        clock_(std::move(clock)),
        options_(options) {}

  grpc::ServerUnaryReactor* Join(grpc::CallbackServerContext* context,
                                 const wire::JoinRequest* asked, wire::JoinAnswer* reply) override {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    auto wish = in_context("join", read_join(asked->token(), asked->signing_request()));
    if (!wish) {
      reactor->Finish(told(wish.error()));
      return reactor;
    }
    std::uint64_t id = 0;
    if (const grpc::Status kept = keep({reactor, asked, reply}, id); !kept.ok()) {
      reactor->Finish(kept);
      return reactor;
    }
    requests_.offer({id, "", *std::move(wish)});
    return reactor;
  }

  void answer(std::uint64_t id, const ports::Answer& answer) {
    Call call;
    {
      const std::lock_guard lock(mutex_);
      const auto found = calls_.find(id);
      if (found == calls_.end()) return;
      call = found->second;
      calls_.erase(found);
    }
    const Status done = answer ? sign(*answer, call) : std::unexpected(answer.error());
    call.reactor->Finish(done ? grpc::Status::OK : told(done.error()));
  }

  void close() {
    std::map<std::uint64_t, Call> calls;
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
      calls.swap(calls_);
    }
    for (const auto& [id, call] : calls)
      call.reactor->Finish({grpc::UNAVAILABLE, "the control plane is ending: try again"});
  }

  Listening listening;

 private:
  // The messages live until the reactor is finished.
  struct Call {
    grpc::ServerUnaryReactor* reactor = nullptr;
    const wire::JoinRequest* asked = nullptr;
    wire::JoinAnswer* reply = nullptr;
  };

  grpc::Status keep(Call call, std::uint64_t& id) {
    const std::lock_guard lock(mutex_);
    if (closing_) return {grpc::UNAVAILABLE, "the control plane is ending: try again"};
    if (calls_.size() >= options_.calls)
      return {grpc::RESOURCE_EXHAUSTED, std::format("{} joins wait: try again", calls_.size())};
    id = kJoinBit | ++last_id_;
    calls_[id] = call;
    return grpc::Status::OK;
  }

  Status sign(const ports::AnswerBody& answer, const Call& call) const {
    const auto* view = std::get_if<ports::NodeView>(&answer);
    if (!view) return internal("join: wrong answer");
    // No token may ever stand for the control plane or for a user.
    if (view->node == ports::kControl || view->node.value.starts_with("user/"))
      return internal(std::format("join: {} is no node's name", view->node.value));
    const Time now = clock_();
    const tls::Validity validity{now - kClockSkew, now + kValid};
    ASSIGN_OR_RETURN(
        const std::string certificate,
        tls::sign_request(authority_, call.asked->signing_request(), view->node, validity));
    call.reply->set_node(view->node.value);
    call.reply->set_certificate(certificate);
    return {};
  }

  const tls::Identity authority_;
  ports::EventSink<ports::Request>& requests_;
  const std::function<Time()> clock_;
  const JoinOptions options_;
  std::mutex mutex_;
  std::map<std::uint64_t, Call> calls_;
  std::uint64_t last_id_ = 0;
  bool closing_ = false;
};

JoinServer::JoinServer() = default;

Result<std::unique_ptr<JoinServer>> JoinServer::start(
    const std::string& address, const Credentials& self, tls::Identity authority,
    ports::EventSink<ports::Request>& requests, std::function<Time()> clock, JoinOptions options) {
  std::unique_ptr<JoinServer> server{new JoinServer};
  server->service_ =
      std::make_unique<Service>(std::move(authority), requests, std::move(clock), options);
  ASSIGN_OR_RETURN(server->service_->listening,
                   in_context("join server", listen_to_anybody(address, self, *server->service_)));
  return server;
}

JoinServer::~JoinServer() {
  if (!service_ || !service_->listening.server) return;
  service_->close();
  service_->listening.server->Shutdown(std::chrono::system_clock::now());
  service_->listening.server->Wait();
  service_->listening.server.reset();  // Before the service that it calls.
}

void JoinServer::answer(std::uint64_t id, ports::Answer answer) { service_->answer(id, answer); }
std::uint16_t JoinServer::port() const { return service_->listening.port; }

}  // namespace godwit::grpc_edge
