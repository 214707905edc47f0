// The destination of a move. Until `cont` nothing here runs the guest: QEMU was started with -S.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edges/qemu/guest.h"
#include "edges/qemu/peers.h"

namespace godwit::qemu {

using std::chrono::milliseconds;
using std::chrono::seconds;

Status write_key(const GuestFiles& files, const std::string& key) {
  ASSIGN_OR_RETURN(const std::string line, key_line(key));
  if (::mkdir(files.key_dir.c_str(), 0700) != 0 && errno != EEXIST)
    return system_error(std::format("make {}", files.key_dir), errno);
  ::unlink(files.key.c_str());
  const int fd = ::open(files.key.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return system_error(std::format("open {}", files.key), errno);
  const auto written = ::write(fd, line.data(), line.size());
  ::close(fd);
  // QEMU reads it, which may have a uid of its own.
  struct stat owner{};
  if (::stat(files.dir.c_str(), &owner) != 0) return system_error(files.dir, errno);
  for (const std::string* path : {&files.key_dir, &files.key})
    if (::chown(path->c_str(), owner.st_uid, owner.st_gid) != 0)
      return system_error(std::format("give {} away", *path), errno);
  if (written != static_cast<ssize_t>(line.size())) return unavailable("write key");
  return {};
}

io::Task<Answer> Guest::receive(ports::Receive receive) {
  if (program_) co_return fail(Code::kAlreadyExists, "this guest has a qemu here");
  ::mkdir(node_.config.run_dir.c_str(), 0711);
  ::mkdir(files_.dir.c_str(), 0700);
  CO_TRY(write_key(files_, receive.key));
  CO_TRY(co_await start(receive.machine, receive.tap, StreamName{receive.attempt, receive.epoch}));
  auto listening = co_await listen();
  if (!listening) {
    (void)co_await kill();
    co_return std::unexpected(listening.error());
  }
  co_return ports::HypervisorAnswer{*listening};
}

io::Task<Result<ports::Listening>> Guest::listen() {
  const std::string& host = node_.config.listen_address;
  CO_TRY(co_await set_up_stream());
  ports::Listening at;
  // Another program may take a port between the draw and QEMU's bind: then the next one is tried.
  for (int attempt = 0;; ++attempt) {
    CO_ASSIGN_OR_RETURN(at.migration_port, node_.ports.draw());
    // Without exit-on-error:false a cancelled QEMU would end with status 1.
    auto done = co_await qmp(
        "migrate-incoming",
        args("uri", std::format("tcp:{}:{}", host, at.migration_port), "exit-on-error", false));
    if (done) break;
    if (attempt == 8) co_return std::unexpected(done.error());
  }
  for (int attempt = 0;; ++attempt) {
    CO_ASSIGN_OR_RETURN(at.disk_port, node_.ports.draw());
    json::Value address =
        args("type", "inet", "data", args("host", host, "port", std::to_string(at.disk_port)));
    auto done = co_await qmp("nbd-server-start", args("addr", address, "tls-creds", "t"));
    if (done) break;
    if (attempt == 8) co_return std::unexpected(done.error());
  }
  CO_TRY(co_await qmp("block-export-add", args("type", "nbd", "id", "e0", "node-name", "root0",
                                               "name", "root0", "writable", true)));
  co_return at;
}

io::Task<Answer> Guest::finish() {
  // As long as the whole disk and memory take, most of it with the guest still running.
  const auto start = std::chrono::steady_clock::now();
  const auto whole_by = start + node_.config.receive_timeout;
  auto alone_since = start, look_at = start;
  for (;;) {
    CO_ASSIGN_OR_RETURN(const QemuState state, co_await query());
    if (state.run == "paused" && state.migration == "completed") break;
    if (state.migration == "failed" || state.run == "running" || state.run == "postmigrate")
      co_return precondition(std::format("no stream came in whole: qemu is {} (migration: {}) {}",
                                         state.run, state.migration, state.error));
    if (std::chrono::steady_clock::now() > whole_by)
      co_return fail(Code::kDeadlineExceeded,
                     std::format("stream is still {} ({})", state.migration, state.run));
    if (const auto now = std::chrono::steady_clock::now(); program_ && now >= look_at) {
      look_at = now + seconds{1};
      if (has_tcp_peer(program_->pid)) alone_since = now;
      if (now > alone_since + node_.config.alone_max)
        co_return fail(Code::kDeadlineExceeded, "nobody sends the disk or the stream");
    }
    CO_TRY(co_await news(milliseconds{20}));
  }
  const auto deadline = std::chrono::steady_clock::now() + node_.config.finish_timeout;
  // Repeated after an agent's restart: what is gone already is success.
  CO_ASSIGN_OR_RETURN(const json::Value exports, co_await qmp("query-block-exports"));
  if (!exports.array().empty()) {
    CO_TRY(co_await qmp("block-export-del", args("id", "e0", "mode", "hard")));
    for (;;) {
      CO_ASSIGN_OR_RETURN(const json::Value left, co_await qmp("query-block-exports"));
      if (left.array().empty()) break;
      if (std::chrono::steady_clock::now() > deadline)
        co_return fail(Code::kDeadlineExceeded, "the disk's export does not end");
      CO_TRY(co_await news(milliseconds{20}));
    }
  }
  auto stopped = co_await qmp("nbd-server-stop");
  if (!stopped && stopped.error().code == Code::kUnavailable)
    co_return std::unexpected(stopped.error());
  CO_TRY(co_await qmp("blockdev-set-active", args("active", true)));
  ::unlink(files_.key.c_str());
  co_return ports::HypervisorAnswer{ports::Loaded{}};
}

}  // namespace godwit::qemu
