// What this node's QEMUs are started with, and where their files are.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"

namespace godwit::qemu {

// How memory is sent; both ends of a move must agree on the channels.
struct StreamSettings {
  // One, for the guest's life. With more, QEMU 10.0.13 can deadlock when the peer dies (measured:
  // 10 of 74 deaths before `migrate-continue`, with two channels; stacks by gdb): one channel's
  // error makes another leave without the post that multifd_send_sync_main() waits for, and that
  // wait holds QEMU's big lock, so no monitor answers and nothing but SIGKILL ends it. A lone
  // channel always posts. 0: memory goes over the main connection, without multifd.
  std::uint32_t multifd_channels = 1;
  // zstd level 1, with multifd alone. A guest's own busy pages, which come back round after round,
  // compress well, and decide how little can be left for the pause.
  bool compress = true;
  // QEMU stops the guest when it expects to send the rest within this: what is left then is sent in
  // the pause. Below it a busy guest's own pages come back as fast as they go (measured: 0.3 MB
  // at 100 Mbit/s), so this is doubled, up to the maximum, each time the rest could go within the
  // maximum and was not small enough for so long. QEMU's default is 300, from the start.
  std::uint32_t downtime_limit_ms = 30;
  std::uint32_t downtime_limit_ms_max = 300;
  Duration downtime_patience = std::chrono::seconds{2};
  // QEMU's default is 128 MiB/s; 0 would be "no limit" only in words, so a number no link reaches.
  std::uint64_t bytes_per_second_max = 100ull << 30;
  // What a socket of this node takes before the link has room for it (net.ipv4.tcp_notsent_lowat):
  // QEMU counts it as sent, and it is sent in the pause. Not given, the kernel takes up to 4 MB.
  std::optional<std::uint32_t> unsent_bytes_max = 128 << 10;
};

// What QEMU 10.0 does when told nothing: what ours is measured against (bench/migration).
inline constexpr StreamSettings kPlainStream{.multifd_channels = 0,
                                             .compress = false,
                                             .downtime_limit_ms = 300,
                                             .downtime_limit_ms_max = 300,
                                             .bytes_per_second_max = 128ull << 20,
                                             .unsent_bytes_max = std::nullopt};

struct Config {
  // One directory per guest: sockets, pid file, key, log. As volatile as the guests: a tmpfs.
  std::string run_dir = "/run/godwit/guests";
  // Overlays, one directory per guest. They grow to the guest's disk size.
  std::string disk_dir = "/var/lib/godwit/guests";
  // Kernels, initramfs and base images, each named by its sha256, which is checked before a QEMU
  // is started on them. A base is qcow2 if it begins like one, else raw.
  std::string image_dir = "/var/lib/godwit/images";
  // So long a Receive waits for an image that is not here: less than the 10 s that a source gives
  // to a READY while its notice lasts. It goes on coming, for the next attempt.
  Duration image_patience = std::chrono::seconds{3};
  // Where this node's QEMUs listen for their peers: a numeric address.
  std::string listen_address;
  // Two ports per guest that is being received, closed again when it runs.
  std::uint16_t port_first = 49152;
  std::uint16_t port_last = 49407;

  std::string program = "qemu-system-x86_64";
  std::string image_program = "qemu-img";
  std::optional<bool> kvm;  // Not given: if /dev/kvm opens and the processor has VMX or SVM.
  bool sandbox = true;      // QEMU's seccomp filter: no new programs, no change of ids.

  // Each guest's QEMU has one of these uids, its own, and the gid of the same number; all
  // directories above must let it pass (x). 0: they run as we do. See confine.h.
  std::uint32_t uid_first = 0;
  std::uint32_t uid_count = 0;
  // The control group (lib/cgroup) below which each guest has its own; of this node alone. Empty:
  // none.
  std::string cgroup;

  Duration start_timeout = std::chrono::seconds{60};  // Under load, TCG's first answer took 1.3 s.
  Duration progress_every = std::chrono::milliseconds{200};
  // A stream or mirror that moves no byte for this long is given up. A cut network shows no error
  // for as long as TCP repeats (docs/architecture.md), so this is the only end of it.
  Duration stuck_after = std::chrono::seconds{8};
  // The guest is stopped meanwhile: the time limits of the pause.
  Duration close_timeout = std::chrono::seconds{10};
  Duration continue_timeout = std::chrono::seconds{10};
  Duration finish_timeout = std::chrono::seconds{20};
  // The guest runs at the source meanwhile, which watches the progress and whose end of a stream is
  // this one's too. A source that vanishes says nothing: then a takeover ends the wait much sooner,
  // and this is for when there is none. 64 GiB at 300 Mbit/s.
  Duration receive_timeout = std::chrono::minutes{30};
  // A destination to which nobody is connected for so long is not waited for any more: its source
  // began anew, or never began.
  Duration alone_max = std::chrono::seconds{20};
  // QEMU's answer to a cancel; in `device` it may take as long as the peer's end.
  Duration resume_timeout = std::chrono::seconds{15};
  Duration kill_timeout = std::chrono::seconds{10};

  StreamSettings stream;
};

// The files of one guest.
struct GuestFiles {
  std::string dir, disk_dir;
  std::string pid, main, oob, control, console, log, key_dir, key;
  std::string overlay, overlay_kept;  // The latter: of which generation a kept overlay is.
};

// InvalidArgument unless the id is a plain file name and the sockets' paths are short enough
// (107 bytes).
Result<GuestFiles> files_of(const Config& config, const GuestId& guest);

}  // namespace godwit::qemu
