// What QEMU says of itself; after an agent's restart this is all there is to know.
#include "edges/qemu/guest.h"

namespace godwit::qemu {

io::Task<Result<QemuState>> Guest::query(Duration timeout) {
  QemuState state;
  CO_ASSIGN_OR_RETURN(const json::Value status, co_await qmp("query-status", {}, timeout));
  CO_ASSIGN_OR_RETURN(const json::Value migration, co_await qmp("query-migrate", {}, timeout));
  state.run = status["status"].text();
  state.migration = migration["status"].text();
  if (state.migration == "none") state.migration.clear();
  state.error = migration["error-desc"].text();
  state.ram_bytes = migration["ram"]["transferred"].natural();
  state.rounds = migration["ram"]["dirty-sync-count"].natural();
  // In the first round QEMU names its limit instead.
  if (state.rounds > 1 && migration.has("expected-downtime"))
    state.expected_pause_ms = migration["expected-downtime"].natural();
  co_return state;
}

io::Task<Result<MirrorState>> Guest::mirror() {
  CO_ASSIGN_OR_RETURN(const json::Value jobs, co_await qmp("query-jobs"));
  for (const json::Value& job : jobs.array()) {
    if (job["id"].text() != "mir0") continue;
    co_return MirrorState{job["status"].text(), job["error"].text(),
                          job["current-progress"].natural()};
  }
  co_return MirrorState{};
}

io::Task<Answer> Guest::inspect() {
  using Qemu = ports::Inspected::Qemu;
  CO_ASSIGN_OR_RETURN(const json::Value name, co_await qmp("query-name"));
  CO_ASSIGN_OR_RETURN(const QemuState state, co_await query());
  ports::Inspected found;
  if (const auto stream = stream_of(name["name"].text())) {
    found.attempt = stream->attempt;
    found.epoch = stream->epoch;
  }
  const bool under_way = is_under_way(state.migration);
  if (state.run == "inmigrate") {
    found.qemu = Qemu::kIncoming;
  } else if (state.run == "postmigrate") {
    found.qemu = Qemu::kCompleted;
  } else if (state.run == "prelaunch") {
    found.qemu = Qemu::kPrelaunch;
  } else if (under_way || state.run == "finish-migrate") {
    found.qemu = Qemu::kSending;
  } else if (state.run == "running") {
    found.qemu = Qemu::kRunning;
  } else if (state.run == "paused") {
    // A source that stands still after a failed stream is one whose attempt has to be ended.
    found.qemu = state.migration == "completed" ? Qemu::kLoaded : Qemu::kSending;
  } else {
    co_return precondition(std::format("qemu is {} (migration: {})", state.run, state.migration));
  }
  co_return ports::HypervisorAnswer{found};
}

bool is_under_way(const std::string& migration) {
  for (const char* status : {"setup", "active", "pre-switchover", "device", "wait-unplug",
                             "cancelling", "postcopy-active"})
    if (migration == status) return true;
  return false;
}

}  // namespace godwit::qemu
