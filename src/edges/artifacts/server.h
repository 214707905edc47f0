// Serves files by the SHA-256 of their bytes, in the control plane's process but on a thread of its
// own, so that hundreds of megabytes never stand between two turns of the control loop.
//
//   GET, HEAD /sha256/HEX    200 and the bytes; 404: no such file, or HEX is not 64 lower-case
//                            hexadecimal digits; 405: another method
//
// Public within the network: no caller is asked who he is and nothing is encrypted. What is served
// is no secret (images, kernels, the agent's program); that nobody changed it on the way, the
// receiver sees by the hash, which came to him by a way that he trusts. So secrets do not belong
// into images.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "base/error.h"
#include "lib/http/server.h"
#include "lib/io/loop.h"

namespace godwit::artifacts {

struct ServerConfig {
  std::string host;        // A numeric address.
  std::uint16_t port = 0;  // 0: any free one.
  std::string image_dir;   // Every regular file in it that is named by a hash; looked at each time.
  // Others by hash, wherever they are; their hash is the caller's word.
  std::map<std::string, std::string> files;
};

class Server {
 public:
  static Result<std::unique_ptr<Server>> start(ServerConfig config);
  ~Server();  // Cuts transfers short.

  std::uint16_t port() const { return http_->port(); }

 private:
  explicit Server(ServerConfig config) : config_(std::move(config)) {}
  io::Task<http::Response> answer(http::Request request) const;

  const ServerConfig config_;
  io::Loop loop_;
  std::unique_ptr<http::Server> http_;
  std::jthread thread_;
};

bool is_sha256(std::string_view text);

}  // namespace godwit::artifacts
