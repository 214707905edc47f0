#include "bench/migration/stage.h"

#include <sys/wait.h>

#include <cstdio>
#include <format>
#include <fstream>
#include <iterator>
#include <thread>

namespace godwit::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Steady = std::chrono::steady_clock;

// Belongs to a move: what the destination does slower than the source before it has warmed up.
constexpr milliseconds kAfterMove{1000};
// Belongs to nothing: the source's QEMU ends.
constexpr milliseconds kSettle{500};
constexpr seconds kMoveLimit{240};

double ms_since(Steady::time_point begin) {
  return std::chrono::duration<double, std::milli>(Steady::now() - begin).count();
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::size_t count(const std::string& text, std::string_view word) {
  std::size_t found = 0;
  for (auto at = text.find(word); at != text.npos; at = text.find(word, at + 1)) ++found;
  return found;
}

bool until(const std::function<bool()>& met, seconds limit) {
  const auto end = Steady::now() + limit;
  while (!met()) {
    if (Steady::now() > end) return false;
    std::this_thread::sleep_for(milliseconds{50});
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<Stage>> Stage::make(const std::string& agent, const std::string& image) {
  std::unique_ptr<Stage> stage(new Stage);
  TRY(in_context("set the stage", stage->build(agent, image)));
  return stage;
}

Status Stage::build(const std::string& agent, const std::string& image) {
  ASSIGN_OR_RETURN(rig_, handover::Rig::make(2, agent, image));
  ports::MachineRecord& machine = rig_->machine();
  machine.memory_mib = 256;
  machine.overlay_bytes = 32 << 20;
  machine.append +=
      std::format(" godwit.load={},{},{}", kLoadMemoryMib, kLoadMemoryRate, kLoadDiskRate);
  TRY(start_agents(Arm::kOurs));
  if (!rig_->start_guest(at_, seconds{120})) return unavailable("the guest did not start");
  client_ = rig_->connect();
  if (!client_) return unavailable("no connection to the guest");
  const bool filled = until(
      [&] {
        const auto counted = count_load();
        if (!counted || !counted->filled) return false;
        count_before_ = *counted;
        return true;
      },
      seconds{120});
  if (!filled) return unavailable("the guest's load did not begin");
  counted_at_ = Steady::now();
  return {};
}

std::string Stage::timeline_path(int node) const {
  return std::format("{}/timeline-{}", rig_->folder(), node);
}

std::string Stage::timeline_of(int node) const { return read_file(timeline_path(node)); }

Status Stage::start_agents(Arm arm) {
  constexpr std::string_view kAttached = "control plane attached";
  for (const int node : {0, 1}) {
    rig_->kill_agent(node);
    const std::size_t before = count(rig_->log_of(node), kAttached);
    TRY(rig_->start_agent(node, {std::format("GODWIT_BENCH_STREAM={}", name(arm)),
                                 "GODWIT_BENCH_TIMELINE=" + timeline_path(node)}));
    const auto attached = [&] { return count(rig_->log_of(node), kAttached) > before; };
    if (!until(attached, seconds{30})) return unavailable(std::format("agent {} is silent", node));
  }
  arm_ = arm;
  return {};
}

Status Stage::hold_link(int mbit) {
  const std::string output = rig_->folder() + "/tc.log";
  for (const int node : {0, 1}) {
    // A queue of 20 ms at the most: what waits in it at the stop is sent in the pause.
    ASSIGN_OR_RETURN(
        const pid_t tc,
        rig_->lab().spawn(node,
                          {"tc", "qdisc", "replace", "dev", "eth0", "root", "tbf", "rate",
                           std::format("{}mbit", mbit), "burst", "32kb", "latency", "20ms"},
                          output));
    int status = 0;
    if (waitpid(tc, &status, 0) != tc || status != 0)
      return unavailable(std::format("tc: {}", read_file(output)));
  }
  return {};
}

Result<MoveRow> Stage::move(Arm arm) {
  if (arm != arm_) TRY(start_agents(arm));
  TRY(settle());
  const int from = at_, to = 1 - at_;
  const std::size_t before_a = timeline_of(from).size(), before_b = timeline_of(to).size();
  client_->mark();
  const auto begin = Steady::now();
  const handover::Move moved = rig_->move(from, to, kMoveLimit);
  if (!moved.done) return unavailable(std::format("move {} to {}: {}", from, to, moved.why));
  std::this_thread::sleep_for(kAfterMove);
  MoveRow row{.arm = arm, .from = from, .to = to};
  row.span_ms = ms_since(begin);
  row.gap_ms = static_cast<double>(client_->tally().gap_max.count());
  at_ = to;
  row.bytes = moved.bytes;
  row.paused_bytes = moved.bytes_while_stopped;
  row.total_ms = static_cast<double>(moved.total.count());
  row.downtime_ms = static_cast<double>(moved.downtime.count()) / 1000;
  ASSIGN_OR_RETURN(row.pause,
                   pause_of(timeline_of(from).substr(before_a), timeline_of(to).substr(before_b),
                            moved.stopped_us, moved.resumed_us));
  return row;
}

// Until the client is served as ever: what was before counts for nothing that comes.
Status Stage::settle() const {
  std::this_thread::sleep_for(kSettle);
  const std::uint64_t before = client_->tally().replies;
  const auto served = [&] { return client_->tally().replies > before + 20; };
  if (!until(served, seconds{60})) return unavailable("the client gets no replies");
  return {};
}

Result<WindowRow> Stage::window(milliseconds length) {
  TRY(settle());
  client_->mark();
  const auto begin = Steady::now();
  std::this_thread::sleep_until(begin + length);
  return WindowRow{ms_since(begin), static_cast<double>(client_->tally().gap_max.count())};
}

Result<Stage::LoadCount> Stage::count_load() const {
  ASSIGN_OR_RETURN(const std::string reply, handover::ask_witness(rig_->lab(), "load"));
  unsigned long long filled = 0, memory = 0, disk = 0;
  if (std::sscanf(reply.c_str(), "%llu %llu %llu", &filled, &memory, &disk) != 3)
    return unavailable(std::format("'{}' is no count of a load", reply));
  return LoadCount{filled == 1, static_cast<double>(memory), static_cast<double>(disk)};
}

Result<LoadSeen> Stage::load() const {
  ASSIGN_OR_RETURN(const LoadCount now, count_load());
  const double s = ms_since(counted_at_) / 1000;
  return LoadSeen{(now.memory_bytes - count_before_.memory_bytes) / s,
                  (now.disk_bytes - count_before_.disk_bytes) / s};
}

}  // namespace godwit::bench
