#include "edges/grpc/join_client.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <format>

#include "edges/grpc/channel.h"
#include "edges/grpc/join_wire.h"
#include "godwit/agent/v1/join.grpc.pb.h"
#include "ports/messages.h"

namespace godwit::grpc_edge {

namespace wire = agent::v1;

namespace {

Code code_of(grpc::StatusCode code) {
  if (code == grpc::PERMISSION_DENIED) return Code::kPermissionDenied;
  if (code == grpc::INVALID_ARGUMENT) return Code::kInvalidArgument;
  return Code::kUnavailable;
}

}  // namespace

Result<Joined> join(const JoinWish& wish, std::chrono::milliseconds limit) {
  const Credentials nobody{.self = {}, .authority = wish.authority};
  const auto stub = wire::Join::NewStub(make_channel(wish.address, ports::kControl, nobody));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + limit);
  wire::JoinRequest request;
  request.set_token(wish.token);
  request.set_signing_request(wish.signing_request);
  wire::JoinAnswer answer;
  const grpc::Status status = stub->Join(&context, request, &answer);
  if (!status.ok())
    return fail(code_of(status.error_code()),
                std::format("join at {}: {}", wish.address, to_string(status)));
  return in_context(std::format("join at {}", wish.address),
                    read_joined(answer.node(), answer.certificate()));
}

}  // namespace godwit::grpc_edge
