// OpenSSL's objects as values that release themselves, and their PEM forms. Included by this
// folder's sources only.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace godwit::tls {

template <class T, void (*release)(T*)>
struct Release {
  void operator()(T* p) const { release(p); }
};
using Key = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Release<X509, X509_free>>;
using Request = std::unique_ptr<X509_REQ, Release<X509_REQ, X509_REQ_free>>;
using Memory = std::unique_ptr<BIO, Release<BIO, BIO_free_all>>;

// OpenSSL's own reason, taken off its queue.
std::unexpected<Error> openssl_error(Code code, std::string_view what);

Result<std::string> to_pem(X509* certificate);
Result<std::string> to_pem(X509_REQ* request);
Result<std::string> to_pem(EVP_PKEY* key);  // PKCS#8, not encrypted.

// InvalidArgument: it is none.
Result<Certificate> read_certificate(const std::string& pem);
Result<Request> read_request(const std::string& pem);
Result<Key> read_key(const std::string& pem);

Result<Key> draw_key();  // EC P-256.

}  // namespace godwit::tls
