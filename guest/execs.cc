#include "guest/execs.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "guest/container.h"

namespace godwit::guest {

void Execs::request(const frame::Exec& exec) {
  std::shared_ptr<One> fresh;
  {
    const std::lock_guard lock(mutex_);
    auto& one = all_[exec.id];
    if (!one) {
      one = fresh = std::make_shared<One>();
      one->exec = exec;
      if (all_.size() - ended_.size() > kMaxRunning) {
        one->end = {.id = exec.id, .error = std::format("{} programs run already", kMaxRunning)};
        one->ended = true;
        ended_.push_back(exec.id);
        fresh.reset();
        forget_old();  // Of those before; this one is the newest.
      }
    }
    one->wanted = true;
    one->sent = exec.have;
    one->end_sent = false;
  }
  if (fresh) std::thread([this, fresh] { run(fresh); }).detach();
  wake_();
}

void Execs::run(std::shared_ptr<One> one) {
  const frame::Exec& exec = one->exec;
  frame::ExecEnd end{.id = exec.id};
  int out[2] = {-1, -1}, err[2] = {-1, -1};
  Result<pid_t> pid = internal("no pipe for its output");
  if (::pipe2(out, O_CLOEXEC) == 0 && ::pipe2(err, O_CLOEXEC) == 0)
    pid = children_.spawn(root_, exec.program, out[1], err[1]);
  ::close(out[1]);
  ::close(err[1]);
  int over[2] = {-1, -1};
  if (pid && ::pipe2(over, O_CLOEXEC) == 0) {
    std::thread collector([&] { collect(*one, out[0], err[0], over[0]); });
    std::optional<std::chrono::milliseconds> limit;
    if (exec.timeout_ms > 0) limit = std::chrono::milliseconds{exec.timeout_ms};
    std::optional<int> status = children_.wait(*pid, limit);
    if (!status) {
      // Its session's first group: what it started beside itself too.
      ::kill(-*pid, SIGKILL);
      status = children_.wait(*pid, std::nullopt);
      end.error = std::format("took longer than {} ms", exec.timeout_ms);
    }
    ::close(over[1]);
    collector.join();
    ::close(over[0]);
    const Ending how = ending(status.value_or(0));
    end.exit_status = how.exit_status;
    end.signal = how.signal;
  } else {
    end.error = pid ? "no descriptors left" : pid.error().message;
    end.exit_status = 127;
  }
  ::close(out[0]);
  ::close(err[0]);
  finish(*one, end);
}

// Until both streams end; or, once `over` is closed, until they hold nothing more: a program that
// went into the background may keep them open for ever.
void Execs::collect(One& one, int out, int err, int over) {
  pollfd fds[3] = {{out, POLLIN, 0}, {err, POLLIN, 0}, {over, 0, 0}};
  std::vector<char> buffer(32 * 1024);
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    if (::poll(fds, 3, -1) <= 0) continue;
    const bool quiet = fds[0].revents == 0 && fds[1].revents == 0;
    if (quiet && fds[2].revents != 0) return;
    for (std::uint8_t i = 0; i < 2; ++i) {
      if (fds[i].fd < 0 || fds[i].revents == 0) continue;
      const ssize_t n = ::read(fds[i].fd, buffer.data(), buffer.size());
      if (n > 0)
        keep(one, static_cast<std::uint8_t>(i + 1), {buffer.data(), static_cast<std::size_t>(n)});
      else
        fds[i].fd = -1;
    }
  }
}

void Execs::keep(One& one, std::uint8_t stream, std::string_view bytes) {
  {
    const std::lock_guard lock(mutex_);
    const std::string_view fits = bytes.substr(0, frame::kMaxExecOutput - one.bytes);
    if (!fits.empty()) one.chunks.push_back({one.bytes, stream, std::string(fits)});
    one.bytes += fits.size();
    one.end.dropped += bytes.size() - fits.size();
  }
  wake_();
}

void Execs::finish(One& one, const frame::ExecEnd& end) {
  {
    const std::lock_guard lock(mutex_);
    const std::uint64_t dropped = one.end.dropped;
    one.end = end;
    one.end.dropped = dropped;
    one.ended = true;
    ended_.push_back(end.id);
    forget_old();
  }
  wake_();
}

void Execs::forget_old() {
  for (; ended_.size() > kKept; ended_.pop_front()) all_.erase(ended_.front());
}

std::vector<frame::Message> Execs::take(std::size_t max_bytes) {
  const std::lock_guard lock(mutex_);
  std::vector<frame::Message> out;
  std::size_t bytes = 0;
  for (auto& [id, one] : all_) {
    if (!one->wanted) continue;
    const auto sent = [&](const Chunk& c) { return c.offset + c.bytes.size() <= one->sent; };
    for (auto c = std::ranges::partition_point(one->chunks, sent); c != one->chunks.end(); ++c) {
      if (bytes >= max_bytes) return out;
      const Chunk& chunk = *c;
      const std::uint64_t skip = one->sent > chunk.offset ? one->sent - chunk.offset : 0;
      out.push_back(frame::ExecOutput{id, chunk.offset + skip, chunk.stream,
                                      chunk.bytes.substr(static_cast<std::size_t>(skip))});
      bytes += chunk.bytes.size();
      one->sent = chunk.offset + chunk.bytes.size();
    }
    if (one->ended && !one->end_sent) {
      out.push_back(one->end);
      one->end_sent = true;
    }
  }
  return out;
}

void Execs::rewind() {
  const std::lock_guard lock(mutex_);
  for (auto& [id, one] : all_) one->wanted = false;
}

}  // namespace godwit::guest
