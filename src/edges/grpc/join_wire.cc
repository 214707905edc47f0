#include "edges/grpc/join_wire.h"

#include <algorithm>
#include <format>

#include "edges/grpc/utf8.h"
#include "lib/tls/authority.h"
#include "lib/tls/digest.h"
#include "lib/tls/signing_request.h"

namespace godwit::grpc_edge {
namespace {

Status check_token(const std::string& token) {
  const auto is_plain = [](char c) { return c > 32 && c < 127; };
  if (token.size() < kTokenMin || token.size() > kTokenMax || !std::ranges::all_of(token, is_plain))
    return fail(Code::kPermissionDenied,
                std::format("token: {} to {} printable characters are needed, these are {} bytes",
                            kTokenMin, kTokenMax, token.size()));
  return {};
}

}  // namespace

Result<ports::JoinNode> read_join(const std::string& token, const std::string& signing_request) {
  TRY(check_token(token));
  if (signing_request.size() > kSigningRequestMax)
    return invalid(std::format("signing request: {} bytes, at most {} are read",
                               signing_request.size(), kSigningRequestMax));
  ASSIGN_OR_RETURN(std::string key,
                   in_context("signing request", tls::key_sha256(signing_request)));
  return ports::JoinNode{tls::sha256(token), std::move(key)};
}

Result<Joined> read_joined(const std::string& node, const std::string& certificate) {
  const auto name = tls::common_name(certificate);
  if (node.empty() || !name || *name != node)
    return data_loss(
        std::format("the certificate does not name node '{}'", valid_utf8(node.substr(0, 200))));
  return Joined{NodeId{node}, certificate};
}

}  // namespace godwit::grpc_edge
