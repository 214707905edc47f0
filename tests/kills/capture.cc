#include "tests/kills/capture.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "edges/linux/tunnel.h"

namespace godwit::handover {

Result<std::unique_ptr<Capture>> Capture::start(const namespaces::NetworkNamespace& gateway) {
  ASSIGN_OR_RETURN(const int fd, namespaces::run_inside(gateway, []() -> Result<int> {
                     // 0x0800: IPv4.
                     const int s = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(0x0800));
                     if (s < 0) return system_error("packet socket", errno);
                     return s;
                   }));
  return std::unique_ptr<Capture>(new Capture(fd));
}

Capture::Capture(int fd) : fd_(fd) {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

Capture::~Capture() {
  thread_.request_stop();
  thread_.join();
  close(fd_);
}

void Capture::begin() {
  const std::lock_guard lock(mutex_);
  sources_.clear();
  packets_ = 0;
}

std::vector<std::string> Capture::sources() const {
  const std::lock_guard lock(mutex_);
  return sources_;
}

std::uint64_t Capture::packets() const {
  const std::lock_guard lock(mutex_);
  return packets_;
}

void Capture::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    pollfd p{fd_, POLLIN, 0};
    if (poll(&p, 1, 50) <= 0) continue;
    unsigned char bytes[64] = {};
    sockaddr_ll from{};
    socklen_t size = sizeof from;
    const ssize_t got =
        recvfrom(fd_, bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got < static_cast<ssize_t>(sizeof(iphdr) + sizeof(udphdr))) continue;
    if (from.sll_pkttype == PACKET_OUTGOING) continue;
    iphdr ip;
    std::memcpy(&ip, bytes, sizeof ip);
    udphdr udp;
    std::memcpy(&udp, bytes + ip.ihl * 4UL, sizeof udp);
    if (ip.protocol != IPPROTO_UDP || ntohs(udp.dest) != linux_net::kTunnelPort) continue;
    char text[INET_ADDRSTRLEN] = {};
    inet_ntop(AF_INET, &ip.saddr, text, sizeof text);
    const std::lock_guard lock(mutex_);
    ++packets_;
    if (sources_.empty() || sources_.back() != text) sources_.emplace_back(text);
  }
}

}  // namespace godwit::handover
