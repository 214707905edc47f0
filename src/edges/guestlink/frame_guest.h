// For tests: the inside of a guest that speaks the frames of lib/frame over UNIX sockets, one per
// node, as QEMU serves them. It answers what is asked and keeps its lines until they are
// acknowledged; its clock is behind by what the test says, and set by SetClock.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>

#include "base/check.h"
#include "lib/frame/control.h"
#include "lib/frame/frame.h"
#include "lib/io/loop.h"
#include "lib/io/stream.h"

namespace godwit::guestlink {

class FrameGuest {
 public:
  FrameGuest(io::Loop& loop, std::function<Time()> clock) : loop_(loop), clock_(std::move(clock)) {}

  // Listens at `path`, as node `n`.
  void serve(int n, const std::string& path) {
    auto listener = io::Listener::listen_unix(loop_, path);
    CHECK(listener.has_value());
    listeners_.push_back(*std::move(listener));
    loop_.spawn(accept_forever(n, listeners_.back()));
  }
  // From now on it runs at this node; the connection to the other is gone.
  void run_at(int n) {
    here_ = n;
    if (connection_) connection_->stream.close();
    connection_ = nullptr;
  }
  void print(int lines) {
    printed_ += static_cast<std::uint64_t>(lines);
    send_lines();
  }
  void fall_behind(Duration by) { behind_ += by; }

 private:
  struct Connection {
    io::Stream stream;
    std::uint64_t session = 0, sequence = 0;
    std::string out;
    bool writing = false;
  };

  io::Task<void> accept_forever(int n, io::Listener& listener) {
    for (;;) {
      auto stream = co_await listener.accept();
      if (!stream) co_return;
      if (n != here_) continue;  // Nobody runs behind this socket.
      auto connection = std::make_shared<Connection>(Connection{*std::move(stream)});
      connection_ = connection;
      loop_.spawn(read_forever(connection));
    }
  }

  io::Task<void> read_forever(std::shared_ptr<Connection> c) {
    frame::Decoder decoder;
    std::vector<char> buffer(4096);
    for (;;) {
      const auto n = co_await c->stream.read_some(buffer);
      if (!n || *n == 0) co_return;
      for (const frame::Frame& f : decoder.feed({buffer.data(), *n}))
        if (connection_ == c) receive(*frame::decode_message(f.payload));
    }
  }

  io::Task<void> write(std::shared_ptr<Connection> c) {
    while (!c->out.empty()) (void)co_await c->stream.write_all(std::exchange(c->out, {}));
    c->writing = false;
  }

  void send(const frame::Message& message) {
    if (!connection_ || connection_->session == 0) return;
    Connection& c = *connection_;
    c.out += frame::encode({c.session, c.sequence++, frame::encode_message(message)});
    if (!std::exchange(c.writing, true)) loop_.spawn(write(connection_));
  }

  void send_lines() {
    if (!connection_ || connection_->session == 0) return;
    while (sent_ < printed_) {
      ++sent_;
      send(frame::LogLine{sent_, now_us(), 1, false, std::format("line {}", sent_)});
    }
  }

  std::int64_t now_us() const { return (clock_() - behind_).time_since_epoch().count(); }

  void receive(const frame::Message& message) {
    std::visit(
        [this](const auto& m) {
          if constexpr (requires { on(m); }) on(m);
        },
        message);
  }
  void on(const frame::Hello& hello) {
    connection_->session = hello.session;
    connection_->sequence = 0;
    sent_ = acknowledged_;
    send(frame::Welcome{frame::kVersion, hello.session, "boot-1", acknowledged_ + 1, state_});
    send_lines();
  }
  void on(const frame::Ping& ping) { send(frame::Pong{ping.id, now_us()}); }
  void on(const frame::SetClock& set) {
    const std::int64_t behind = set.time_us - now_us();
    if (behind > 50'000) behind_ -= Duration{behind};
    send(frame::ClockSet{set.id, behind, behind > 50'000 ? behind : 0});
  }
  void on(const frame::Start& start) {
    send(frame::Reply{start.id, ""});
    if (state_.phase != frame::Phase::kNone) return;
    state_.phase = frame::Phase::kRunning;
    ++state_.runs;
    send(state_);
  }
  void on(const frame::Exec& exec) {
    const std::string program = exec.program.argv.at(0);
    if (program == "show") send(frame::ExecOutput{exec.id, 0, 1, "shown\n"});
    const bool known = program == "show" || program == "exit";
    send(frame::ExecEnd{exec.id, program == "exit" ? 7 : (known ? 0 : -1), 0, 0,
                        known ? "" : program + ": run: No such file or directory"});
  }
  void on(const frame::Signal& signal) {
    const bool runs = state_.phase == frame::Phase::kRunning;
    send(frame::Reply{signal.id, runs ? "" : "the container is not running"});
  }
  void on(const frame::Stop& stop) {
    send(frame::Reply{stop.id, ""});
    state_.phase = frame::Phase::kEnded;
    state_.exit_status = 3;
    send(state_);
  }
  void on(const frame::LogAck& ack) { acknowledged_ = std::max(acknowledged_, ack.sequence); }

  io::Loop& loop_;
  const std::function<Time()> clock_;
  std::list<io::Listener> listeners_;
  int here_ = 0;
  std::shared_ptr<Connection> connection_;
  Duration behind_{};
  frame::State state_;
  std::uint64_t printed_ = 0, sent_ = 0, acknowledged_ = 0;
};

}  // namespace godwit::guestlink
