// QEMU's monitor protocol (QMP) over its UNIX socket, for one task loop.
//
// QEMU serves one connection at a time and takes a new one after the old has closed; events that
// come in between are lost, so whoever connects again must ask for the state. Bytes that are not
// QMP end the connection with an Error; they never end us.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "base/time.h"
#include "lib/io/loop.h"
#include "lib/io/stream.h"
#include "lib/json/json.h"

namespace godwit::qemu {

struct QmpEvent {
  std::string name;  // "STOP".
  json::Value contents;
  Time at;  // QEMU's own timestamp.
};

// One line from QEMU, understood.
struct QmpGreeting {
  std::string version;  // "10.0.13".
};
struct QmpAnswer {
  std::int64_t id = 0;
  Result<json::Value> result;
};
using QmpMessage = std::variant<QmpGreeting, QmpAnswer, QmpEvent>;

// DataLoss when the line is no QMP message. An error answer without id (QEMU did not understand the
// command at all) has id 0. QEMU's error classes become: CommandNotFound InvalidArgument,
// DeviceNotFound and DeviceNotActive NotFound, all others FailedPrecondition.
Result<QmpMessage> parse_qmp(std::string_view line);

// The longest line taken; query-block of a guest with one disk is below 10 kB.
inline constexpr std::size_t kQmpLineMax = 1 << 20;

class QmpClient {
 public:
  explicit QmpClient(io::Loop& loop) : loop_(loop), changed_(loop) {}
  QmpClient(const QmpClient&) = delete;
  QmpClient& operator=(const QmpClient&) = delete;

  // Called on the loop for each event, in QEMU's order; may call close() but not connect().
  std::function<void(const QmpEvent&)> on_event;

  // How commands are given: out-of-band ones are taken by a thread of the monitor's own, also while
  // QEMU's main loop is blocked; few commands allow it (`yank`, `query-yank`).
  enum class Band { kIn, kOut };

  // Connects and negotiates; an older connection is closed first. Unavailable while nobody answers,
  // DeadlineExceeded when the greeting or the negotiation takes longer than `timeout`.
  io::Task<Status> connect(std::string path, Duration timeout, Band band = Band::kIn);
  // QEMU's "return", in the connection's band. DeadlineExceeded: the command may have been done.
  // Unavailable: the connection ended, or there is none.
  io::Task<Result<json::Value>> execute(std::string command, json::Value arguments = {},
                                        Duration timeout = std::chrono::seconds{10});
  // What waits gets Unavailable.
  void close();

  bool connected() const { return stream_ != nullptr && ready_; }
  const std::string& version() const { return version_; }

 private:
  io::Task<void> read_all(io::Stream stream);
  Status take(std::string_view line);

  io::Loop& loop_;
  io::Notifier changed_;
  io::Stream* stream_ = nullptr;  // In the frame of read_all, while that runs.
  std::int64_t connection_ = 0;   // Counts connections, so that a waiter knows its own has ended.
  int writing_ = 0;
  Band band_ = Band::kIn;
  bool ready_ = false;
  bool greeted_ = false;
  std::string version_;
  std::string broken_;  // Why the last connection ended.
  std::int64_t last_id_ = 0;
  std::set<std::int64_t> asked_;
  std::map<std::int64_t, Result<json::Value>> answers_;
};

}  // namespace godwit::qemu
