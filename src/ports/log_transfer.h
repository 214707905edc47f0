// Bulk bytes between nodes: a guest's log files follow the guest (guest_control.h, SendLogs).
#pragma once

#include <functional>
#include <string>

#include "base/error.h"
#include "base/ids.h"

namespace godwit::ports {

// One file of a guest's log, whole: a few MiB at most. What is in the bytes is the affair of those
// who write and read them.
struct LogSegment {
  GuestId guest;
  std::string bytes;
};

// Called from any thread, exactly once.
using LogDone = std::function<void(Status)>;

class LogSender {
 public:
  virtual ~LogSender() = default;
  // Never blocks. Success: the receiver has it in its files. Any other end says nothing: send it
  // again, which is harmless. NotFound: no address of this node is known.
  virtual void send(const NodeId& to, LogSegment segment, LogDone done) = 0;
};

class LogReceiver {
 public:
  virtual ~LogReceiver() = default;
  // From any thread; never blocks. A segment that is here already is success. InvalidArgument:
  // these bytes are no segment, do not send them again.
  virtual void keep(LogSegment segment, LogDone done) = 0;
};

}  // namespace godwit::ports
