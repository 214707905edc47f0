#include "lib/tls/openssl.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <format>

namespace godwit::tls {
namespace {

std::string text_of(BIO* memory) {
  char* start = nullptr;
  const long size = BIO_get_mem_data(memory, &start);
  return size > 0 ? std::string(start, static_cast<std::size_t>(size)) : std::string{};
}

template <class Write>
Result<std::string> written(Write write) {
  const Memory memory{BIO_new(BIO_s_mem())};
  if (!memory || write(memory.get()) != 1) return openssl_error(Code::kInternal, "write pem");
  return text_of(memory.get());
}

// OpenSSL would ask the terminal for the passphrase of an encrypted key.
int no_passphrase(char*, int, int, void*) { return -1; }

template <class T, class Read>
Result<T> read(const std::string& pem, Read one, std::string_view complaint) {
  const Memory memory{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  T found{one(memory.get(), nullptr, no_passphrase, nullptr)};
  if (!found) return openssl_error(Code::kInvalidArgument, complaint);
  return found;
}

}  // namespace

std::unexpected<Error> openssl_error(Code code, std::string_view what) {
  const unsigned long number = ERR_get_error();
  ERR_clear_error();
  char text[256] = "no reason given";
  if (number != 0) ERR_error_string_n(number, text, sizeof text);
  return fail(code, std::format("{}: {}", what, text));
}

Result<std::string> to_pem(X509* certificate) {
  return written([&](BIO* to) { return PEM_write_bio_X509(to, certificate); });
}
Result<std::string> to_pem(X509_REQ* request) {
  return written([&](BIO* to) { return PEM_write_bio_X509_REQ(to, request); });
}
Result<std::string> to_pem(EVP_PKEY* key) {
  return written([&](BIO* to) {
    return PEM_write_bio_PKCS8PrivateKey(to, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

Result<Certificate> read_certificate(const std::string& pem) {
  return read<Certificate>(pem, PEM_read_bio_X509, "not a pem certificate");
}
Result<Request> read_request(const std::string& pem) {
  return read<Request>(pem, PEM_read_bio_X509_REQ, "not a pem signing request");
}
Result<Key> read_key(const std::string& pem) {
  return read<Key>(pem, PEM_read_bio_PrivateKey, "not an unencrypted pem key");
}

Result<Key> draw_key() {
  Key key{EVP_EC_gen("P-256")};
  if (!key) return openssl_error(Code::kInternal, "make a key");
  return key;
}

}  // namespace godwit::tls
