// Datagrams between namespaces, for tests that ask whether a packet arrives.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "lib/namespaces/network_namespace.h"

namespace godwit::lab {

using namespaces::NetworkNamespace;

inline constexpr std::uint16_t kPort = 7000;

inline sockaddr_in socket_address(const std::string& address, std::uint16_t port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  inet_pton(AF_INET, address.c_str(), &a.sin_addr);
  return a;
}

// A UDP socket of a namespace; any source address may be claimed.
class Udp {
 public:
  Udp(const NetworkNamespace& where, const std::string& address, std::uint16_t port = kPort) {
    const auto inside = namespaces::Inside::enter(where).value();
    fd_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd_, SOL_IP, IP_FREEBIND, &on, sizeof on);
    setsockopt(fd_, SOL_IP, IP_TRANSPARENT, &on, sizeof on);
    // A frame out of a tap counts for a whole page: the default holds 100 datagrams.
    const int room = 1 << 24;
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    const auto own = socket_address(address, port);
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof own), 0) << address;
  }
  ~Udp() { close(fd_); }
  Udp(const Udp&) = delete;

  // Whether the kernel took it.
  bool send(const std::string& to, const std::string& text, std::uint16_t port = kPort) {
    const auto a = socket_address(to, port);
    return sendto(fd_, text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&a),
                  sizeof a) == static_cast<ssize_t>(text.size());
  }
  // "TEXT from ADDRESS", or "nothing" after the wait.
  std::string receive(int wait_ms) {
    pollfd ready{fd_, POLLIN, 0};
    if (poll(&ready, 1, wait_ms) != 1) return "nothing";
    char text[2000];
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const auto got = recvfrom(fd_, text, sizeof text, 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 0) return "nothing";
    char address[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &from.sin_addr, address, sizeof address);
    return std::string(text, static_cast<std::size_t>(got)) + " from " + address;
  }

 private:
  int fd_ = -1;
};

// Milliseconds to wait for a packet: until it comes, however busy the machine; or not at all.
inline constexpr int kArrives = 20'000, kStaysAway = 200;

}  // namespace godwit::lab
