#include "tests/gateway/tcp.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <map>

#include "tests/network/udp.h"

namespace godwit::lab {
namespace {

using namespaces::NetworkNamespace;
using std::chrono::milliseconds;

int make_socket(const NetworkNamespace& where, const std::string& address, std::uint16_t port) {
  const auto inside = namespaces::Inside::enter(where).value();
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (address.empty()) return fd;
  const auto own = socket_address(address, port);
  EXPECT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof own), 0) << address;
  return fd;
}

bool send_all(int fd, const std::string& text) {
  return send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

// A line with its line break, or nothing after the end or 20 s.
std::string read_line(int fd) {
  std::string line;
  while (!line.ends_with('\n')) {
    pollfd ready{fd, POLLIN, 0};
    char c = 0;
    if (poll(&ready, 1, 20'000) != 1 || read(fd, &c, 1) != 1) return "";
    line += c;
  }
  return line;
}

}  // namespace

EchoServer::EchoServer(const NetworkNamespace& where, const std::string& address,
                       std::uint16_t port)
    : listener_(make_socket(where, address, port)), stop_(eventfd(0, EFD_CLOEXEC)) {
  EXPECT_EQ(listen(listener_, 16), 0);
  thread_ = std::thread([this] { serve(); });
}

EchoServer::~EchoServer() {
  eventfd_write(stop_, 1);
  thread_.join();
  close(listener_);
  close(stop_);
}

void EchoServer::serve() {
  std::vector<pollfd> all{{stop_, POLLIN, 0}, {listener_, POLLIN, 0}};
  while (poll(all.data(), all.size(), -1) >= 0 && all[0].revents == 0) {
    for (std::size_t i = all.size(); i-- > 2;) {
      char bytes[4096];
      if (all[i].revents == 0) continue;
      const ssize_t got = read(all[i].fd, bytes, sizeof bytes);
      if (got > 0 && send_all(all[i].fd, {bytes, static_cast<std::size_t>(got)})) continue;
      close(all[i].fd);
      all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (all[1].revents == 0) continue;
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const int fd = accept4(listener_, reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC);
    if (fd < 0) continue;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    char text[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &from.sin_addr, text, sizeof text);
    send_all(fd, std::string(text) + "\n");
    all.push_back({fd, POLLIN, 0});
    ++callers_;
  }
  for (std::size_t i = 2; i < all.size(); ++i) close(all[i].fd);
}

Talker::Talker(const NetworkNamespace& where, const std::string& from, const std::string& address,
               std::uint16_t port, int wait_ms)
    : fd_(make_socket(where, from, 0)) {
  const timeval limit{wait_ms / 1000, wait_ms % 1000 * 1000};
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const auto to = socket_address(address, port);
  connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  if (!connected_) return;
  greeting_ = read_line(fd_);
  if (!greeting_.empty()) greeting_.pop_back();
  thread_ = std::thread([this] { talk(); });
}

Talker::~Talker() {
  ending_ = true;
  shutdown(fd_, SHUT_RDWR);
  if (thread_.joinable()) thread_.join();
  close(fd_);
}

void Talker::talk() {
  while (!ending_) {
    const std::string line = std::format("line {}\n", replies_.load());
    if (!send_all(fd_, line) || read_line(fd_) != line) break;
    ++replies_;
    std::this_thread::sleep_for(milliseconds{5});
  }
  if (!ending_) broken_ = true;
}

bool Talker::goes_on(std::uint64_t more) const {
  const std::uint64_t until = replies_ + more;
  for (int i = 0; i < 400 && replies_ < until && !broken_; ++i)
    std::this_thread::sleep_for(milliseconds{50});
  return replies_ >= until && !broken_;
}

}  // namespace godwit::lab
