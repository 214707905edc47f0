// What the control plane is told (Event) and what it wants done (Step). The runtime commits the
// writes of a step in one transaction and only then issues its commands, in order. A failed commit
// ends the process.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "core/plan/plan.h"
#include "ports/api.h"
#include "ports/cloud.h"
#include "ports/messages.h"
#include "ports/store.h"

namespace godwit::control {

// An agent's stream to the control plane came or went.
struct AgentSeen {
  NodeId node;
  bool attached = false;
};
// The provider's word that this boot's memory is gone.
struct Certified {
  NodeId node;
};
// A node that guests may be placed on.
struct NodeJoined {
  NodeId node;
  std::string address;
};
// Somebody wants ...
struct CreateGuest {  // ... a guest, first on `node`, later anywhere in `set`.
  GuestId guest;
  NodeId node;
  ports::NodeNames set;
  ports::MachineRecord machine;
  std::optional<ports::Container> container;
};
struct AllowNodes {  // ... that the guest may be on these nodes from now on.
  GuestId guest;
  ports::NodeNames set;
};
struct MoveGuest {
  GuestId guest;
  NodeId to;
};
struct TakeOver {  // ... the guest to run elsewhere, without the word of its holder.
  GuestId guest;
  ports::NodeNames set;
};
// A Solve is done.
struct Solved {
  std::uint64_t version = 0;
  plan::Plan plan;
};
// The time asked for by Step::wake has come.
struct Woken {};

using Event =
    std::variant<ports::Message, AgentSeen, Certified, NodeJoined, CreateGuest, AllowNodes,
                 MoveGuest, TakeOver, ports::Request, ports::CloudEvent, Solved, Woken>;

struct Mail {
  ports::Message message;
};
// A line for the log, with the row of the table that was taken.
struct Note {
  GuestId guest;
  std::string text;
};
struct NodeNote {  // An empty node: about the fleet.
  NodeId node;
  std::string text;
};
// make_plan of this world, beside the loop; answered by one Solved with this version. None is sent
// before the last one is answered.
struct Solve {
  std::uint64_t version = 0;
  fleet::World world;
};
// To the provider; answered by one CloudEvent with this number.
struct AskCloud {
  std::uint64_t number = 0;
  ports::CloudCommand what;
};
// To whoever watches.
struct Publish {
  ports::Change change;
};
// `why` of a guest that must be started, and none of its nodes lives: it needs a TakeOver to
// others.
inline constexpr char kNowhereToGo[] = "no living node to go to";
// Why a wish cannot be met, for whoever had it.
struct Refused {
  GuestId guest;
  std::string why;
};

// The one answer to a user's request.
struct Reply {
  std::uint64_t request = 0;
  ports::Answer answer;
};

using Command = std::variant<Mail, Note, NodeNote, Refused, Reply, Solve, AskCloud, Publish>;

struct Step {
  std::vector<ports::RowWrite> writes;
  std::vector<Command> commands;
  std::optional<Time> wake;
};

}  // namespace godwit::control
