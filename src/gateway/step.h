// What the gateway is told (Event) and what it wants done (Step). Nothing is written down: the
// kernel keeps routes and published ports over a restart, and who knows them says them again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "ports/messages.h"

namespace godwit::gateway {

// The stream to the control plane began or ended.
struct ControlSeen {
  bool attached = false;
};
// The time asked for by Step::wake has come.
struct Woken {};

using Event = std::variant<ports::Message, ControlSeen, Woken>;

// Where a published TCP port leads.
struct Target {
  std::string address;  // The guest's.
  std::uint16_t port = 0;
  bool operator==(const Target&) const = default;
};

// Encapsulated packets are taken from these underlay addresses alone, sorted.
struct SetPeers {
  std::vector<std::string> addresses;
};
struct RouteGuest {
  std::string address, node_address;
  ports::EpochName epoch;
};
struct ForgetGuest {
  std::string address;
};
// The port is free, or leads there already.
struct PublishPort {
  std::uint16_t port = 0;
  Target to;
};
// Connections that exist go on.
struct UnpublishPort {
  std::uint16_t port = 0;
};
// A line for the log.
struct Note {
  GuestId guest;  // Empty: of the gateway.
  std::string text;
};

using Command = std::variant<SetPeers, RouteGuest, ForgetGuest, PublishPort, UnpublishPort, Note>;

struct Step {
  std::vector<Command> commands;
  std::optional<Time> wake;
};

}  // namespace godwit::gateway
