// Where guests go that need a place.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/plan/plan.h"
#include "core/plan/state.h"

namespace godwit::plan {

struct Decision {
  fleet::Reason reason = fleet::Reason::kStart;
  std::vector<Term> terms = {};
  std::vector<Rejected> rejected = {};
};

// A plan in the making.
struct Draft {
  State state;
  std::map<GuestNo, Decision> decided;  // Guests whose target this plan chose.
  std::map<SlotNo, Decision> launched;
  std::map<GuestNo, std::string> unplaceable;
};

// Rule "place". The guests are nowhere (no target) and all have the same reason.
//
// In a hurry a guest goes to the first of its escapes that takes it, else to any ready node: so
// the plan agrees with what its agent does alone. Otherwise, and for those without such room: of
// all nodes, and a new one of each sound offering, the one with the least cost for the whole fleet
// per guest that it takes, escape room counted; as often as it takes. What the many cost is decided
// for an eighth of the nodes so far at once, so large fleets ask less often. At the same cost:
// on-demand before spot, old before new. Places above the maximum are on-demand ones, and only
// looked at when there are no others.
void place(Draft& draft, const std::set<GuestNo>& guests, fleet::Reason reason, bool hurry);

// One guest that is nowhere, where its share is at most its maximum. False: it still is nowhere.
bool place_below_maximum(Draft& draft, GuestNo guest, fleet::Reason reason);

}  // namespace godwit::plan
