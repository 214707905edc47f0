// godwit-agent, but held at a row: when a step takes the row GODWIT_HOLD_ROW, it stops for ever at
// the moment GODWIT_HOLD_MOMENT (0 before the writes, 1 before the commands, 2 after them) and says
// so by making the file GODWIT_HOLD_FILE. Its QEMUs go on. The shipped program has no such thing.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "apps/agent_wiring.h"

namespace {

using namespace godwit;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

bool takes(const agent::Step& step, const std::string& row) {
  for (const agent::Command& command : step.commands)
    if (const auto* note = std::get_if<agent::Note>(&command); note && note->text == row)
      return true;
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  const auto config = apps::load_agent_config(argv[1]);
  if (!config) {
    std::fprintf(stderr, "held_agent: %s\n", to_string(config.error()).c_str());
    return 78;
  }
  const std::string row = variable("GODWIT_HOLD_ROW"), file = variable("GODWIT_HOLD_FILE");
  const int moment = std::atoi(variable("GODWIT_HOLD_MOMENT").c_str());
  return apps::run_agent(*config, [&](io::Loop&, const runtime::AgentPorts& real) {
    runtime::AgentPorts held = real;
    if (!row.empty())
      held.gate = [=](const agent::Step& step, runtime::Moment at) {
        if (static_cast<int>(at) != moment || !takes(step, row)) return;
        std::ofstream(file) << row << '\n';
        for (;;) pause();
      };
    return held;
  });
}
