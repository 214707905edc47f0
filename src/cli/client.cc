#include "cli/client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <format>

#include "cli/file.h"
#include "lib/tls/authority.h"

namespace godwit::cli {
namespace {

// A list of 10,000 guests has some 5 MB.
constexpr int kMaxMessageBytes = 64 * 1024 * 1024;

Result<std::string> read_file(const std::string& path) {
  auto text = read_text(path);
  if (!text || text->empty())
    return not_found(std::format(
        "{}: cannot be read: name the directory with your ca.pem, user.pem and user.key with "
        "--credentials or GODWIT_CREDENTIALS",
        path));
  return *std::move(text);
}

Code code_of(grpc::StatusCode code) {
  switch (code) {
    case grpc::INVALID_ARGUMENT:
    case grpc::OUT_OF_RANGE:
      return Code::kInvalidArgument;
    case grpc::NOT_FOUND:
      return Code::kNotFound;
    case grpc::ALREADY_EXISTS:
      return Code::kAlreadyExists;
    case grpc::PERMISSION_DENIED:
    case grpc::UNAUTHENTICATED:
      return Code::kPermissionDenied;
    case grpc::RESOURCE_EXHAUSTED:
      return Code::kResourceExhausted;
    case grpc::FAILED_PRECONDITION:
    case grpc::UNIMPLEMENTED:
      return Code::kFailedPrecondition;
    case grpc::ABORTED:
      return Code::kAborted;
    case grpc::UNAVAILABLE:
      return Code::kUnavailable;
    case grpc::DEADLINE_EXCEEDED:
      return Code::kDeadlineExceeded;
    case grpc::DATA_LOSS:
      return Code::kDataLoss;
    default:
      return Code::kInternal;
  }
}

}  // namespace

Result<Client> Client::make(const Target& target) {
  grpc::SslCredentialsOptions ssl;
  const std::string& folder = target.credentials;
  ASSIGN_OR_RETURN(ssl.pem_root_certs, read_file(folder + "/ca.pem"));
  ASSIGN_OR_RETURN(ssl.pem_cert_chain, read_file(folder + "/user.pem"));
  ASSIGN_OR_RETURN(ssl.pem_private_key, read_file(folder + "/user.key"));
  TRY(in_context(folder + "/ca.pem", tls::common_name(ssl.pem_root_certs)));
  TRY(in_context(folder + "/user.pem", tls::common_name(ssl.pem_cert_chain)));
  grpc::ChannelArguments arguments;
  // The name of ports::kControl, which this folder may not include.
  arguments.SetSslTargetNameOverride(tls::server_name(NodeId{"control"}));
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  Client client;
  client.server_ = target.server;
  client.channel_ = grpc::CreateCustomChannel(target.server, grpc::SslCredentials(ssl), arguments);
  return client;
}

Status Client::translate(const grpc::Status& status) const {
  if (status.ok()) return {};
  if (status.error_code() == grpc::UNAVAILABLE)
    return unavailable(
        std::format("no control plane serves at {}: start it, or name another with --server "
                    "or GODWIT_SERVER ({})",
                    server_, status.error_message()));
  return fail(code_of(status.error_code()), status.error_message());
}

}  // namespace godwit::cli
