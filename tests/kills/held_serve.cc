// The control plane, but held where its script (script.h) says: at a row of the takeover table, at
// "Launch" and "Terminate" of the provider, or at a note. As `held_serve CONFIG`, it is
// godwit-serve; the local region's other programs are not changed.
#include "tests/kills/held_serve.h"

#include <cstdio>
#include <type_traits>

#include "apps/serve_wiring.h"
#include "tests/kills/script.h"

namespace godwit::handover {
namespace {

std::vector<std::string> rows_of(const control::Step& step) {
  std::vector<std::string> rows;
  for (const control::Command& command : step.commands) {
    if (const auto* note = std::get_if<control::Note>(&command)) rows.push_back(note->text);
    if (const auto* note = std::get_if<control::NodeNote>(&command)) rows.push_back(note->text);
    const auto* ask = std::get_if<control::AskCloud>(&command);
    if (ask && std::holds_alternative<ports::Launch>(ask->what)) rows.emplace_back("Launch");
    if (ask && std::holds_alternative<ports::Terminate>(ask->what)) rows.emplace_back("Terminate");
  }
  return rows;
}

}  // namespace

int run_held_serve(const std::string& path) {
  const auto config = apps::load_serve_config(path);
  if (!config) {
    std::fprintf(stderr, "held_serve: %s\n", to_string(config.error()).c_str());
    return 78;
  }
  const Script script(path);
  return apps::run_serve(*config, [&](const control::Step& step, runtime::Moment moment) {
    if (const auto rows = rows_of(step); !rows.empty()) script.hold(rows, static_cast<int>(moment));
  });
}

}  // namespace godwit::handover
