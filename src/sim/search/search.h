// Explores every world that the rules can reach within bounds, breadth first, and checks S1 to S6.
//
//   S1  at most one QEMU runs the guest.
//   S2  when one starts, no whole copy elsewhere (living node, vault) is newer than what it starts
//       from; a cold start is older than every copy.
//   S3  no step of the protocol removes the last copy of the newest memory.
//   S4  from every world where nobody runs, a running guest can be reached by deliveries from
//   living
//       nodes, without new faults or wishes.
//   S5  epochs run in growing order, each on one node; registers only grow.
//   S6  where the token is at a living node, or between two, agents alone reach a running guest.
//
// S4 and S6 say "can be reached", which is not a proof under a scheduler.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/search/world.h"

namespace godwit::search {

struct Violation {
  std::string property;  // "S1: 0 and 2 run".
  int steps = 0;         // The fewest that lead there.
  std::vector<std::string> story;
  std::string world;
};

struct Found {
  std::uint64_t worlds = 0, transitions = 0;
  std::uint64_t agents_suffice = 0, control_needed = 0;  // Worlds where nobody runs.
  bool exhausted = false;  // Every reachable world was seen: not stopped by a violation or `most`.
  std::optional<Violation> violation;
  std::set<std::string> rows;  // That were taken.
};

struct Effort {
  std::uint64_t most = 100'000'000;  // Worlds.
  bool liveness = true;              // Check S4 and S6.
};

Found explore(const Rules& rules, const Bounds& bounds, const Effort& effort);

}  // namespace godwit::search
