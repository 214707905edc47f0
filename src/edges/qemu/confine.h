// What a guest's QEMU may touch, should its guest break out of it: files of its own uid, no
// capability, no new program (seccomp, see command_line.h), and the memory and CPU of its group.
//
// The owner of a guest's run directory *is* the record of which uid it has: nothing else remembers
// it, so a restarted agent sees the same. setpriv(1) changes the ids and then becomes QEMU, so pid
// and start time are QEMU's; QEMU's own `-run-with user=` is no way, since the sandbox, set before
// it, kills the change of ids ("Bad system call", QEMU 10.0.13).
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "edges/qemu/config.h"
#include "lib/cgroup/cgroup.h"
#include "ports/machine.h"

namespace godwit::qemu {

// Takes a uid that no other guest of the node has, and gives it the guest's files. None when the
// configuration has no uids: QEMU then runs as we do. ResourceExhausted: all are taken.
Result<std::optional<uid_t>> claim_uid(const Config& config, const GuestFiles& files);
// The files are ours again, the uid free. On failure the uid stays with the dead guest's files; a
// Discard must not fail for that, and claim_uid reports it when the guest starts here again.
void release_uid(const GuestFiles& files);

// What stands before QEMU's own words; nothing without a uid. With `kvm` the group of /dev/kvm is
// kept.
std::vector<std::string> launcher(std::optional<uid_t> uid, bool kvm);

// The guest's group, made or found; null when the configuration names none.
Result<std::unique_ptr<cgroup::Group>> open_group(const Config& config, const GuestId& guest);
// Memory: the guest's, and 256 MiB for QEMU (measured under TCG: 82 MB and a translation cache of
// 64 MiB). CPU: one per vcpu, and one for the streams' threads.
Status limit(cgroup::Group& group, const ports::MachineRecord& machine);

}  // namespace godwit::qemu
