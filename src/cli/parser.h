// The command line as CLI11 has it; only for this folder's .cc files. Each add_ function makes some
// of the verbs; the parser then fills in their flags and leaves the chosen verb as a function.
#pragma once

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/program.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace godwit::cli {

// A command of a local cloud's operator.
struct CloudCommand {
  std::string name;                    // price, capacity, reclaim, kill, exec, status or bill.
  std::string socket;                  // Empty: the default.
  std::string pool;                    // price and capacity.
  std::string value;                   // Of the price or the capacity, or "auto".
  std::string instance;                // reclaim, kill and exec.
  bool without_notice = false;         // reclaim.
  std::vector<std::string> arguments;  // exec: what to run.
};

// Every flag of every verb, and the verb that was chosen.
struct Parsed {
  Target target{.server = "127.0.0.1:7443", .credentials = "."};
  std::string output = "table";
  std::string kind, name, to;
  Wanted wanted;
  bool watch = false, dry_run = false, verbose = false;
  std::uint64_t from = 1;
  std::uint32_t timeout_ms = 60'000;
  std::vector<std::string> command;
  ApplyFlags apply;
  RunFlags run;

  UpFlags up;
  std::string dir, config;
  AgentFlags agent;
  ImportFlags image;
  CloudCommand cloud;

  // At most one is set; none: help, done already. The second one runs without a control plane.
  std::function<Result<int>(Session& session)> verb;
  std::function<Result<int>(std::ostream& out)> local;
};

// What help says of a verb.
struct VerbText {
  const char* name;
  const char* sentence;
  const char* examples;  // Lines.
};

// `group` is the heading under which the help above it lists the verb.
CLI::App* add_verb(CLI::App& app, const char* group, const VerbText& text);
// -o table|json.
void add_output(CLI::App& verb, Parsed& parsed);
// An empty word, which a script makes of a variable that is not set, is refused: it is no name.
CLI::Option* named(CLI::Option* option);

void add_host_verbs(CLI::App& app, const Program& program, Parsed& parsed);
void add_cloud_verb(CLI::App& app, const Program& program, Parsed& parsed);
void add_api_verbs(CLI::App& app, const Program& program, Parsed& parsed);

inline constexpr const char* kHostGroup = "On this host";
inline constexpr const char* kApiGroup = "With the control plane";

// Asks the local cloud and prints its answer. `json`: as it is.
Result<int> run_cloud_command(const Program& program, const CloudCommand& command, bool json,
                              std::ostream& out);

}  // namespace godwit::cli
