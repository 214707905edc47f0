#include "edges/artifacts/fetch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <format>
#include <utility>

#include "edges/artifacts/server.h"
#include "lib/tls/digest.h"

namespace godwit::artifacts {
namespace {

// A file that gets its name only when it is whole.
class Draft {
 public:
  static Result<Draft> open(std::string path) {
    ::unlink(path.c_str());  // What an agent that was killed has left.
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) return system_error(std::format("open {}", path), errno);
    ::fchmod(fd, 0644);  // Whatever the umask: QEMU reads it under a uid of its own.
    return Draft(std::move(path), fd);
  }
  Draft(Draft&& other) noexcept
      : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
  Draft& operator=(Draft&&) = delete;
  ~Draft() {
    if (fd_ < 0) return;
    ::close(fd_);
    ::unlink(path_.c_str());
  }
  Status add(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t done = ::write(fd_, bytes.data(), bytes.size());
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return system_error(std::format("write {}", path_), errno);
      bytes.remove_prefix(static_cast<std::size_t>(done));
    }
    return {};
  }
  // Not synced: after a crash of the node the hash is looked at again.
  Status keep(const std::string& name) {
    if (::rename(path_.c_str(), name.c_str()) != 0)
      return system_error(std::format("rename {}", path_), errno);
    ::close(std::exchange(fd_, -1));
    return {};
  }

 private:
  Draft(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::string path_;
  int fd_;
};

}  // namespace

io::Task<Status> Fetcher::fetch(std::string sha256) {
  if (!is_sha256(sha256)) co_return invalid(std::format("'{}' is no sha256", sha256));
  Transfer& transfer_of = under_way_[sha256];  // A map's nodes stay where they are.
  if (transfer_of.waiting++ == 0) loop_.spawn(transfer(sha256));
  while (!transfer_of.end) co_await ended_.wait(std::chrono::minutes{1});
  const Status end = *transfer_of.end;
  if (--transfer_of.waiting == 0) under_way_.erase(sha256);
  co_return end;
}

io::Task<void> Fetcher::transfer(std::string sha256) {
  ++transfers_;
  Status end;
  Duration pause = limits_.pause;
  for (int left = limits_.tries; left > 0; --left) {
    end = co_await try_once(sha256);
    const bool again = !end && (end.error().code == Code::kUnavailable ||
                                end.error().code == Code::kDeadlineExceeded);
    if (!again) break;
    if (left > 1) co_await io::sleep(std::exchange(pause, 2 * pause));
  }
  under_way_.at(sha256).end = end;
  ended_.notify();
}

io::Task<Status> Fetcher::try_once(std::string sha256) {
  ::mkdir(dir_.c_str(), 0755);  // If it is there, or cannot be made, the next line knows.
  CO_ASSIGN_OR_RETURN(Draft draft, Draft::open(std::format("{}/.{}.part", dir_, sha256)));
  tls::Sha256 digest;
  const http::Sink sink = [&](std::string_view piece) {
    digest.add(piece);
    return draft.add(piece);
  };
  http::Request request;
  request.target = "/sha256/" + sha256;
  http::Limits limits;
  limits.idle = limits_.idle;
  CO_ASSIGN_OR_RETURN(
      const http::Response answer,
      co_await http::fetch_into(server_, std::move(request), limits_.bytes_max, sink, limits));
  if (answer.status == 404)
    co_return precondition(
        std::format("no file {} at http://{}:{}", sha256, server_.host, server_.port));
  if (answer.status != 200)
    co_return unavailable(std::format("file {} at http://{}:{}: status {}", sha256, server_.host,
                                      server_.port, answer.status));
  const std::string got = digest.end();
  if (got != sha256)
    co_return precondition(std::format("http://{}:{} gave a file with sha256 {} for {}",
                                       server_.host, server_.port, got, sha256));
  co_return draft.keep(dir_ + "/" + sha256);
}

}  // namespace godwit::artifacts
