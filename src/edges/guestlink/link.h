// One guest's control channel, from the node: a session that is kept up, and requests over it.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "edges/guestlink/log_store.h"
#include "lib/frame/control.h"
#include "lib/frame/frame.h"
#include "lib/io/loop.h"
#include "lib/io/stream.h"

namespace godwit::guestlink {

struct LinkConfig {
  std::string socket;  // Of QEMU's chardev; need not be there yet.
  Duration hello_every = std::chrono::milliseconds{500};  // Until the guest answers.
  // No frame for so long, not even a heartbeat, and the connection is made anew. TCG was seen to
  // stall for 2.1 s.
  Duration silence_after = std::chrono::seconds{6};
  Duration request_timeout = std::chrono::seconds{30};
};

struct ClockReading {
  Duration ahead{};       // Guest less node, at the midpoint of the shortest exchange.
  Duration round_trip{};  // Of that exchange: the reading is sound to half of it.
};

struct ExecResult {
  int exit_status = -1;  // -1: ended by `signal`.
  int signal = 0;
  std::string out, err;
  std::uint64_t dropped = 0;  // Bytes beyond frame::kMaxExecOutput.
  std::string error;          // It could not be started, or took too long.
};

// What comes without being asked for.
struct Connected {
  std::string boot;
};
struct Disconnected {
  std::string why;
};
struct StateChanged {
  frame::State state;
};
struct LogFailed {
  Error error;  // Lines are not acknowledged; the guest keeps them and sends them again.
};
using LinkEvent = std::variant<Connected, Disconnected, StateChanged, LogFailed>;

// What a guest sends is not to be trusted: its answers count when they are of the kind that was
// asked for, its numbers when they can be times, and what is kept of it has a bound.
//
// All on the loop's thread. Lives until ended(), or until after the loop's last run; one Link per
// socket at a time, since QEMU serves one connection.
class Link {
 public:
  // `clock` is the node's wall clock.
  Link(io::Loop& loop, LinkConfig config, LogStore& log, std::function<Time()> clock,
       std::function<void(const LinkEvent&)> tell);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  void start();  // Connects, and connects again, until stop().
  void stop();   // Requests under way end with Aborted.
  // Stopped, and nothing of it is on the loop any more: it may be destroyed before the loop's end.
  bool ended() const { return stopping_ && tasks_ == 0; }
  // As if QEMU had closed it: a new connection and a new session follow.
  void break_connection();
  bool connected() const { return welcomed_; }
  io::Task<bool> wait_connected(Duration timeout);
  const frame::State& state() const { return state_; }
  const std::string& boot() const { return boot_; }

  // Each is repeated over reconnects until it is answered; done once by the guest.
  // DeadlineExceeded after the request's time limit, FailedPrecondition when the guest refuses.
  io::Task<Status> start_container(frame::Start request);
  io::Task<Status> signal(int number);
  io::Task<Status> stop_container(Duration grace);
  io::Task<Status> power_off();
  // `timeout` is the program's: it is killed then. 0: none.
  io::Task<Result<ExecResult>> exec(frame::Program program, Duration timeout);

  io::Task<Result<ClockReading>> measure_clock(int pings = 20);
  // Tells the guest the time: after every resume. What it says is as seen by the guest.
  io::Task<Result<frame::ClockSet>> set_clock();

 private:
  using Steady = std::chrono::steady_clock;
  struct Pending {
    frame::Message request;
    std::optional<frame::Message> answer;
    Time answered_at{};
    ExecResult exec;
    std::uint64_t have = 0;
  };

  io::Task<void> counted(io::Task<void> task);
  io::Task<void> connect_forever();
  io::Task<void> write_forever();
  io::Task<void> tick_forever();
  io::Task<std::string> read_until_broken();
  void say_hello();
  void send(const frame::Message& message);
  void receive(const frame::Frame& frame);
  void on(const frame::Welcome& welcome);
  void on(const frame::Resync& resync);
  void on(const frame::Pong& pong);
  void on(const frame::ClockSet& set);
  void on(const frame::Reply& reply);
  void on(const frame::ExecOutput& output);
  void on(const frame::ExecEnd& end);
  void on(const frame::LogLine& line);
  void on(const frame::State& state);
  void take_state(const frame::State& state);
  void answer(frame::Id id, frame::Message message);
  void keep_lines();
  io::Task<Result<Pending>> ask(frame::Id id, frame::Message request, Duration timeout);
  io::Task<Status> ask_plainly(frame::Id id, frame::Message request);
  Time now() const { return clock_(); }

  io::Loop& loop_;
  const LinkConfig config_;
  LogStore& log_;
  const std::function<Time()> clock_;
  const std::function<void(const LinkEvent&)> tell_;
  io::Notifier changed_;

  int tasks_ = 0;
  std::optional<io::Stream> stream_;
  bool writing_ = false;
  bool stopping_ = false;
  bool welcomed_ = false;
  bool log_failed_ = false;
  std::uint64_t sequence_ = 0;
  Steady::time_point hello_at_{}, heard_at_{};
  frame::Decoder decoder_;
  frame::Order order_;
  std::string out_;
  std::map<frame::Id, Pending> pending_;
  std::vector<frame::LogLine> lines_;  // Of the bytes at hand.
  frame::State state_;
  std::string boot_;
};

}  // namespace godwit::guestlink
