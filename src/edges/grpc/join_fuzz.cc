// What a stranger sends to Join, and what whoever answers it says: a token or a name up to the
// first line break, then a signing request or a certificate in PEM. The token is a secret: no error
// says it.
#include "base/fuzz.h"
#include "edges/grpc/join_wire.h"
#include "lib/tls/authority.h"
#include "lib/tls/signing_request.h"

namespace godwit::fuzz {
namespace {

const Time kNow{std::chrono::seconds{1'800'000'000}};
const tls::Validity kValid{kNow, kNow + std::chrono::hours{1}};

bool try_asked(const std::string& token, const std::string& pem) {
  const auto wish = grpc_edge::read_join(token, pem);
  if (!wish) {
    CHECK(token.size() < grpc_edge::kTokenMin || !wish.error().message.contains(token));
    return refused(wish.error());
  }
  CHECK(token.size() >= grpc_edge::kTokenMin && token.size() <= grpc_edge::kTokenMax);
  CHECK(wish->token_sha256.size() == 64 && wish->key_sha256.size() == 64);
  CHECK(grpc_edge::read_join(token, pem)->token_sha256 == wish->token_sha256);
  return true;
}

bool try_answered(const std::string& node, const std::string& pem) {
  const auto joined = grpc_edge::read_joined(node, pem);
  if (!joined) return refused(joined.error());
  CHECK(!joined->node.value.empty() && joined->node.value == node);
  return true;
}

}  // namespace

// New keys each time: the only seeds that are not the same in each run.
Corpus corpus() {
  const auto authority = tls::make_authority("godwit", kValid).value();
  const std::string token(64, 'a');
  return {.seeds = {token + "\n" + tls::make_request().value().request,
                    "i-1/b\n" + tls::issue(authority, NodeId{"i-1/b"}, {}, kValid)->certificate}};
}

bool try_input(std::string_view input) {
  const std::string first(take_until(input, '\n')), pem(input);
  const bool asked = try_asked(first, pem);
  return try_answered(first, pem) || asked;
}

}  // namespace godwit::fuzz
