// Calls that wait for the control plane's answer; only for public_server.cc.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <format>
#include <functional>
#include <mutex>
#include <utility>

#include "edges/grpc/channel.h"
#include "edges/grpc/public_codec.h"
#include "edges/grpc/public_server.h"
#include "edges/grpc/utf8.h"
#include "godwit/v1/services.pb.h"

namespace godwit::grpc_edge {

// What the control plane answers to a call with this reply.
template <class Wire>
struct AnswerOf;
#define GODWIT_ANSWER(wire, ours) \
  template <>                     \
  struct AnswerOf<wire> {         \
    using Type = ours;            \
  }
GODWIT_ANSWER(v1::Group, ports::GroupView);
GODWIT_ANSWER(v1::Guest, ports::GuestView);
GODWIT_ANSWER(v1::Node, ports::NodeView);
GODWIT_ANSWER(v1::Deleted, ports::Done);
GODWIT_ANSWER(v1::Draining, ports::DrainView);
GODWIT_ANSWER(v1::LogPage, ports::LogPage);
GODWIT_ANSWER(v1::ExecResult, ports::ExecResult);
GODWIT_ANSWER(v1::GroupList, ports::Listing<ports::GroupView>);
GODWIT_ANSWER(v1::GuestList, ports::Listing<ports::GuestView>);
GODWIT_ANSWER(v1::NodeList, ports::Listing<ports::NodeView>);
GODWIT_ANSWER(v1::EventList, ports::Listing<ports::EventView>);
GODWIT_ANSWER(v1::MoveList, ports::Listing<ports::MoveView>);
GODWIT_ANSWER(v1::OfferingList, ports::Listing<ports::OfferingView>);
GODWIT_ANSWER(v1::IntentList, ports::Listing<ports::IntentView>);
GODWIT_ANSWER(v1::LedgerSummary, ports::LedgerView);
GODWIT_ANSWER(v1::Plan, ports::PlanView);
#undef GODWIT_ANSWER

class PublicServer::Calls {
 public:
  Calls(ports::EventSink<ports::Request>& requests, PublicOptions options)
      : requests_(requests), options_(std::move(options)) {}

  // One call: refused at once, or kept until it is answered. `method` is "Guests.List".
  template <class Asked, class Reply>
  grpc::ServerUnaryReactor* ask(grpc::CallbackServerContext* context, const char* method,
                                const Asked* asked, Reply* reply) {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    if (const grpc::Status status = admit(*context, method); !status.ok()) {
      reactor->Finish(status);
      return reactor;
    }
    auto body = from_wire(*asked);
    if (!body) {
      reactor->Finish(told(body.error()));
      return reactor;
    }
    const auto complete = [reply, method](const ports::AnswerBody& answer) {
      const auto* ours = std::get_if<typename AnswerOf<Reply>::Type>(&answer);
      if (!ours) return grpc::Status{grpc::INTERNAL, std::format("{}: wrong answer", method)};
      to_wire(*ours, *reply);
      return grpc::Status::OK;
    };
    offer(reactor, *user(*context), *std::move(body), complete);
    return reactor;
  }

  // Whether this caller may call this method, and there is room.
  grpc::Status admit(const grpc::CallbackServerContext& context, const char* method);
  void answer(std::uint64_t id, const ports::Answer& answer);
  void close();

 private:
  using Complete = std::function<grpc::Status(const ports::AnswerBody&)>;
  struct Call {
    grpc::ServerUnaryReactor* reactor = nullptr;
    Complete complete;
  };

  static grpc::Status told(Error error) {
    error.message = valid_utf8(error.message);
    return to_grpc(error);
  }
  void offer(grpc::ServerUnaryReactor* reactor, std::string caller, ports::RequestBody body,
             Complete complete);

  ports::EventSink<ports::Request>& requests_;
  const PublicOptions options_;
  std::mutex mutex_;
  std::map<std::uint64_t, Call> calls_;
  std::uint64_t last_id_ = 0;
  bool closing_ = false;
};

}  // namespace godwit::grpc_edge
