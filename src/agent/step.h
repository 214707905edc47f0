// What the agent is told (Event) and what it wants done (Step). The runtime commits the writes of a
// step, in order, and only then issues its commands, in order. A failed write ends the process:
// nothing that follows from it was sent.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "ports/guest_control.h"
#include "ports/hypervisor.h"
#include "ports/messages.h"
#include "ports/notices.h"
#include "ports/record.h"

namespace godwit::agent {

// The tap is there; answer to MakeTap.
struct TapMade {
  GuestId guest;
  std::string tap;
};
// A network command of this guest failed. What it was for fails with it.
struct NetworkFailed {
  GuestId guest;
  Error error;
};
// The stream to the control plane has begun or ended.
struct ControlAttached {
  bool attached = false;
};
// Answer to BringImage.
struct ImageBrought {
  std::string sha256;
  Status end;
};
// The time asked for by Step::wake has come.
struct Woken {};

using Event =
    std::variant<ports::Message, ports::HypervisorEvent, ports::GuestEvent, ports::NoticesEvent,
                 TapMade, NetworkFailed, ControlAttached, ImageBrought, Woken>;

struct Write {
  GuestId guest;
  std::optional<ports::GuestRecord> record;  // nullopt forgets the guest.
};

struct Mail {
  ports::Message message;
};
struct Drive {
  GuestId guest;
  ports::HypervisorCommand command;
};
// To the init inside the guest.
struct Tell {
  GuestId guest;
  ports::GuestCommand command;
};
struct MakeTap {
  GuestId guest;
  std::string address, mac;
};
struct RouteToTap {
  GuestId guest;
  std::string address;
};
struct RouteToNode {
  GuestId guest;
  std::string address, node_address;
};
struct RemoveRoute {
  GuestId guest;
  std::string address;
};
struct RemoveTap {
  GuestId guest;
};
// The picture of the living nodes is now this: where mail, logs and packets go to and come from.
// Kept on disk, and given to Agent::restart() the next time.
struct SetFleet {
  ports::Fleet fleet;
};
// The file of this hash shall be among the node's images; answered by one ImageBrought.
struct BringImage {
  std::string sha256;
};
// Of the provider; answered by a NoticeTold.
struct AskNotice {};
// A line for the log of the agent, with the row of the table that was taken.
struct Note {
  GuestId guest;
  std::string text;
};

using Command = std::variant<Mail, Drive, Tell, MakeTap, RouteToTap, RouteToNode, RemoveRoute,
                             RemoveTap, SetFleet, BringImage, AskNotice, Note>;

struct Step {
  std::vector<Write> writes;
  std::vector<Command> commands;
  std::optional<Time> wake;  // Earliest time at which something must be repeated or given up.
};

}  // namespace godwit::agent
