// Which node's packets come out of the tunnel at the gateway: the outer source addresses, in order.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "lib/namespaces/network_namespace.h"

namespace godwit::handover {

class Capture {
 public:
  // In the gateway's namespace; ends with the object.
  static Result<std::unique_ptr<Capture>> start(const namespaces::NetworkNamespace& gateway);
  ~Capture();
  Capture(const Capture&) = delete;

  // Since the last begin(): "10.0.1.10", then "10.0.2.10" ..., each time another node sent.
  void begin();
  std::vector<std::string> sources() const;
  std::uint64_t packets() const;

 private:
  explicit Capture(int fd);
  void run(const std::stop_token& stop);

  const int fd_;
  mutable std::mutex mutex_;
  std::vector<std::string> sources_;
  std::uint64_t packets_ = 0;
  std::jthread thread_;
};

}  // namespace godwit::handover
