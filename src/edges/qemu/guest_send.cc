// The source of a move, in the order of docs/architecture.md:
//
//   running -- Send: mirror ready, stream --> stopped (pre-switchover) -- CloseMirror, Continue -->
//   completed
//      ^                                            | |
//      +---------------- Resume, by migrate_cancel -+------------------------------ Resume, by cont
//      ---+
//
// Until `completed` QEMU may start the guest by itself whenever the stream fails; after it, never.
#include <unistd.h>

#include <algorithm>

#include "edges/qemu/guest.h"
#include "lib/netlink/tap.h"

namespace godwit::qemu {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

namespace {

// Notices that a counter no longer moves.
class Stuck {
 public:
  explicit Stuck(Duration after) : after_(after) {}
  bool is(std::uint64_t bytes) {
    if (!seen_ || bytes != *seen_) {
      seen_ = bytes;
      since_ = Clock::now();
    }
    return Clock::now() - since_ > after_;
  }

 private:
  Duration after_;
  std::optional<std::uint64_t> seen_;
  Clock::time_point since_;
};

// When to be content with a longer pause; see StreamSettings.
class Patience {
 public:
  explicit Patience(const StreamSettings& stream) : stream_(stream) {}
  // The limit to set now, if it is time for another.
  std::optional<std::uint32_t> longer_limit(const QemuState& state) {
    const bool near =
        state.expected_pause_ms && *state.expected_pause_ms <= stream_.downtime_limit_ms_max;
    if (!near || limit_ms_ >= stream_.downtime_limit_ms_max) return std::nullopt;
    if (!since_) since_ = Clock::now();
    if (Clock::now() - *since_ <= stream_.downtime_patience) return std::nullopt;
    since_ = Clock::now();
    return limit_ms_ = std::min(2 * limit_ms_, stream_.downtime_limit_ms_max);
  }

