// The measurement as a whole: moves and windows in turn, then pairs of moves.
#pragma once

#include <functional>
#include <string>

#include "bench/migration/report.h"

namespace godwit::bench {

struct Plan {
  int moves = 15;         // And as many windows.
  bool baseline = false;  // Then as many pairs, ours and plain, on a link held to link_mbit.
  int link_mbit = 100;
};

// `say` hears a line after each step. The error holds the agents' logs when there are some.
Result<Measured> measure(const Plan& plan, const std::string& agent, const std::string& image,
                         const std::function<void(const std::string&)>& say);

}  // namespace godwit::bench
