// How each row of the shipped tables is reached by real processes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/kills/stage.h"

namespace godwit::handover {

struct Case {
  const char* row;
  // Brings a process to the row, where it stands at the stage's moment, and returns who; nullopt:
  // it was not reached. What it kills before at other rows are cases of those.
  std::function<std::optional<int>(Stage&)> reach;
  Victim victim = Victim::kSelf;  // The one that is killed where not all are.
};

std::vector<Case> source_cases();
std::vector<Case> destination_cases();
std::vector<Case> takeover_cases();  // Takeover and restart, on the agents' side.
std::vector<Case> control_cases();

}  // namespace godwit::handover
