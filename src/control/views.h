// What users are shown of guests and nodes: values made from the rows and from what was heard,
// never read back.
#pragma once

#include "control/owner.h"
#include "core/plan/plan.h"
#include "ports/api.h"

namespace godwit::control {

ports::GuestView view_of(const GuestId& id, const Owner& owner);
// `attached`: its agent is connected now. `guests`: who runs there, as far as is known.
ports::NodeView view_of(const NodeId& id, const ports::NodeRow& row, bool attached,
                        std::vector<GuestId> guests);

// What the planner is told.
fleet::OfferingKey offering_of(const ports::NodeRow& row);
fleet::Phase phase_of(const ports::NodeRow& row);
fleet::Group group_of(const ports::GroupSpec& spec);

// The planner's gains are positive; what is shown are costs.
std::vector<ports::Term> terms_of(const std::vector<plan::Term>& terms);
std::vector<ports::Rejected> rejected_of(const std::vector<plan::Rejected>& rejected);

}  // namespace godwit::control
