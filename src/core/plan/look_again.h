// When time alone may change the plan: a back-off ends, a pool has proven itself, a paid period is
// about to end, a node was idle for long enough.
#pragma once

#include <optional>

#include "core/fleet/fleet.h"

namespace godwit::plan {

// Never too late; often for nothing. None: only an event can change anything.
std::optional<Time> look_again(const fleet::World& world);

}  // namespace godwit::plan
