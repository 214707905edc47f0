#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <format>

#include "tests/handover/rig.h"

namespace godwit::handover {
namespace {

using Steady = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPace{5};
// A guest that is gone for longer than this lost its client; the longest TCG stall seen was 2.1 s.
constexpr int kPatienceMs = 60'000;

Result<int> dial(const lab::Lab& lab) {
  return namespaces::run_inside(lab.client(), [&]() -> Result<int> {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(kWitnessPort);
    inet_pton(AF_INET, lab::kPublicAddress, &to.sin_addr);
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const timeval limit{2, 0};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) return fd;
    const int error = errno;
    close(fd);
    return system_error("connect", error);
  });
}

// Sends a line and waits for one. False: the connection or the patience has ended.
bool exchange(int fd, const std::string& line, std::string& reply) {
  if (::send(fd, line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size()))
    return false;
  reply.clear();
  for (;;) {
    pollfd p{fd, POLLIN, 0};
    char bytes[256];
    if (poll(&p, 1, kPatienceMs) <= 0) return false;
    const ssize_t got = read(fd, bytes, sizeof bytes);
    if (got <= 0) return false;
    reply.append(bytes, static_cast<std::size_t>(got));
    if (reply.ends_with('\n')) return true;
  }
}

}  // namespace

Result<std::string> ask_witness(const lab::Lab& lab, const std::string& line) {
  ASSIGN_OR_RETURN(const int fd, dial(lab));
  std::string reply;
  const bool answered = exchange(fd, line + "\n", reply);
  close(fd);
  if (!answered) return unavailable(std::format("no reply to '{}'", line));
  reply.pop_back();
  return reply;
}

Client::Client(const lab::Lab& lab) {
  const auto fd = dial(lab);
  if (!fd) return;
  fd_ = *fd;
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

Client::~Client() {
  thread_.request_stop();
  if (fd_ >= 0) shutdown(fd_, SHUT_RDWR);
  if (thread_.joinable()) thread_.join();
  if (fd_ >= 0) close(fd_);
}

Client::Tally Client::tally() const {
  const std::lock_guard lock(mutex_);
  return tally_;
}

void Client::mark() {
  const std::lock_guard lock(mutex_);
  tally_.gap_max = {};
}

bool Client::ask(std::string& reply) { return exchange(fd_, "inc\n", reply); }

void Client::run(const std::stop_token& stop) {
  unsigned long long before = 0;
  std::string reply;
  auto last = Steady::now();
  while (!stop.stop_requested()) {
    const bool answered = ask(reply);
    if (stop.stop_requested()) return;
    const auto now = Steady::now();
    unsigned long long counter = 0, disk = 0, boots = 0;
    const bool whole =
        answered && std::sscanf(reply.c_str(), "%llu %llu %llu", &counter, &disk, &boots) == 3;
    const bool right = whole && counter == disk && (before == 0 || counter == before + 1);
    {
      const std::lock_guard lock(mutex_);
      if (whole) ++tally_.replies;
      if (!right) {
        ++tally_.wrong;
        if (tally_.first_wrong.empty())
          tally_.first_wrong = std::format("after {}: '{}'", before, reply);
      }
      tally_.gap_max = std::max(tally_.gap_max,
                                std::chrono::duration_cast<std::chrono::milliseconds>(now - last));
    }
    if (!answered) return;
    before = counter;
    last = now;
    std::this_thread::sleep_for(kPace);
  }
}

}  // namespace godwit::handover
