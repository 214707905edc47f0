// Who is connected to a QEMU.
#pragma once

#include <sys/types.h>

namespace godwit::qemu {

// Whether the process has a TCP connection (QMP is a UNIX socket: so a disk or a stream comes from
// somewhere). Read in /proc (proc(5): PID/fd, PID/net/tcp); true if that cannot be read.
bool has_tcp_peer(pid_t pid);

}  // namespace godwit::qemu
