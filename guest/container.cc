#include "guest/container.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

namespace godwit::guest {
namespace {

using std::chrono::milliseconds;

// A run this long was a good one: the next failure starts with the short back-off again.
constexpr std::chrono::seconds kGoodRun{60};

// Of poll(2), for which a negative number means for ever.
int poll_time(std::uint64_t ms) { return static_cast<int>(std::min<std::uint64_t>(ms, INT_MAX)); }

// Empty on success.
std::string connect_locally(std::uint16_t port, milliseconds timeout) {
  const int s = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (s < 0) return std::format("socket: {}", std::strerror(errno));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int error = 0;
  if (::connect(s, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    error = errno;
    pollfd wait{s, POLLOUT, 0};
    if (error == EINPROGRESS) {
      error = ETIMEDOUT;
      socklen_t size = sizeof error;
      if (::poll(&wait, 1, poll_time(static_cast<std::uint64_t>(timeout.count()))) == 1)
        ::getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &size);
    }
  }
  ::close(s);
  if (error == 0) return "";
  return std::format("connect to port {}: {}", port, std::strerror(error));
}

}  // namespace

Ending ending(int wait_status) {
  if (WIFEXITED(wait_status)) return {.exit_status = WEXITSTATUS(wait_status), .signal = 0};
  return {.exit_status = -1, .signal = WTERMSIG(wait_status)};
}

bool starts_again(frame::Restart policy, const Ending& end) {
  return policy == frame::Restart::kAlways ||
         (policy == frame::Restart::kOnFailure && end.exit_status != 0);
}

milliseconds back_off(const frame::Start& start, std::uint32_t restarts) {
  const std::uint64_t most = std::max(start.backoff_ms, start.backoff_max_ms);
  const std::uint64_t wait = std::uint64_t{start.backoff_ms} << std::min(restarts, 31u);
  return milliseconds{std::min(wait, most)};
}

std::string Container::start(const frame::Start& start, const std::function<void()>& prepare) {
  {
    const std::lock_guard lock(mutex_);
    if (started_) return "";
    if (start.program.argv.empty()) return "the container has no program to run";
    started_ = true;
    start_ = start;
  }
  prepare();
  std::thread([this] { run_forever(); }).detach();
  if (start.health.kind != frame::HealthKind::kNone)
    std::thread([this] { watch_health(); }).detach();
  return "";
}

std::string Container::signal(int number) {
  const std::lock_guard lock(mutex_);
  // The reaper may have taken it a moment ago, but a pid is given out again only after thousands.
  if (pid_ == 0) return "the container is not running";
  if (::kill(pid_, number) != 0) return std::format("signal {}: {}", number, std::strerror(errno));
  return "";
}

std::string Container::stop(milliseconds grace) {
  const std::lock_guard lock(mutex_);
  if (!started_) return "";
  stopping_ = true;
  changed_.notify_all();
  if (pid_ == 0) return "";
  ::kill(pid_, SIGTERM);
  std::thread([this, run = state_.runs, grace] {
    std::unique_lock inner(mutex_);
    const auto over = [&] { return pid_ == 0 || state_.runs != run; };
    if (!changed_.wait_for(inner, grace, over)) ::kill(pid_, SIGKILL);
  }).detach();
  return "";
}

frame::State Container::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void Container::change(const std::function<void(frame::State&)>& edit) {
  frame::State state;
  {
    const std::lock_guard lock(mutex_);
    edit(state_);
    state = state_;
  }
  changed_.notify_all();
  world_.tell(state);
}

void Container::run_forever() {
  for (std::uint32_t restarts = 0;; ++restarts) {
    const auto begun = std::chrono::steady_clock::now();
    const Ending end = run_once();
    if (std::chrono::steady_clock::now() - begun > kGoodRun) restarts = 0;
    bool again = false;
    {
      const std::lock_guard lock(mutex_);
      again = !stopping_ && starts_again(start_.restart, end);
    }
    change([&](frame::State& s) {
      s.phase = again ? frame::Phase::kWaiting : frame::Phase::kEnded;
      s.exit_status = end.exit_status;
      s.signal = end.signal;
      s.health = frame::Health::kUnknown;
    });
    if (!again) return;
    if (!wait_for_restart(restarts))
      return change([](frame::State& s) { s.phase = frame::Phase::kEnded; });
  }
}

bool Container::wait_for_restart(std::uint32_t restarts) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, back_off(start_, restarts), [&] { return stopping_; });
}

