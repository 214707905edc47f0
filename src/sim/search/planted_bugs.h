// The planted bugs of the ownership protocol: each is a changed copy of the shipped rules, so none
// ships, with the smallest bounds in which the search finds it. A search that does not find them
// all proves nothing by finding nothing in the shipped rules.
#pragma once

#include <string>
#include <vector>

#include "sim/search/world.h"

namespace godwit::search {

struct PlantedBug {
  int number = 0;
  std::string name;
  Rules rules;
  Bounds bounds;
  bool liveness = false;  // Breaks S4 or S6; the others are found without looking at those.
  bool harmless = false;  // A second check makes up for it: must not be found.
};

std::vector<PlantedBug> planted_bugs();

}  // namespace godwit::search
