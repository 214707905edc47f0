// Beginning, running and ending a QEMU.
#include <unistd.h>

#include "edges/qemu/guest.h"

namespace godwit::qemu {

using std::chrono::milliseconds;
using std::chrono::seconds;

io::Task<Answer> Guest::boot(ports::Boot boot) {
  CO_TRY(co_await start(boot.machine, boot.tap, std::nullopt));
  co_return ports::HypervisorAnswer{ports::Started{}};
}

io::Task<Answer> Guest::run() {
  CO_ASSIGN_OR_RETURN(const QemuState state, co_await query());
  // `cont` in `inmigrate` would be accepted and arm QEMU's autostart: it would run later, unasked.
  const bool whole = state.migration.empty() || state.migration == "completed";
  const bool may_run =
      state.run == "prelaunch" || state.run == "postmigrate" || (state.run == "paused" && whole);
  if (state.run != "running") {
    if (!may_run)
      co_return precondition(
          std::format("qemu is {} (migration: {}), not paused", state.run, state.migration));
    resumed_at_.reset();
    CO_TRY(co_await qmp("cont"));
  }
  const auto deadline = std::chrono::steady_clock::now() + seconds{10};
  for (;;) {
    if (resumed_at_) co_return ports::HypervisorAnswer{ports::Running{*resumed_at_}};
    CO_ASSIGN_OR_RETURN(const QemuState now, co_await query());
    // It ran before we were connected: its own timestamp is lost.
    if (now.run == "running" && !resumed_at_)
      resumed_at_ = std::chrono::floor<Duration>(std::chrono::system_clock::now());
    if (std::chrono::steady_clock::now() > deadline)
      co_return fail(Code::kDeadlineExceeded, std::format("no RESUME, qemu is {}", now.run));
    if (!resumed_at_) CO_TRY(co_await news(milliseconds{50}));
  }
}

io::Task<Answer> Guest::discard(ports::Discard discard) {
  if (!program_) {
    // Only the pid counts: a monitor that does not answer must not keep its QEMU alive.
    if (const auto found = io::read_pid_file(files_.pid)) {
      program_ = *found;
      if (auto group = open_group(node_.config, id_)) group_ = *std::move(group);
      node_.loop.spawn(watch(*program_));
    }
  }
  CO_TRY(co_await kill());
  remove_sockets(files_);
  ::unlink(files_.key.c_str());
  ::unlink(files_.pid.c_str());
  group_.reset();
  release_uid(files_);
  if (!discard.keep_overlay) {
    ::unlink(files_.overlay.c_str());
    ::unlink(files_.overlay_kept.c_str());
    ::rmdir(files_.disk_dir.c_str());
  }
  co_return ports::HypervisorAnswer{ports::Discarded{}};
}

}  // namespace godwit::qemu
