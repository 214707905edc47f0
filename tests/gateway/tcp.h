// Both ends of a TCP connection between namespaces.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "lib/namespaces/network_namespace.h"

namespace godwit::lab {

// Answers every line with the same line, to any number of callers; the first line of a connection
// is the caller's address.
class EchoServer {
 public:
  EchoServer(const namespaces::NetworkNamespace& where, const std::string& address,
             std::uint16_t port);
  ~EchoServer();
  EchoServer(const EchoServer&) = delete;

  int callers() const { return callers_; }

 private:
  void serve();
  int listener_ = -1, stop_ = -1;
  std::atomic<int> callers_ = 0;
  std::thread thread_;
};

// One connection, never made again: a numbered line, its answer, the next one after 5 ms.
class Talker {
 public:
  // From this address of the namespace (empty: any). Waits at most so long for the connection.
  Talker(const namespaces::NetworkNamespace& where, const std::string& from,
         const std::string& address, std::uint16_t port, int wait_ms = 2000);
  ~Talker();
  Talker(const Talker&) = delete;

  bool connected() const { return connected_; }
  std::string greeting() const { return greeting_; }  // As whom the server sees us.
  std::uint64_t replies() const { return replies_; }
  bool broken() const { return broken_; }  // The connection ended, or an answer was not its line.
  // Waits (20 s at most) until so many more answers have come over the connection.
  bool goes_on(std::uint64_t more = 50) const;

 private:
  void talk();
  int fd_ = -1;
  bool connected_ = false;
  std::string greeting_;
  std::atomic<std::uint64_t> replies_ = 0;
  std::atomic<bool> broken_ = false, ending_ = false;
  std::thread thread_;
};

}  // namespace godwit::lab