 private:
  const StreamSettings& stream_;
  std::uint32_t limit_ms_ = stream_.downtime_limit_ms;
  std::optional<Clock::time_point> since_;
};

json::Value capability(const char* name, bool on = true) {
  return args("capability", name, "state", on);
}

std::string uri_of(const std::string& host, std::uint16_t port) {
  if (host.find(':') != std::string::npos) return std::format("tcp:[{}]:{}", host, port);
  return std::format("tcp:{}:{}", host, port);
}

}  // namespace

io::Task<Status> Guest::set_up_stream() {
  json::Value::Array on;
  on.push_back(capability("events"));
  on.push_back(capability("return-path"));  // Without it a source said `completed` too early.
  on.push_back(capability("pause-before-switchover"));
  // Said either way: this QEMU may have come here by other settings.
  const StreamSettings& stream = node_.config.stream;
  on.push_back(capability("multifd", stream.multifd_channels > 0));
  CO_TRY(co_await qmp("migrate-set-capabilities", args("capabilities", std::move(on))));
  // Peers learn the new place from us; QEMU's announcements go nowhere.
  json::Value parameters = args("tls-creds", "t", "announce-rounds", 0);
  if (stream.multifd_channels > 0) parameters.set("multifd-channels", stream.multifd_channels);
  parameters.set("multifd-compression", stream.compress ? "zstd" : "none");
  parameters.set("downtime-limit", stream.downtime_limit_ms);
  parameters.set("max-bandwidth", stream.bytes_per_second_max);
  CO_TRY(co_await qmp("migrate-set-parameters", std::move(parameters)));
  // Refused where we are not root: then the pause is longer, and nothing else.
  constexpr std::uint32_t kKernels = 0xffffffff;
  (void)netlink::set_sysctl("net/ipv4/tcp_notsent_lowat",
                            std::to_string(stream.unsent_bytes_max.value_or(kKernels)));
  co_return Status{};
}

io::Task<Answer> Guest::send(ports::Send send) {
  CO_ASSIGN_OR_RETURN(const QemuState state, co_await query());
  if (state.run != "running" || is_under_way(state.migration))
    co_return precondition(
        std::format("qemu is {} (migration: {}), not running", state.run, state.migration));
  Status going = co_await clear_attempt();
  if (going) going = write_key(files_, send.key);
  if (going) going = co_await start_mirror(send);
  if (going) going = co_await await_mirror();
  if (going) {
    answer(ports::MirrorReady{});
    going = co_await start_stream(send);
  }
  Answer result = going ? co_await await_stop() : Answer(std::unexpected(going.error()));
  // "Failed" promises that the guest runs on; after an abort the Resume sees to it.
  if (!result && !aborted_ && program_) (void)co_await resume();
  co_return result;
}

io::Task<Status> Guest::start_mirror(const ports::Send& send) {
  CO_TRY(co_await qmp("object-add", credentials(files_, false)));
  json::Value server =
      args("type", "inet", "host", send.host, "port", std::to_string(send.disk_port));
  // No reconnect-delay: a lost target ends the attempt, and the guest's writes would wait
  // meanwhile.
  CO_TRY(co_await qmp("blockdev-add", args("driver", "nbd", "node-name", "tgt0", "server", server,
                                           "export", "root0", "tls-creds", "t")));
  // The guest's writes wait behind what the first copy has under way: QEMU's 10 MB are 0.8 s at
  // 100 Mbit/s.
  constexpr std::uint64_t kUnderWayMax = 1 << 20;
  json::Value mirror = args("job-id", "mir0", "device", "root0", "target", "tgt0", "sync", "top",
                            "copy-mode", "write-blocking", "auto-dismiss", false);
  mirror.set("buf-size", kUnderWayMax);
  CO_TRY(co_await qmp("blockdev-mirror", std::move(mirror)));
  co_return Status{};
}

io::Task<Status> Guest::await_mirror() {
  Stuck stuck(node_.config.stuck_after);
  auto next = Clock::now() + node_.config.progress_every;
  for (;;) {
    CO_ASSIGN_OR_RETURN(const MirrorState job, co_await mirror());
    if (job.status == "ready") co_return Status{};
    if (job.status == "concluded" || job.status.empty())
      co_return unavailable(std::format("mirror ended before it was ready: {}", job.error));
    if (stuck.is(job.bytes))
      co_return unavailable(std::format("mirror is stuck at {} bytes", job.bytes));
    if (Clock::now() >= next) {
      answer(ports::Progress{0, job.bytes});
      next += node_.config.progress_every;
    }
    CO_TRY(co_await news(milliseconds{50}));
  }
}

io::Task<Status> Guest::start_stream(const ports::Send& send) {
  CO_TRY(co_await set_up_stream());
  stopped_at_.reset();
  ram_at_stop_ = 0;
  CO_TRY(co_await qmp("migrate", args("uri", uri_of(send.host, send.migration_port))));
  co_return Status{};
}

io::Task<Answer> Guest::await_stop() {
  Stuck stuck(node_.config.stuck_after);
  Patience patience(node_.config.stream);
  auto next = Clock::now() + node_.config.progress_every;
  for (;;) {
    CO_ASSIGN_OR_RETURN(const QemuState state, co_await query());
    CO_ASSIGN_OR_RETURN(const MirrorState job, co_await mirror());
    if (job.status != "ready")
      co_return unavailable(
          std::format("mirror is '{}' under the stream: {}", job.status, job.error));
    if (state.migration == "pre-switchover") {
      ram_at_stop_ = state.ram_bytes;
      const Time now = std::chrono::floor<Duration>(std::chrono::system_clock::now());
      co_return ports::HypervisorAnswer{ports::Stopped{stopped_at_.value_or(now)}};
    }
    if (!is_under_way(state.migration))
      co_return unavailable(std::format("stream {}: {}", state.migration, state.error));
    if (stuck.is(state.ram_bytes))
      co_return unavailable(std::format("stream is stuck at {} bytes", state.ram_bytes));
    if (const auto limit_ms = patience.longer_limit(state))
      CO_TRY(co_await qmp("migrate-set-parameters", args("downtime-limit", *limit_ms)));
    if (Clock::now() >= next) {
      answer(ports::Progress{state.ram_bytes, job.bytes});
      next += node_.config.progress_every;
    }
    CO_TRY(co_await news(
        std::max(Duration{0}, std::chrono::duration_cast<Duration>(next - Clock::now()))));
  }
}

io::Task<Answer> Guest::close_mirror() {
  CO_ASSIGN_OR_RETURN(const QemuState state, co_await query());
  if (state.migration != "pre-switchover")
    co_return precondition(std::format("stream is {}, not pre-switchover", state.migration));
  auto cancelled = co_await qmp("block-job-cancel", args("device", "mir0"));
  if (!cancelled) co_return std::unexpected(cancelled.error());
  const auto deadline = Clock::now() + node_.config.close_timeout;
  for (;;) {
    CO_ASSIGN_OR_RETURN(const MirrorState job, co_await mirror());
    if (job.status.empty()) co_return unavailable("the mirror's job vanished");
    if (job.status == "concluded") {
      // Concluded is not success: with the export gone it concludes too, with an error.
      if (!job.error.empty())
        co_return unavailable(std::format("mirror ended with an error: {}", job.error));
      break;
    }
    if (Clock::now() > deadline)
      co_return fail(Code::kDeadlineExceeded, std::format("mirror is still {}", job.status));
    CO_TRY(co_await news(milliseconds{20}));
  }
  CO_TRY(co_await qmp("job-dismiss", args("id", "mir0")));
  co_return ports::HypervisorAnswer{ports::MirrorClosed{}};
}

io::Task<Answer> Guest::go_on() {
  // With the mirror still there QEMU would go on to `completed`, and the peer run on a torn
  // disk.
  CO_ASSIGN_OR_RETURN(const MirrorState job, co_await mirror());
  if (!job.status.empty()) co_return precondition("the mirror is not closed");
  CO_TRY(co_await qmp("migrate-continue", args("state", "pre-switchover")));
  const auto deadline = Clock::now() + node_.config.continue_timeout;
  for (;;) {
    CO_ASSIGN_OR_RETURN(const QemuState state, co_await query());
    if (state.migration == "completed") {
      ::unlink(files_.key.c_str());
      const bool known = ram_at_stop_ != 0 && state.ram_bytes >= ram_at_stop_;
      co_return ports::HypervisorAnswer{
          ports::Completed{state.ram_bytes, known ? state.ram_bytes - ram_at_stop_ : 0}};
    }
    if (!is_under_way(state.migration))
      co_return unavailable(std::format("stream {}: {}", state.migration, state.error));
    if (Clock::now() > deadline)
      co_return fail(Code::kDeadlineExceeded, std::format("stream is still {}", state.migration));
    CO_TRY(co_await news(milliseconds{20}));
  }
}

io::Task<Answer> Guest::resume() {
  const auto deadline = Clock::now() + node_.config.resume_timeout;
  // After a cancelled or failed stream QEMU runs the guest by itself, within this.
  const auto patience = seconds{1};
  std::optional<Clock::time_point> ended;
  bool cancelled = false, yanked = false;
  for (;;) {
    // TCG's longest stall seen was 2.1 s.
    const auto asked = co_await query(seconds{3});
    if (!asked && !yanked && asked.error().code == Code::kDeadlineExceeded) {
      yanked = true;
      CO_TRY(co_await yank());
      continue;
    }
    CO_ASSIGN_OR_RETURN(const QemuState state, asked);
    if (state.run == "inmigrate" || state.run == "prelaunch" ||
        (state.run == "paused" && state.migration == "completed"))
      co_return precondition(std::format("qemu is {}: not the source of a stream", state.run));
    if (is_under_way(state.migration)) {
      // Asked once: what QEMU makes of it, cancelled, failed or even completed, has to be
      // waited for.
      if (!cancelled) CO_TRY(co_await qmp("migrate_cancel"));
      cancelled = true;
    } else if (state.run == "running") {
      break;
    } else if (!ended && state.migration != "completed") {
      ended = Clock::now();
    } else if (!ended || Clock::now() - *ended > patience) {
      auto done = co_await qmp("cont");
      if (!done && Clock::now() > deadline) co_return std::unexpected(done.error());
    }
    if (Clock::now() > deadline)
      co_return fail(Code::kDeadlineExceeded,
                     std::format("qemu is {} (migration: {})", state.run, state.migration));
    CO_TRY(co_await news(milliseconds{20}));
  }
  (void)co_await clear_attempt();
  const Time now = std::chrono::floor<Duration>(std::chrono::system_clock::now());
  co_return ports::HypervisorAnswer{ports::Running{resumed_at_.value_or(now)}};
}

// A write to a peer that takes nothing blocks as long as TCP does, and in the last phase of a
// stream it holds QEMU's big lock: no command of the main monitor is answered. The attempt is dead
// anyway.
io::Task<Status> Guest::yank() {
  CO_ASSIGN_OR_RETURN(const json::Value all, co_await oob_.execute("query-yank"));
  json::Value::Array ours;
  for (const json::Value& instance : all.array())
    if (instance["type"].text() == "migration" || instance["node-name"].text() == "tgt0")
      ours.push_back(instance);
  CO_TRY(co_await oob_.execute("yank", args("instances", std::move(ours))));
  co_return Status{};
}

io::Task<Status> Guest::clear_attempt() {
  const auto deadline = Clock::now() + seconds{5};
  for (bool asked = false;; asked = true) {
    CO_ASSIGN_OR_RETURN(const MirrorState job, co_await mirror());
    if (job.status.empty()) break;
    if (job.status == "concluded") {
      CO_TRY(co_await qmp("job-dismiss", args("id", "mir0")));
      continue;
    }
    if (!asked) {
      (void)co_await qmp("block-job-cancel", args("device", "mir0", "force", true));
    } else if (Clock::now() > deadline - seconds{4}) {
      // A request on a cut connection waits as long as TCP does; this ends the connection.
      json::Value node = args("type", "block-node", "node-name", "tgt0");
      json::Value::Array instances{std::move(node)};
      (void)co_await qmp("yank", args("instances", std::move(instances)));
    }
    if (Clock::now() > deadline)
      co_return fail(Code::kDeadlineExceeded, std::format("mirror is still {}", job.status));
    CO_TRY(co_await news(milliseconds{20}));
  }
  // Neither need be there.
  (void)co_await qmp("blockdev-del", args("node-name", "tgt0"));
  (void)co_await qmp("object-del", args("id", "t"));
  ::unlink(files_.key.c_str());
  co_return Status{};
}

}  // namespace godwit::qemu
