// The verbs that call the control plane, one function each; only for this folder's .cc files. They
// return the exit status; an Error is printed by the caller.
#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "cli/client.h"
#include "cli/program.h"

namespace godwit::cli {

struct Session {
  Client client;
  bool json = false;
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
};

struct ApplyFlags {
  std::string file;    // "-": standard input.
  std::string images;  // A store of base images; empty: commands stand in the spec.
  bool dry_run = false;
};
Result<int> apply(Session& session, const Program& program, const ApplyFlags& flags);

// What the planner would do now; with a file, if its specs were applied.
Result<int> plan(Session& session, const Program& program, const ApplyFlags& flags);

struct RunFlags {
  std::string image, images, restart;
  std::optional<std::string> name, maximum_price;
  std::uint32_t count = 1;
  std::optional<std::uint32_t> memory_mib, vcpus;
  std::vector<std::string> env, publish, command;
};
Result<int> run_image(Session& session, const Program& program, const RunFlags& flags);

// What `get` lists. Of the fields below, empty ones do not narrow the list.
struct Wanted {
  std::string kind;                // groups, guests, nodes, events, moves, offerings or intents.
  std::string name;                // Of the group, guest or node; moves: of their guest.
  std::string group, guest, node;  // events: about these; guests: of this group.
  std::uint32_t limit = 100;       // events and moves: the newest so many.
};
Result<int> get(Session& session, const Wanted& wanted);
// First like get(), then each change until the control plane goes away.
Result<int> watch(Session& session, const Wanted& wanted);
// `kind` is group, guest, node or move, whose name is its number.
Result<int> describe(Session& session, const std::string& kind, const std::string& name);
Result<int> describe_move(Session& session, const std::string& number);
// `verbose`: each instance too.
Result<int> savings(Session& session, bool verbose);

Result<int> migrate(Session& session, const std::string& guest, const std::string& to);
Result<int> cordon(Session& session, const std::string& node);
Result<int> uncordon(Session& session, const std::string& node);
Result<int> drain(Session& session, const std::string& node, bool dry_run);
Result<int> delete_group(Session& session, const std::string& group);
Result<int> logs(Session& session, const std::string& guest, std::uint64_t from);
Result<int> exec(Session& session, const std::string& guest,
                 const std::vector<std::string>& command, std::uint32_t timeout_ms);

}  // namespace godwit::cli
