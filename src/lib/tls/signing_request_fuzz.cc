// What a stranger sends to be signed. Whoever gets a certificate gets it under our name for him.
#include "base/fuzz.h"
#include "lib/tls/authority.h"
#include "lib/tls/signing_request.h"

namespace godwit::fuzz {
namespace {

const Time kNow{std::chrono::seconds{1'800'000'000}};
const tls::Validity kValid{kNow, kNow + std::chrono::hours{1}};

const tls::Identity& authority() {
  static const tls::Identity kAuthority = tls::make_authority("godwit", kValid).value();
  return kAuthority;
}

}  // namespace

// A new key each time: the only seed that is not the same in each run.
Corpus corpus() { return {.seeds = {tls::make_request().value().request}, .runs = 5'000}; }

bool try_input(std::string_view input) {
  const std::string request(input);
  const auto key = tls::key_sha256(request);
  const auto certificate = tls::sign_request(authority(), request, NodeId{"i-1/b"}, kValid);
  CHECK(key.has_value() == certificate.has_value());
  if (!key) return refused(key.error());
  CHECK(tls::common_name(*certificate) == "i-1/b");
  return true;
}

}  // namespace godwit::fuzz
