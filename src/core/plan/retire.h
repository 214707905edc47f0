// Empty nodes that no escape needs.
#pragma once

#include <vector>

#include "core/plan/plan.h"
#include "core/plan/state.h"

namespace godwit::plan {

// Rule "retire". A drained node at once; one under notice at once, unless the provider's end will
// be refunded: then it is abandoned; others after Policy::idle_after, where periods are billed not
// before the end of the paid one. An abandoned node that the provider keeps, after all. Cordoned
// nodes and those that were never launched by us are left alone. What ends leaves the state, so
// that nothing else counts on it.
std::vector<Action> retire(State& state);

}  // namespace godwit::plan
