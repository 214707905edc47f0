// What both directions of the transport share; only for this folder's .cc files.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "edges/grpc/credentials.h"

namespace grpc {
class CallbackServerContext;
class Channel;
class Server;
class Service;
class Status;
}  // namespace grpc

namespace godwit::grpc_edge {

// gRPC's documented lower bound for a pause between two dials is 100 ms, so the first ones are
// ours.
inline constexpr std::chrono::milliseconds kRetryFirst{50};
inline constexpr std::chrono::milliseconds kRetryMax{1000};

// A channel to `node` at `address` (host:port). Speaks only to a server whose certificate names
// `node`; without a certificate of our own (an empty `self`) only to one that wants none. Dials
// when something is to be sent, again after at most kRetryMax.
std::shared_ptr<grpc::Channel> make_channel(const std::string& address, const NodeId& node,
                                            const Credentials& credentials);

struct Listening {
  std::unique_ptr<grpc::Server> server;
  std::uint16_t port = 0;
};
// Serves `service` at `address` (port 0: any) to callers with a certificate of the authority.
// Unavailable if the address is taken, InvalidArgument if the credentials are no PEM.
Result<Listening> listen(const std::string& address, const Credentials& credentials,
                         grpc::Service& service);
Result<Listening> listen(const std::string& address, const Credentials& credentials,
                         const std::vector<grpc::Service*>& services);

// The same for callers that have no certificate yet. Only the server proves who it is.
Result<Listening> listen_to_anybody(const std::string& address, const Credentials& credentials,
                                    grpc::Service& service);

// Who calls, if it is a node or the control plane: the common name of the certificate that the
// caller proved to own. A user is none.
std::optional<NodeId> caller(const grpc::CallbackServerContext& context);
// Who calls, if it is a user: "user/NAME". Nodes have no business with the public services, nor
// users with the nodes'.
std::optional<std::string> user(const grpc::CallbackServerContext& context);

grpc::Status to_grpc(const Error& error);
// "UNAVAILABLE: failed to connect ...".
std::string to_string(const grpc::Status& status);

}  // namespace godwit::grpc_edge
