#include "edges/grpc/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <format>
#include <string_view>

namespace godwit::grpc_edge {
namespace {

// A peer that vanished (its node died, the network parted) must not swallow messages: 2 s without
// an answer to a ping or to sent bytes ends the connection (gRPC also sets TCP_USER_TIMEOUT from
// it). Well below the patience of the mailers, well above a loaded node's worst round trip.
constexpr int kPingEveryMs = 2000;
constexpr int kPingTimeoutMs = 2000;
// A message is about 2 kB; 256 kB leaves room for sets and kernel command lines.
constexpr int kMaxMessageBytes = 256 * 1024;

grpc::StatusCode code_of(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return grpc::INVALID_ARGUMENT;
    case Code::kNotFound:
      return grpc::NOT_FOUND;
    case Code::kAlreadyExists:
      return grpc::ALREADY_EXISTS;
    case Code::kPermissionDenied:
      return grpc::PERMISSION_DENIED;
    case Code::kResourceExhausted:
      return grpc::RESOURCE_EXHAUSTED;
    case Code::kFailedPrecondition:
      return grpc::FAILED_PRECONDITION;
    case Code::kAborted:
      return grpc::ABORTED;
    case Code::kUnavailable:
      return grpc::UNAVAILABLE;
    case Code::kDeadlineExceeded:
      return grpc::DEADLINE_EXCEEDED;
    case Code::kDataLoss:
      return grpc::DATA_LOSS;
    case Code::kInternal:
      return grpc::INTERNAL;
  }
  return grpc::INTERNAL;
}

}  // namespace

std::shared_ptr<grpc::Channel> make_channel(const std::string& address, const NodeId& node,
                                            const Credentials& credentials) {
  grpc::SslCredentialsOptions ssl;
  ssl.pem_root_certs = credentials.authority;
  ssl.pem_private_key = credentials.self.key;
  ssl.pem_cert_chain = credentials.self.certificate;
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride(tls::server_name(node));
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, static_cast<int>(kRetryFirst.count()));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, static_cast<int>(kRetryMax.count()));
  // Despite its name this is how long one dial may take: 20 s if not set.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, static_cast<int>(kRetryMax.count()));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kPingEveryMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingTimeoutMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // Nodes talk to each other directly.
  // Connections are not shared with another mailer in this program: each has its own fate.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  return grpc::CreateCustomChannel(address, grpc::SslCredentials(ssl), arguments);
}

namespace {

Result<Listening> listen_for(grpc_ssl_client_certificate_request_type proof,
                             const std::string& address, const Credentials& credentials,
                             const std::vector<grpc::Service*>& services) {
  // gRPC fails the port for any reason alike, so what can be told apart is told first.
  TRY(in_context("server certificate", tls::common_name(credentials.self.certificate)));
  TRY(in_context("authority certificate", tls::common_name(credentials.authority)));
  grpc::SslServerCredentialsOptions ssl{proof};
  ssl.pem_root_certs = credentials.authority;
  ssl.pem_key_cert_pairs.push_back({credentials.self.key, credentials.self.certificate});
  grpc::ServerBuilder builder;
  // Two servers on one port would share callers at random.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kPingEveryMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingTimeoutMs);
  // Our own clients ping often, also on quiet streams; by default that ends the connection.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 500);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  int port = 0;
  builder.AddListeningPort(address, grpc::SslServerCredentials(ssl), &port);
  for (grpc::Service* service : services) builder.RegisterService(service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server || port == 0) return unavailable(std::format("cannot listen on {}", address));
  return Listening{std::move(server), static_cast<std::uint16_t>(port)};
}

}  // namespace

Result<Listening> listen(const std::string& address, const Credentials& credentials,
                         grpc::Service& service) {
  return listen(address, credentials, std::vector{&service});
}

Result<Listening> listen(const std::string& address, const Credentials& credentials,
                         const std::vector<grpc::Service*>& services) {
  return listen_for(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY, address,
                    credentials, services);
}

Result<Listening> listen_to_anybody(const std::string& address, const Credentials& credentials,
                                    grpc::Service& service) {
  return listen_for(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE, address, credentials, {&service});
}

namespace {

constexpr std::string_view kUserPrefix = "user/";

std::optional<std::string> certified_name(const grpc::CallbackServerContext& context) {
  const auto auth = context.auth_context();
  if (!auth || !auth->IsPeerAuthenticated()) return std::nullopt;
  const auto names = auth->FindPropertyValues(GRPC_X509_CN_PROPERTY_NAME);
  if (names.size() != 1 || names[0].empty()) return std::nullopt;
  return std::string(names[0].data(), names[0].size());
}

}  // namespace

std::optional<NodeId> caller(const grpc::CallbackServerContext& context) {
  auto name = certified_name(context);
  if (!name || name->starts_with(kUserPrefix)) return std::nullopt;
  return NodeId{*std::move(name)};
}

std::optional<std::string> user(const grpc::CallbackServerContext& context) {
  auto name = certified_name(context);
  return name && name->starts_with(kUserPrefix) ? std::move(name) : std::nullopt;
}

grpc::Status to_grpc(const Error& error) { return {code_of(error.code), error.message}; }

std::string to_string(const grpc::Status& status) {
  return std::format("grpc status {}: {}", static_cast<int>(status.error_code()),
                     status.error_message());
}

}  // namespace godwit::grpc_edge
