#include "bench/migration/bench.h"

#include <format>

#include "bench/migration/stage.h"

namespace godwit::bench {
namespace {

std::string told(int number, const MoveRow& r) {
  return std::format(
      "{:>3} {:<5} {} -> {}: {:.1f} MB, total {:.0f} ms, downtime {:.1f} ms, gap {:.0f} ms, "
      "{:.0f} kB while paused ({:.0f} on the wire)",
      number, name(r.arm), r.from, r.to, static_cast<double>(r.bytes) / 1e6, r.total_ms,
      r.downtime_ms, r.gap_ms, static_cast<double>(r.paused_bytes) / 1e3,
      static_cast<double>(r.pause.wire_bytes) / 1e3);
}

Status moves_and_windows(Stage& stage, const Plan& plan, Measured& measured,
                         const std::function<void(const std::string&)>& say) {
  for (int i = 0; i < plan.moves; ++i) {
    ASSIGN_OR_RETURN(const MoveRow row, stage.move(Arm::kOurs));
    measured.moves.push_back(row);
    say(told(i + 1, row));
    const std::chrono::milliseconds length{static_cast<std::int64_t>(row.span_ms)};
    ASSIGN_OR_RETURN(const WindowRow window, stage.window(length));
    measured.windows.push_back(window);
    say(std::format("    window of {:.0f} ms: gap {:.0f} ms", window.span_ms, window.gap_ms));
  }
  return {};
}

// Each pair in the other order than the one before, so that neither arm is always the first.
Status pairs(Stage& stage, const Plan& plan, Measured& measured,
             const std::function<void(const std::string&)>& say) {
  TRY(stage.hold_link(plan.link_mbit));
  measured.link_mbit = plan.link_mbit;
  for (int i = 0; i < 2 * plan.moves; ++i) {
    const Arm arm = i % 4 == 0 || i % 4 == 3 ? Arm::kOurs : Arm::kPlain;
    ASSIGN_OR_RETURN(const MoveRow row, stage.move(arm));
    measured.paired.push_back(row);
    say(told(i / 2 + 1, row));
  }
  return {};
}

}  // namespace

Result<Measured> measure(const Plan& plan, const std::string& agent, const std::string& image,
                         const std::function<void(const std::string&)>& say) {
  ASSIGN_OR_RETURN(const auto stage, Stage::make(agent, image));
  Measured measured;
  Status done = moves_and_windows(*stage, plan, measured, say);
  if (done && plan.baseline) done = pairs(*stage, plan, measured, say);
  if (done) {
    auto load = stage->load();
    if (load) measured.load = *load;
    if (!load) done = std::unexpected(load.error());
  }
  if (!done) {
    done.error().message +=
        std::format("\n--- agent 0\n{}\n--- agent 1\n{}", stage->log_of(0), stage->log_of(1));
    return std::unexpected(done.error());
  }
  const handover::Client::Tally tally = stage->tally();
  measured.replies = tally.replies;
  measured.wrong = tally.wrong;
  measured.reconnects = tally.reconnects;
  return measured;
}

}  // namespace godwit::bench
