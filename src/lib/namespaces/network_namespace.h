// Network namespaces of Linux. They are held by descriptors, so that they, their devices and their
// rules are gone when the last holder ends, also by SIGKILL; a pinned one stays until unpinned.
// Needs CAP_SYS_ADMIN (PermissionDenied without).
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"

namespace godwit::namespaces {

class NetworkNamespace {
 public:
  // A new one, empty but for lo, which is down. The caller stays where it is.
  static Result<std::unique_ptr<NetworkNamespace>> create();
  // The one that the calling thread is in.
  static Result<std::unique_ptr<NetworkNamespace>> current();
  // A pinned one, or that of a program: "/proc/PID/ns/net".
  static Result<std::unique_ptr<NetworkNamespace>> open(const std::string& path);
  ~NetworkNamespace();
  NetworkNamespace(const NetworkNamespace&) = delete;
  NetworkNamespace& operator=(const NetworkNamespace&) = delete;

  int fd() const { return fd_; }

  // Bind-mounts it on `path` (made if absent), as `ip netns` does: the name of it for other
  // programs. Seen by whoever shares our mount namespace.
  Status pin(const std::string& path) const;

 private:
  explicit NetworkNamespace(int fd) : fd_(fd) {}
  int fd_;
};

// Takes a pin away; no pin is success.
Status unpin(const std::string& path);

// The calling thread is inside from `enter` until the object is destroyed, then where it was. Only
// this thread: sockets made meanwhile stay inside for good. Objects end in the reverse order.
class Inside {
 public:
  static Result<std::unique_ptr<Inside>> enter(const NetworkNamespace& where);
  ~Inside();
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  explicit Inside(std::unique_ptr<NetworkNamespace> before) : before_(std::move(before)) {}
  std::unique_ptr<NetworkNamespace> before_;
};

// Runs `body` (returning a Result or Status) inside; the error of entering is returned as its own.
template <class Body>
auto run_inside(const NetworkNamespace& where, Body&& body) -> decltype(body()) {
  auto inside = Inside::enter(where);
  if (!inside) return std::unexpected(std::move(inside.error()));
  return body();
}

// Starts a program inside; it is killed when the calling thread ends, so nothing of a killed test
// stays. argv[0] is looked up in PATH; stdin is /dev/null, stdout and stderr are appended to
// `output` (empty: /dev/null). The caller reaps it. An argv[0] that cannot be started ends with
// exit status 127.
Result<pid_t> spawn_inside(const NetworkNamespace& where, const std::vector<std::string>& argv,
                           const std::string& output = "");

}  // namespace godwit::namespaces
