#include "edges/guestlink/guest.h"

#include <filesystem>
#include <utility>

namespace godwit::guestlink {
namespace {

template <class T>
constexpr const char* kName = "";
template <>
constexpr const char* kName<ports::SetClock> = "SetClock";
template <>
constexpr const char* kName<ports::StartContainer> = "StartContainer";
template <>
constexpr const char* kName<ports::Exec> = "Exec";
template <>
constexpr const char* kName<ports::Signal> = "Signal";
template <>
constexpr const char* kName<ports::StopContainer> = "StopContainer";

ports::ContainerState told(const frame::State& s) {
  return {.phase = static_cast<ports::ContainerPhase>(s.phase),
          .runs = s.runs,
          .exit_status = s.exit_status,
          .signal = s.signal,
          .health = static_cast<ports::Health>(s.health),
          .why = s.why};
}

frame::Start request_of(const ports::Container& c) {
  frame::Start start;
  start.program = {c.argv, c.env, c.cwd, c.uid, c.gid};
  start.hostname = c.hostname;
  start.restart = static_cast<frame::Restart>(c.restart);
  start.backoff_ms = c.backoff_ms;
  start.backoff_max_ms = c.backoff_max_ms;
  start.health = {static_cast<frame::HealthKind>(c.health.kind),
                  c.health.port,
                  c.health.argv,
                  c.health.interval_ms,
                  c.health.timeout_ms,
                  c.health.failures};
  return start;
}

ports::GuestAnswer answer(const char* command, const Status& status, ports::GuestAnswer good) {
  if (status) return good;
  return ports::GuestFailed{command, status.error(), ""};
}

}  // namespace

Guest::Guest(World world, GuestId id)
    : world_(world),
      id_(std::move(id)),
      dir_(world_.config.log_dir + "/" + id_.value),
      changed_(world_.loop) {}

Result<LogStore*> Guest::log() {
  std::error_code error;  // RemoveLog has taken it away.
  if (log_) std::filesystem::create_directories(dir_, error);
  if (!log_) {
    ASSIGN_OR_RETURN(LogStore store, LogStore::open(dir_, world_.config.limits));
    log_.emplace(std::move(store));
  }
  return &*log_;
}

void Guest::submit(ports::GuestCommand command) {
  if (std::holds_alternative<ports::Detach>(command)) return detach();
  if (std::holds_alternative<ports::RemoveLog>(command)) return remove_log();
  if (const auto* read = std::get_if<ports::ReadLog>(&command)) return read_log(*read);
  queue_.push_back(std::move(command));
  if (std::exchange(running_, true)) return;
  world_.loop.spawn(run_queue());
}

io::Task<void> Guest::run_queue() {
  while (!queue_.empty()) {
    ports::GuestCommand command = std::move(queue_.front());
    queue_.pop_front();
    co_await run(std::move(command));
  }
  running_ = false;
}

io::Task<void> Guest::run(ports::GuestCommand command) {
  if (std::holds_alternative<ports::Attach>(command)) co_return attach();
  if (const auto* send = std::get_if<ports::SendLogs>(&command)) co_return follow(send->to);
  const std::uint64_t session = session_;
  const auto* exec_command = std::get_if<ports::Exec>(&command);
  const std::string exec_id = exec_command ? exec_command->id : "";
  ports::GuestAnswer result = ports::GuestFailed{};
  const char* name = std::visit([]<class T>(const T&) -> const char* { return kName<T>; }, command);
  Status reached = precondition("not attached");
  if (link_) reached = co_await reach(*link_);
  if (session != session_) co_return;
  if (!reached) {
    result = ports::GuestFailed{name, reached.error(), ""};
  } else if (std::holds_alternative<ports::SetClock>(command)) {
    result = co_await set_clock(*link_);
  } else if (auto* start_command = std::get_if<ports::StartContainer>(&command)) {
    result = co_await start(*link_, std::move(*start_command));
  } else if (exec_command) {
    result = co_await exec(*link_, *exec_command);
  } else if (const auto* signal = std::get_if<ports::Signal>(&command)) {
    const Status done = co_await link_->signal(signal->number);
    result = answer(name, done, ports::Signalled{});
  } else if (const auto* stop = std::get_if<ports::StopContainer>(&command)) {
    const Status done = co_await link_->stop_container(std::chrono::milliseconds{stop->grace_ms});
    result = answer(name, done, ports::ContainerStopping{});
  }
  if (session != session_) co_return;  // Detached meanwhile.
  if (auto* failed = std::get_if<ports::GuestFailed>(&result)) failed->exec_id = exec_id;
  offer(std::move(result));
}

io::Task<Status> Guest::reach(Link& link) {
  const std::uint64_t session = session_;
  const bool there = link.connected() || co_await link.wait_connected(world_.config.reach);
  if (session != session_) co_return fail(Code::kAborted, "detached");
  if (!there) co_return unavailable("the guest does not answer");
  co_return Status{};
}

io::Task<ports::GuestAnswer> Guest::set_clock(Link& link) {
  const auto set = co_await link.set_clock();
  if (!set) co_return ports::GuestFailed{"SetClock", set.error(), ""};
  const auto reading = co_await link.measure_clock(20);
  if (!reading) co_return ports::GuestFailed{"SetClock", reading.error(), ""};
  co_return ports::ClockWasSet{Duration{set->behind_us}, Duration{set->stepped_us}, reading->ahead,
                               reading->round_trip};
}

io::Task<ports::GuestAnswer> Guest::start(Link& link, ports::StartContainer command) {
  frame::Start request = request_of(command.container);
  const Status started = co_await link.start_container(std::move(request));
  co_return answer("StartContainer", started, ports::ContainerStarted{});
}

io::Task<ports::GuestAnswer> Guest::exec(Link& link, ports::Exec command) {
  frame::Program program{command.argv, command.env, command.cwd, command.uid, command.gid};
  const Duration timeout = std::chrono::milliseconds{command.timeout_ms};
  auto done = co_await link.exec(std::move(program), timeout);
  if (!done) co_return ports::GuestFailed{"Exec", done.error(), command.id};
  ports::Executed result;
  result.id = command.id;
  result.exit_status = done->exit_status;
  result.signal = done->signal;
  result.out = std::move(done->out);
  result.err = std::move(done->err);
  result.dropped = done->dropped;
  result.error = std::move(done->error);
  co_return result;
}

void Guest::attach() {
  std::erase_if(retired_, [](const auto& link) { return link->ended(); });
  if (link_) {
    if (link_->connected()) {
      offer(ports::Connected{link_->boot()});
      offer(told(link_->state()));
    }
    return;
  }
  std::error_code ignored;
  std::filesystem::remove(dir_ + "/follow", ignored);
  follow_.reset();
  const auto store = log();
  const auto socket = world_.config.socket_of(id_);
  if (!store || !socket) return offer(ports::LogFailed{store ? socket.error() : store.error()});
  link_ = std::make_unique<Link>(world_.loop, LinkConfig{.socket = *socket}, **store, world_.clock,
                                 [this, session = session_](const LinkEvent& event) {
                                   if (session == session_) on_link(event);
                                 });
  attached_at_ = world_.clock();
  link_->start();
}

void Guest::detach() {
  queue_.clear();
  if (!link_) return;
  ++session_;
  link_->stop();
  retired_.push_back(std::move(link_));
}

void Guest::on_link(const LinkEvent& event) {
  if (const auto* connected = std::get_if<Connected>(&event))
    offer(ports::Connected{connected->boot});
  if (const auto* changed = std::get_if<StateChanged>(&event)) offer(told(changed->state));
  if (const auto* failed = std::get_if<LogFailed>(&event)) offer(ports::LogFailed{failed->error});
}

}  // namespace godwit::guestlink
