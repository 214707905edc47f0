// The planner's numbers (core/fleet/policy.h) as JSON: durations as NAME_s, money as NAME_usd, all
// else by its own name.
#pragma once

#include "base/error.h"
#include "core/fleet/policy.h"
#include "lib/json/json.h"

namespace godwit::apps {

// What is absent stays as it is. InvalidArgument: which member is unknown or cannot be.
Result<fleet::Policy> read_policy(const json::Value& value, fleet::Policy policy);

}  // namespace godwit::apps
