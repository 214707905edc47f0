// One NETLINK_ROUTE socket. It belongs for good to the network namespace that the calling thread
// was in when it was opened; whatever is asked through it happens there.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "lib/netlink/message.h"

namespace godwit::netlink {

// One answer of a dump: the fixed part and the attributes after it.
struct Answer {
  std::uint16_t type = 0;
  std::vector<std::uint8_t> bytes;  // After nlmsghdr.

  // A too short answer gives a zero value and no attributes.
  template <class T>
  T fixed() const {
    T value{};
    if (bytes.size() >= sizeof value) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  template <class T>
  Attributes attributes_after() const {
    const std::size_t skip = NLMSG_ALIGN(sizeof(T));
    if (bytes.size() < skip) return {};
    return attributes(std::span(bytes).subspan(skip));
  }
};

// Not thread-safe: one user at a time. Calls wait for the kernel, which answers at once.
class Socket {
 public:
  static Result<std::unique_ptr<Socket>> open();
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // Sends the request and waits for its ACK. `what` begins the error's text, the kernel's own
  // explanation (extended ACK) ends it. The code follows errno, see system_error; ENODEV, ENOENT,
  // ESRCH and EADDRNOTAVAIL are NotFound.
  [[nodiscard]] Status request(std::string_view what, Message message);

  // The answers of a dump or of a GET. Aborted: the tables changed meanwhile; ask again.
  [[nodiscard]] Result<std::vector<Answer>> ask(std::string_view what, Message message);

 private:
  explicit Socket(int fd) : fd_(fd) {}
  Status send(std::string_view what, Message& message);
  Result<std::vector<std::uint8_t>> receive(std::string_view what);

  int fd_;
  std::uint32_t sequence_ = 0;
};

}  // namespace godwit::netlink
