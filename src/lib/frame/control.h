// The messages between a node and the init inside its guest. Each is the payload of one frame.
//
// The node says Hello at any moment (a new connection, a new node after a move, a gap); the guest
// answers Welcome, and both count their frames from 0 again. Requests carry an id that the node
// draws at random; one that is sent again, on whatever connection, is answered again and not done
// again. Log lines are kept by the guest until LogAck. All times are microseconds since 1970, UTC.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"

namespace godwit::frame {

inline constexpr std::uint32_t kVersion = 1;
// Longer lines are cut into pieces.
inline constexpr std::size_t kMaxLine = 16 * 1024;
// The guest keeps this much of one exec's output until it is fetched; what is more is dropped and
// said so.
inline constexpr std::size_t kMaxExecOutput = 4 * 1024 * 1024;

using Id = std::uint64_t;
using Words = std::vector<std::string>;

// --- Node to guest ---

struct Hello {
  std::uint32_t version = kVersion;
  std::uint64_t session = 0;
  void fields(this auto& self, auto&& visit) { visit(self.version, self.session); }
  bool operator==(const Hello&) const = default;
};
struct Ping {
  Id id = 0;
  void fields(this auto& self, auto&& visit) { visit(self.id); }
  bool operator==(const Ping&) const = default;
};
// The guest's clock is stepped forward when it is more than 50 ms behind, slewed when less. It is
// set back only before Start: so a node sets it first, and again after every resume.
struct SetClock {
  Id id = 0;
  std::int64_t time_us = 0;
  void fields(this auto& self, auto&& visit) { visit(self.id, self.time_us); }
  bool operator==(const SetClock&) const = default;
};

struct Program {
  Words argv;  // argv[0] without a slash is looked up in PATH of env, inside the container.
  Words env;   // "NAME=value".
  std::string cwd = "/";
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  void fields(this auto& self, auto&& visit) {
    visit(self.argv, self.env, self.cwd, self.uid, self.gid);
  }
  bool operator==(const Program&) const = default;
};

enum class Restart : std::uint8_t { kNever, kOnFailure, kAlways };
enum class HealthKind : std::uint8_t { kNone, kTcp, kExec };

struct HealthCheck {
  HealthKind kind = HealthKind::kNone;
  std::uint16_t port = 0;  // kTcp: a connection to 127.0.0.1 and this port succeeds.
  Words argv;              // kExec: this program, as the container's user, ends with 0.
  std::uint32_t interval_ms = 10'000;
  std::uint32_t timeout_ms = 5'000;
  std::uint32_t failures = 3;  // So many in a row, and the container is unhealthy.
  void fields(this auto& self, auto&& visit) {
    visit(self.kind, self.port, self.argv, self.interval_ms, self.timeout_ms, self.failures);
  }
  bool operator==(const HealthCheck&) const = default;
};

// Starts the one container of the guest. A guest that has one already answers as if it had started.
struct Start {
  Id id = 0;
  Program program;
  std::string hostname;
  Restart restart = Restart::kNever;
  std::uint32_t backoff_ms = 1'000;  // Doubled at each restart; back to this after a run of 60 s.
  std::uint32_t backoff_max_ms = 60'000;
  HealthCheck health;
  void fields(this auto& self, auto&& visit) {
    visit(self.id, self.program, self.hostname, self.restart, self.backoff_ms, self.backoff_max_ms,
          self.health);
  }
  bool operator==(const Start&) const = default;
};
// Output comes as ExecOutput from byte `have` on, then ExecEnd. Sent again after a reconnect, with
// what has arrived so far.
struct Exec {
  Id id = 0;
  Program program;
  std::uint32_t timeout_ms = 0;  // Then SIGKILL. 0: none.
  std::uint64_t have = 0;
  void fields(this auto& self, auto&& visit) {
    visit(self.id, self.program, self.timeout_ms, self.have);
  }
  bool operator==(const Exec&) const = default;
};
// The container's first program gets the signal.
struct Signal {
  Id id = 0;
  std::int32_t number = 0;
  void fields(this auto& self, auto&& visit) { visit(self.id, self.number); }
  bool operator==(const Signal&) const = default;
};
// SIGTERM, after the grace SIGKILL, and no restart. Answered at once; Exited follows.
struct Stop {
  Id id = 0;
  std::uint32_t grace_ms = 10'000;
  void fields(this auto& self, auto&& visit) { visit(self.id, self.grace_ms); }
  bool operator==(const Stop&) const = default;
};
// Syncs the disk and ends the guest; answered before.
struct PowerOff {
  Id id = 0;
  void fields(this auto& self, auto&& visit) { visit(self.id); }
  bool operator==(const PowerOff&) const = default;
};
// Every line up to and with this one is in the node's file.
struct LogAck {
  std::uint64_t sequence = 0;
  void fields(this auto& self, auto&& visit) { visit(self.sequence); }
  bool operator==(const LogAck&) const = default;
};

// --- Guest to node ---

enum class Phase : std::uint8_t { kNone, kRunning, kWaiting, kEnded };  // kWaiting: for a restart.
enum class Health : std::uint8_t { kUnknown, kHealthy, kUnhealthy };

// Sent in Welcome and at each change.
struct State {
  Phase phase = Phase::kNone;
  std::uint32_t runs = 0;         // How often the container was started.
  std::int32_t exit_status = -1;  // Of its last end: 0 to 255, or -1.
  std::int32_t signal = 0;        // That ended it, or 0.
  Health health = Health::kUnknown;
  std::string why;  // The last failed start or health check.
  void fields(this auto& self, auto&& visit) {
    visit(self.phase, self.runs, self.exit_status, self.signal, self.health, self.why);
  }
  bool operator==(const State&) const = default;
};
struct Welcome {
  std::uint32_t version = kVersion;
  std::uint64_t session = 0;
  std::string boot;             // The guest kernel's boot id. Log sequences count per boot.
  std::uint64_t log_first = 1;  // The oldest line that is still kept; it comes next.
  State state;
  void fields(this auto& self, auto&& visit) {
    visit(self.version, self.session, self.boot, self.log_first, self.state);
  }
  bool operator==(const Welcome&) const = default;
};
// The guest lost bytes: say hello again.
struct Resync {
  void fields(this auto&, auto&& visit) { visit(); }
  bool operator==(const Resync&) const = default;
};
struct Heartbeat {  // Once a second.
  std::int64_t time_us = 0;
  void fields(this auto& self, auto&& visit) { visit(self.time_us); }
  bool operator==(const Heartbeat&) const = default;
};
struct Pong {
  Id id = 0;
  std::int64_t time_us = 0;
  void fields(this auto& self, auto&& visit) { visit(self.id, self.time_us); }
  bool operator==(const Pong&) const = default;
};
struct ClockSet {
  Id id = 0;
  std::int64_t behind_us = 0;   // Before. Negative: the guest was ahead.
  std::int64_t stepped_us = 0;  // 0 when it was slewed.
  void fields(this auto& self, auto&& visit) { visit(self.id, self.behind_us, self.stepped_us); }
  bool operator==(const ClockSet&) const = default;
};
// To Start, Signal, Stop, PowerOff. `error` is empty on success.
struct Reply {
  Id id = 0;
  std::string error;
  void fields(this auto& self, auto&& visit) { visit(self.id, self.error); }
  bool operator==(const Reply&) const = default;
};
struct ExecOutput {
  Id id = 0;
  std::uint64_t offset = 0;  // Of the first byte, over both streams together.
  std::uint8_t stream = 1;   // 1 stdout, 2 stderr.
  std::string bytes;
  void fields(this auto& self, auto&& visit) {
    visit(self.id, self.offset, self.stream, self.bytes);
  }
  bool operator==(const ExecOutput&) const = default;
};
struct ExecEnd {
  Id id = 0;
  std::int32_t exit_status = -1;
  std::int32_t signal = 0;
  std::uint64_t dropped = 0;  // Bytes of output beyond kMaxExecOutput.
  std::string error;          // It could not be started.
  void fields(this auto& self, auto&& visit) {
    visit(self.id, self.exit_status, self.signal, self.dropped, self.error);
  }
  bool operator==(const ExecEnd&) const = default;
};
struct LogLine {
  std::uint64_t sequence = 0;  // From 1, without gaps, per boot.
  std::int64_t time_us = 0;
  std::uint8_t stream = 1;
  bool cut = false;  // The line goes on in the next piece of its stream.
  std::string text;  // Without newline; any other byte.
  void fields(this auto& self, auto&& visit) {
    visit(self.sequence, self.time_us, self.stream, self.cut, self.text);
  }
  bool operator==(const LogLine&) const = default;
};

using Message =
    std::variant<Hello, Ping, SetClock, Start, Exec, Signal, Stop, PowerOff, LogAck, Welcome,
                 Resync, Heartbeat, Pong, ClockSet, Reply, ExecOutput, ExecEnd, LogLine, State>;

// One byte, the alternative's index; then the fields in order: integers little-endian, strings and
// lists behind a count of 4 bytes.
std::string encode_message(const Message& message);

// DataLoss on bytes that are not exactly one message.
Result<Message> decode_message(std::string_view bytes);

}  // namespace godwit::frame
