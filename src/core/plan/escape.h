// Room for escapes: the instances of a pool are mostly lost within minutes of each other, so for
// each pool with guests, all of these at once must fit elsewhere. Pools are taken to fail one at a
// time: the same free room serves them all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/plan/plan.h"
#include "core/plan/state.h"

namespace godwit::plan {

enum class Rooms {
  kPlanned,  // All that this plan will have, launching nodes included.
  kReady,    // That could take a guest this moment, less what still runs there.
};

// Guests without room if their pool went now, each on its own room, over all pools. Counting ends
// where it passes `enough`.
std::size_t uncovered(const State& state, Rooms rooms, std::size_t enough = SIZE_MAX);

// Launches what is missing: the cheapest way to have room for those who have none.
void ensure_escapes(State& state);

// When all is done: missing room launched, nodes without guests gone that no escape needs, the most
// expensive first.
State settled(State state);
// The second half of it.
State without_needless(State state);

// What the fleet costs then.
struct Cost {
  std::size_t uncovered = 0;  // Guests that will have no escape: worse than any price.
  std::int64_t rate = 0;      // Micro-dollars per hour.
  auto operator<=>(const Cost&) const = default;
};
Cost cost_when_settled(const State& state);
Cost cost_of_settled(const State& end);

// Guests where they run now, whatever is planned; with `arrivals` those on the way to a ready node
// of another offering are taken to be there.
State where_guests_run(const State& planned, bool arrivals);

// Fills in escapes, slack and warnings.
void report_escapes(const State& state, Plan& plan);

}  // namespace godwit::plan