Ending Container::run_once() {
  int out[2] = {-1, -1}, err[2] = {-1, -1};
  Result<pid_t> pid = internal("no pipe for its output");
  if (::pipe2(out, O_CLOEXEC) == 0 && ::pipe2(err, O_CLOEXEC) == 0)
    pid = children_.spawn(world_.root, start_.program, out[1], err[1]);
  ::close(out[1]);
  ::close(err[1]);
  if (!pid) {
    ::close(out[0]);
    ::close(err[0]);
    change([&](frame::State& s) {
      ++s.runs;
      s.why = pid.error().message;
    });
    return {.exit_status = 127, .signal = 0};  // As a shell says it.
  }
  {
    const std::lock_guard lock(mutex_);
    pid_ = *pid;
    // A stop() that came while there was no program to signal.
    if (stopping_) ::kill(pid_, SIGKILL);
  }
  change([](frame::State& s) {
    s.phase = frame::Phase::kRunning;
    ++s.runs;
    s.why.clear();
  });
  std::thread pump_out([&] { pump(out[0], 1); }), pump_err([&] { pump(err[0], 2); });
  const std::optional<int> status = children_.wait(*pid, std::nullopt);
  {
    const std::lock_guard lock(mutex_);
    pid_ = 0;
  }
  changed_.notify_all();
  // What it left behind may hold the pipes open.
  world_.kill_rest();
  pump_out.join();
  pump_err.join();
  return ending(status.value_or(0));
}

void Container::pump(int fd, std::uint8_t stream) {
  LineCutter cutter;
  std::vector<char> buffer(32 * 1024);
  const auto keep = [&](std::vector<LineCutter::Line> lines) {
    for (LineCutter::Line& line : lines)
      log_.append(stream, line.cut, now_us(), std::move(line.text));
  };
  for (;;) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n > 0)
      keep(cutter.feed({buffer.data(), static_cast<std::size_t>(n)}));
    else if (n == 0 || errno != EINTR)
      break;
  }
  keep(cutter.end());
  ::close(fd);
}

std::string Container::probe() {
  const frame::HealthCheck& check = start_.health;
  const milliseconds timeout{check.timeout_ms};
  if (check.kind == frame::HealthKind::kTcp) return connect_locally(check.port, timeout);
  frame::Program program = start_.program;
  program.argv = check.argv;
  const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  const auto pid = children_.spawn(world_.root, program, null, null);
  ::close(null);
  if (!pid) return pid.error().message;
  const std::optional<int> status = children_.wait(*pid, timeout);
  if (!status) {
    ::kill(*pid, SIGKILL);
    (void)children_.wait(*pid, std::nullopt);
    return std::format("health check took longer than {} ms", check.timeout_ms);
  }
  const Ending end = ending(*status);
  if (end.exit_status == 0) return "";
  return end.signal != 0 ? std::format("health check ended by signal {}", end.signal)
                         : std::format("health check ended with {}", end.exit_status);
}

void Container::note_probe(const std::string& failure, std::uint32_t& failures) {
  failures = failure.empty() ? 0 : failures + 1;
  const bool sick = failures >= std::max(1u, start_.health.failures);
  const frame::State before = state();
  if (before.phase != frame::Phase::kRunning) return;
  if (failure.empty() && before.health != frame::Health::kHealthy)
    change([](frame::State& s) {
      s.health = frame::Health::kHealthy;
      s.why.clear();
    });
  if (sick && before.health != frame::Health::kUnhealthy)
    change([&](frame::State& s) {
      s.health = frame::Health::kUnhealthy;
      s.why = failure;
    });
}

void Container::watch_health() {
  std::uint32_t failures = 0;
  for (;;) {
    ::poll(nullptr, 0, poll_time(std::max(100u, start_.health.interval_ms)));
    const frame::State before = state();
    if (before.phase == frame::Phase::kEnded) return;
    if (before.phase == frame::Phase::kRunning) note_probe(probe(), failures);
  }
}

}  // namespace godwit::guest
