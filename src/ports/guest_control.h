// The door to what runs inside the guests of one node: the init in a guest, its container, its
// clock and its log. Only for guests with our init.
//
// Commands are accepted at once and answered by events; a guest's commands are done in order, one
// at a time, except that Detach and RemoveLog overtake and abort what is under way (an aborted
// command is not answered), and ReadLog overtakes it. Each command but Attach, Detach, SendLogs and
// RemoveLog is answered by its own event or by GuestFailed; while the guest cannot be reached it is
// tried again for some 30 s before that. None carries a right: a guest that runs, runs on whatever
// fails here.
//
// The log: while attached, the guest's lines are kept in files here and acknowledged to the guest
// once they are; the guest forgets no line that is not. So after a move the lines that the source
// has acknowledged are in the source's files only, until SendLogs has moved them.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/time.h"
#include "ports/container.h"
#include "ports/event_sink.h"

namespace godwit::ports {

// The guest's QEMU runs here: connect, stay connected, keep its log here. Answers: Connected and
// ContainerState, again after each reconnect. Attached already is harmless.
struct Attach {};
// The guest does not run here any more. Its log files stay.
struct Detach {};
// After every RESUME: the guest's clock stood still meanwhile. Answer: ClockWasSet.
struct SetClock {};
// A guest has one container: when it was started already, this is answered and nothing is done.
// Answer: ContainerStarted, and ContainerState at each change.
struct StartContainer {
  Container container;
};
// Runs a program beside the container. Answer: Executed with the same id.
struct Exec {
  std::string id;
  std::vector<std::string> argv;
  std::vector<std::string> env;
  std::string cwd = "/";
  std::uint32_t uid = 0, gid = 0;
  std::uint32_t timeout_ms = 0;  // Then it is killed. 0: none.
};
// The container's first program gets the signal. Answer: Signalled.
struct Signal {
  int number = 0;
};
// SIGTERM, after the grace SIGKILL, no restart. Answer: ContainerStopping; ContainerState follows.
struct StopContainer {
  std::uint32_t grace_ms = 10'000;
};
// The guest went to this node: its log follows, oldest first, and each file is deleted here once it
// is there. Goes on over restarts of the agent until all is there (LogsSent), and again when more
// comes in from an earlier node. Attach ends it.
struct SendLogs {
  NodeId to;
};

// The guest is deleted: as Detach, and none of its lines stays here or is sent on. Repeating is
// harmless.
struct RemoveLog {};
// The lines that are kept here from number `from` on, attached or not. Lines that are still on
// their way from an earlier node are waited for: within 10 s of Attach the page ends before a gap.
// Answer: LogRead with the same id.
struct ReadLog {
  std::uint64_t id = 0;
  std::uint64_t from = 1;
  std::uint32_t lines_max = 1000;
  std::uint64_t bytes_max = 512 * 1024;  // Of their text; the first line always fits.
};

using GuestCommand = std::variant<Attach, Detach, SetClock, StartContainer, Exec, Signal,
                                  StopContainer, SendLogs, RemoveLog, ReadLog>;

struct Connected {
  std::string boot;  // The guest kernel's boot id.
};
struct ClockWasSet {
  Duration behind{};      // Before; negative: ahead.
  Duration stepped{};     // 0 when it was slewed.
  Duration ahead{};       // After it, by the shortest of 20 exchanges; negative: behind.
  Duration round_trip{};  // Of that exchange: `ahead` is sound to half of it.
};
struct ContainerStarted {};
struct Executed {
  std::string id;
  int exit_status = -1;  // -1: ended by `signal`, or not started (`error`).
  int signal = 0;
  std::string out, err;
  std::uint64_t dropped = 0;  // Bytes of output beyond the guest's limit.
  std::string error;
};
struct Signalled {};
struct ContainerStopping {};
struct LogsSent {
  NodeId to;
};
struct LogRead {
  std::uint64_t id = 0;
  std::vector<LogLine> lines;
  std::uint64_t next = 1;  // The `from` of the next page.
  bool more = false;       // There are lines after this page.
  std::string error;       // Empty: none.
};
// `command` is the name of the struct, "SetClock". FailedPrecondition: not attached, or the guest
// refused; Unavailable, DeadlineExceeded: it was not reached.
struct GuestFailed {
  std::string command;
  Error error;
  std::string exec_id;  // Of an Exec.
};
// Lines could not be kept here; the guest keeps them and sends them again.
struct LogFailed {
  Error error;
};

using GuestAnswer =
    std::variant<Connected, ContainerState, ClockWasSet, ContainerStarted, Executed, Signalled,
                 ContainerStopping, LogsSent, LogRead, GuestFailed, LogFailed>;

struct GuestEvent {
  GuestId guest;
  GuestAnswer answer;
};

class GuestControl {
 public:
  virtual ~GuestControl() = default;
  virtual void submit(const GuestId& guest, GuestCommand command) = 0;
};

}  // namespace godwit::ports
