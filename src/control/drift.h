// What has changed since the world that a plan was made of. A plan may be late: an action that a
// change touches is not done, and since something has changed the next plan is due anyway.
//
// Every rule compares then and now, none judges the world as it is: a plan of the world as it is
// now holds as a whole, so planning anew comes to an end.
#pragma once

#include <set>

#include "core/fleet/fleet.h"
#include "core/plan/plan.h"

namespace godwit::control {

class Drift {
 public:
  // Both outlive this.
  Drift(const fleet::World& then, const fleet::World& now);

  // Asked once for each action, in the plan's order: a place on a node whose launch does not hold
  // does not hold either.
  //   Launch     its pool refused, lost an instance, became dearer or left the market; or none of
  //              its guests is as it was
  //   Place,     the guest is or shall be elsewhere, is gone, or its group's spec is another; the
  //   Move,      node is gone, under notice, out of reach, dearer, smaller or takes nobody, or a
  //   Stay       guest comes there that was not expected
  //   Terminate, a guest comes there that was not expected, or the node's phase is another. One
  //   Abandon    that nobody needed: anything happened to any node or guest
  bool holds(const plan::Action& action);

 private:
  bool same(const GuestId& guest) const;
  bool takes(const NodeId& node) const;
  bool offered(const plan::Launch& launch) const;
  bool idle(const NodeId& node) const;
  bool steady(const fleet::Node& node) const;

  const fleet::World& then_;
  const fleet::World& now_;
  std::set<NodeId> joined_;    // Nodes with a guest that was not expected there.
  std::set<NodeId> launched_;  // By the plan itself.
  bool steady_ = true;         // Nothing happened to any node or guest.
};

}  // namespace godwit::control
