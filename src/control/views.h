// What users are shown of guests and nodes: values made from the rows and from what was heard,
// never read back.
#pragma once

#include "control/owner.h"
#include "ports/api.h"

namespace godwit::control {

ports::GuestView view_of(const GuestId& id, const Owner& owner);
// `attached`: its agent is connected now. `guests`: who runs there, as far as is known.
ports::NodeView view_of(const NodeId& id, const ports::NodeRow& row, bool attached,
                        std::vector<GuestId> guests);

}  // namespace godwit::control
