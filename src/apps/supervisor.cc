#include "apps/supervisor.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <format>
#include <fstream>
#include <iterator>
#include <utility>

#include "apps/console.h"

namespace godwit::apps {
namespace {

constexpr Duration kLook = std::chrono::milliseconds{50};

// The last lines of a log, for people.
std::string tail(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  constexpr std::size_t kBytes = 1000;
  if (text.size() > kBytes) text.erase(0, text.find('\n', text.size() - kBytes) + 1);
  return text;
}

}  // namespace

Supervisor::Supervisor(io::Loop& loop, std::string dir, std::function<void(const std::string&)> log,
                       Patience patience)
    : loop_(loop),
      dir_(std::move(dir)),
      log_(std::move(log)),
      patience_(patience),
      changed_(loop) {}

Status Supervisor::launch(Running& running) {
  const io::ProgramStart start{.argv = running.unit.argv, .output = log_of(running.unit)};
  ASSIGN_OR_RETURN(running.program, io::start_program(start));
  running.alive = true;
  running.since = now();
  return io::write_pid_file(std::format("{}/{}.pid", dir_, running.unit.name), running.program);
}

io::Task<Status> Supervisor::start(Unit unit) {
  running_.push_back({.unit = std::move(unit), .program = {}, .since = {}});
  Running& running = running_.back();
  CO_TRY(in_context(running.unit.name, launch(running)));
  const Time end = now() + patience_.ready;
  while (!co_await running.unit.ready()) {
    const bool ended = !io::is_alive(running.program);
    if (!ended && now() < end) {
      co_await io::sleep(kLook);
      continue;
    }
    const std::string why = ended ? "ended" : "is not ready";
    co_await this->end(running);
    (void)co_await io::wait_ended(running.program);  // Reaps it.
    co_return unavailable(std::format("{} {}; the end of {}:\n{}", running.unit.name, why,
                                      log_of(running.unit), tail(log_of(running.unit))));
  }
  loop_.spawn(keep(running));
  co_return Status{};
}

io::Task<void> Supervisor::keep(Running& running) {
  Duration pause = patience_.first;
  for (;;) {
    const std::string how = co_await io::wait_ended(running.program);
    running.alive = false;
    changed_.notify();
    if (running.stopping) co_return;
    if (now() - running.since > patience_.calm) pause = patience_.first;
    log_(std::format("{} ended ({}), next start in {} ms", running.unit.name, how,
                     std::chrono::duration_cast<std::chrono::milliseconds>(pause).count()));
    do {
      co_await io::sleep(pause);
      pause = std::min(2 * pause, patience_.last);
      if (running.stopping) co_return;
      if (const Status launched = launch(running); !launched) log_(to_string(launched.error()));
    } while (!running.alive);
  }
}

// Whoever keeps it reaps it; before it is ready nobody does.
io::Task<void> Supervisor::end(Running& running) {
  running.stopping = true;
  if (!running.alive) co_return;
  (void)io::send_signal(running.program, SIGTERM);
  const Time patient_until = now() + patience_.stop;
  bool killed = false;
  while (io::is_alive(running.program)) {
    if (!killed && now() > patient_until) {
      log_(std::format("{} does not end: killed", running.unit.name));
      (void)io::send_signal(running.program, SIGKILL);
      killed = true;
    }
    (void)co_await changed_.wait(kLook);
  }
  running.alive = false;
}

io::Task<void> Supervisor::stop(std::vector<std::string> names) {
  for (Running& running : running_) running.stopping = true;
  for (const std::string& name : names) {
    for (Running& running : running_) {
      if (running.unit.name != name) continue;
      co_await end(running);
      unlink(std::format("{}/{}.pid", dir_, name).c_str());
    }
  }
}

io::Task<void> end_leftovers(std::string dir, std::vector<std::string> names, Duration patience) {
  for (const std::string& name : names) {
    const std::string path = std::format("{}/{}.pid", dir, name);
    const auto left = io::read_pid_file(path);
    if (!left) continue;
    (void)io::send_signal(*left, SIGTERM);
    const Time until = now() + patience;
    while (io::is_alive(*left)) {
      if (now() > until) (void)io::send_signal(*left, SIGKILL);
      co_await io::sleep(kLook);
    }
    unlink(path.c_str());
  }
}

}  // namespace godwit::apps
