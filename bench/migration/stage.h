// The stage of tests/handover with a loaded guest, a client that never lets go, and a link that can
// be held. Needs root and the workspace. All calls from one thread.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <string>

#include "bench/migration/report.h"
#include "tests/handover/rig.h"

namespace godwit::bench {

// In the guest: incompressible memory, rewritten; and the disk, each block with its fdatasync.
inline constexpr int kLoadMemoryMib = 100, kLoadMemoryRate = 5'000'000, kLoadDiskRate = 2'000'000;

class Stage {
 public:
  // `agent` is bench_agent, `image` the witness's initramfs. The guest runs, its memory is filled,
  // the client is connected.
  static Result<std::unique_ptr<Stage>> make(const std::string& agent, const std::string& image);

  // What each node sends is held to this from now on.
  Status hold_link(int mbit);
  // To the other node. Agents that are set up for the other arm start again before, unmeasured.
  Result<MoveRow> move(Arm arm);
  // The client, watched while nothing moves.
  Result<WindowRow> window(std::chrono::milliseconds length);
  // What the load has done since the stage was made, by the client's clock.
  Result<LoadSeen> load() const;
  handover::Client::Tally tally() const { return client_->tally(); }
  std::string log_of(int node) const { return rig_->log_of(node); }

 private:
  struct LoadCount {
    bool filled = false;
    double memory_bytes = 0, disk_bytes = 0;
  };
  Stage() = default;
  Status build(const std::string& agent, const std::string& image);
  Status start_agents(Arm arm);
  Status settle() const;
  Result<LoadCount> count_load() const;
  std::string timeline_path(int node) const;
  std::string timeline_of(int node) const;

  std::unique_ptr<handover::Rig> rig_;
  std::unique_ptr<handover::Client> client_;
  Arm arm_ = Arm::kOurs;
  int at_ = 0;  // The guest's node.
  LoadCount count_before_;
  std::chrono::steady_clock::time_point counted_at_;
};

}  // namespace godwit::bench
