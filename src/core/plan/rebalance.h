// Rule "rebalance": a guest that is nearer to another of its group than the group's spread allows
// goes elsewhere, if a place below its maximum is there. It comes to that when its agent had to
// escape alone, when a user moved it, or when the spec was changed.
//
// One guest at a time, the last by name of those who could go; it has been left alone for
// Policy::stay_min, and the fleet is quiet. What it costs is shown and not weighed: the spread is a
// wish of the user.
#pragma once

#include "core/plan/place.h"

namespace godwit::plan {

// True: somebody goes.
bool rebalance(Draft& draft);

}  // namespace godwit::plan
