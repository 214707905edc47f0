#include "lib/tls/digest.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <format>
#include <memory>
#include <vector>

#include "base/check.h"

namespace godwit::tls {
namespace {

using Digest = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

std::string hex(const unsigned char* bytes, std::size_t size) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * size);
  for (std::size_t i = 0; i < size; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

// SHA-256 in memory fails only if OpenSSL is broken or memory is gone.
Digest begin() {
  Digest digest{EVP_MD_CTX_new(), EVP_MD_CTX_free};
  CHECK(digest && EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) == 1);
  return digest;
}

std::string end(const Digest& digest) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
  unsigned int size = 0;
  CHECK(EVP_DigestFinal_ex(digest.get(), bytes.data(), &size) == 1);
  return hex(bytes.data(), size);
}

}  // namespace

Result<std::string> random_hex(std::size_t bytes) {
  std::vector<unsigned char> buffer(bytes);
  if (RAND_bytes(buffer.data(), static_cast<int>(bytes)) != 1) {
    return internal("openssl has no randomness");
  }
  return hex(buffer.data(), bytes);
}

Result<std::string> random_key() { return random_hex(32); }

std::string sha256(std::string_view bytes) {
  const Digest digest = begin();
  CHECK(EVP_DigestUpdate(digest.get(), bytes.data(), bytes.size()) == 1);
  return end(digest);
}

struct Sha256::State {
  Digest digest = begin();
};
Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
void Sha256::add(std::string_view bytes) {
  CHECK(EVP_DigestUpdate(state_->digest.get(), bytes.data(), bytes.size()) == 1);
}
std::string Sha256::end() { return tls::end(state_->digest); }

Result<std::string> sha256_of_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return system_error(std::format("open {}", path), errno);
  const Digest digest = begin();
  std::vector<char> buffer(1 << 16);
  for (;;) {
    const ssize_t got = read(file, buffer.data(), buffer.size());
    if (got == 0) break;
    if (got < 0) {
      const int error = errno;
      if (error == EINTR) continue;
      close(file);
      return system_error(std::format("read {}", path), error);
    }
    CHECK(EVP_DigestUpdate(digest.get(), buffer.data(), static_cast<std::size_t>(got)) == 1);
  }
  close(file);
  return end(digest);
}

}  // namespace godwit::tls
