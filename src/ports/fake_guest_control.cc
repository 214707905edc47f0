#include "ports/fake_guest_control.h"

#include <format>
#include <utility>

namespace godwit::ports {
namespace {

template <class T>
constexpr const char* kName = "";
template <>
constexpr const char* kName<SetClock> = "SetClock";
template <>
constexpr const char* kName<StartContainer> = "StartContainer";
template <>
constexpr const char* kName<Exec> = "Exec";
template <>
constexpr const char* kName<Signal> = "Signal";
template <>
constexpr const char* kName<StopContainer> = "StopContainer";

// As the real init: less is slewed.
constexpr Duration kStepAbove = std::chrono::milliseconds{50};

}  // namespace

FakeGuestControl::FakeGuestControl(const NodeId& self, FakeInsides& insides,
                                   EventSink<GuestEvent>& sink)
    : self_(self), insides_(insides), sink_(sink) {
  insides_.nodes[self_] = this;
}

FakeGuestControl::~FakeGuestControl() { insides_.nodes.erase(self_); }

void FakeGuestControl::submit(const GuestId& guest, GuestCommand command) {
  Session& session = sessions_[guest];
  const bool removes = std::holds_alternative<RemoveLog>(command);
  if (removes) session = {};
  if (removes || std::holds_alternative<Detach>(command)) {
    session.queue.clear();
    session.attached = false;
    return;
  }
  if (const auto* read = std::get_if<ReadLog>(&command)) return read_log(guest, session, *read);
  session.queue.push_back(std::move(command));
}

bool FakeGuestControl::attached(const GuestId& guest) const {
  const auto at = sessions_.find(guest);
  return at != sessions_.end() && at->second.attached;
}

std::set<std::uint64_t> FakeGuestControl::log(const GuestId& guest) const {
  const auto at = sessions_.find(guest);
  return at == sessions_.end() ? std::set<std::uint64_t>{} : at->second.log;
}

void FakeGuestControl::forget() {
  for (auto& [guest, session] : sessions_) {
    session.queue.clear();
    session.attached = false;
    session.sent = false;
  }
}

bool FakeGuestControl::sends(const Session& session) const {
  return session.follow && (!session.log.empty() || !session.sent) &&
         insides_.nodes.contains(*session.follow);
}

bool FakeGuestControl::pending(const GuestId& guest) const {
  const auto at = sessions_.find(guest);
  if (at == sessions_.end()) return false;
  const Session& session = at->second;
  if (!session.queue.empty() || sends(session)) return true;
  const auto inside = insides_.guests.find(guest);
  return session.attached && inside != insides_.guests.end() && !inside->second.deaf &&
         inside->second.printed > inside->second.acknowledged;
}

bool FakeGuestControl::deliver(const GuestId& guest) {
  if (!pending(guest)) return false;
  Session& session = sessions_[guest];
  keep_lines(guest, session);
  if (sends(session)) {
    send_logs(guest, session);
  } else if (!session.queue.empty()) {
    const GuestCommand command = std::move(session.queue.front());
    session.queue.pop_front();
    run(guest, session, command);
  }
  return true;
}

void FakeGuestControl::keep_lines(const GuestId& guest, Session& session) {
  FakeInsides::Inside& inside = insides_.guests[guest];
  if (!session.attached || inside.deaf) return;
  while (inside.acknowledged < inside.printed) session.log.insert(++inside.acknowledged);
}

void FakeGuestControl::send_logs(const GuestId& guest, Session& session) {
  Session& there = insides_.nodes[*session.follow]->sessions_[guest];
  there.log.merge(session.log);
  there.sent = false;
  session.log.clear();
  session.sent = true;
  offer(guest, LogsSent{*session.follow});
}

std::optional<Error> FakeGuestControl::refusal(const GuestId& guest, const Session& session) const {
  if (!session.attached) return Error{Code::kFailedPrecondition, "not attached"};
  if (insides_.guests[guest].deaf) return Error{Code::kDeadlineExceeded, "no answer"};
  return std::nullopt;
}

void FakeGuestControl::run(const GuestId& guest, Session& session, const GuestCommand& command) {
  FakeInsides::Inside& inside = insides_.guests[guest];
  std::visit(
      [&]<class T>(const T& c) {
        if constexpr (std::is_same_v<T, Attach>) {
          session.attached = true;
          session.follow.reset();
          if (inside.deaf) return;
          offer(guest, Connected{"boot of " + guest.value});
          offer(guest, inside.state);
        } else if constexpr (std::is_same_v<T, SendLogs>) {
          if (session.attached) return;
          session.follow = c.to;
          session.sent = false;
        } else if constexpr (!std::is_same_v<T, Detach> && !std::is_same_v<T, RemoveLog> &&
                             !std::is_same_v<T, ReadLog>) {
          if (const auto error = refusal(guest, session)) {
            GuestFailed failed{kName<T>, *error, ""};
            if constexpr (std::is_same_v<T, Exec>) failed.exec_id = c.id;
            return offer(guest, std::move(failed));
          }
          if constexpr (std::is_same_v<T, SetClock>) {
            const Duration behind = std::exchange(inside.behind, Duration{});
            offer(guest, ClockWasSet{behind, behind > kStepAbove ? behind : Duration{}});
          } else if constexpr (std::is_same_v<T, StartContainer>) {
            offer(guest, ContainerStarted{});
            if (inside.state.phase != ContainerPhase::kNone) return;
            inside.container = c.container;
            inside.state = {.phase = ContainerPhase::kRunning, .runs = inside.state.runs + 1};
            offer(guest, inside.state);
          } else if constexpr (std::is_same_v<T, Exec>) {
            exec(guest, c);
          } else if (inside.state.phase != ContainerPhase::kRunning) {
            offer(guest,
                  GuestFailed{
                      kName<T>, {Code::kFailedPrecondition, "the container is not running"}, ""});
          } else if constexpr (std::is_same_v<T, Signal>) {
            offer(guest, Signalled{});
          } else {
            offer(guest, ContainerStopping{});
            inside.state.phase = ContainerPhase::kEnded;
            inside.state.exit_status = 3;
            offer(guest, inside.state);
          }
        }
      },
      command);
}

void FakeGuestControl::read_log(const GuestId& guest, const Session& session,
                                const ReadLog& command) {
  LogRead read{.id = command.id, .next = command.from};
  std::uint64_t bytes = 0;
  for (auto at = session.log.lower_bound(command.from); at != session.log.end(); ++at) {
    if (session.attached && *at != read.next) break;
    LogLine line{.number = *at, .text = std::format("line {}", *at)};
    bytes += line.text.size();
    read.more = read.lines.size() == command.lines_max ||
                (bytes > command.bytes_max && !read.lines.empty());
    if (read.more) break;
    read.next = *at + 1;
    read.lines.push_back(std::move(line));
  }
  offer(guest, std::move(read));
}

// It knows two programs: "show" prints, "exit" does not; any other is not there.
void FakeGuestControl::exec(const GuestId& guest, const Exec& command) {
  Executed done{.id = command.id};
  const std::string program = command.argv.empty() ? "" : command.argv[0];
  if (program == "show" || program == "exit") {
    done.exit_status = program == "exit" ? 7 : 0;
    done.out = program == "show" ? "shown\n" : "";
  } else {
    done.error = program + ": run: No such file or directory";
  }
  offer(guest, std::move(done));
}

}  // namespace godwit::ports
