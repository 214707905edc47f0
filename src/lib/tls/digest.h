// Random keys and SHA-256, as lower-case hexadecimal.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace godwit::tls {

// A pre-shared key of 256 bits for one migration (QEMU's tls-creds-psk wants hexadecimal).
Result<std::string> random_key();

// `bytes` bytes from the system's cryptographic source: twice as many characters.
Result<std::string> random_hex(std::size_t bytes);

// 64 characters.
std::string sha256(std::string_view bytes);
// Of a file's bytes, whatever its size.
Result<std::string> sha256_of_file(const std::string& path);

// Of bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void add(std::string_view bytes);
  std::string end();  // Once, at the end.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace godwit::tls
