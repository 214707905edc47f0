#include "control/views.h"

#include <format>
#include <utility>

namespace godwit::control {

ports::GuestView view_of(const GuestId& id, const Owner& owner) {
  const ports::GuestRow& row = owner.row();
  const ports::OwnerRow& o = row.owner;
  ports::GuestView view{.guest = id,
                        .address = row.machine.address,
                        .image_sha256 = row.machine.base_sha256,
                        .memory_mib = row.machine.memory_mib,
                        .vcpus = row.machine.vcpus,
                        .generation = o.reported.generation,
                        .hop = o.reported.hop};
  switch (o.kind) {
    case ports::GenerationKind::kNone:
      return view;
    case ports::GenerationKind::kTakeover:
      view.phase = ports::GuestPhase::kLost;
      view.why = std::format("takeover {} asks {} nodes whether they hold it", o.generation,
                             o.reach.size());
      return view;
    case ports::GenerationKind::kTaken:
    case ports::GenerationKind::kOrder:
      break;
  }
  if (owner.holder() && o.reported.generation > 0) {
    view.phase = ports::GuestPhase::kRunning;
    view.node = owner.holder();
  }
  if (o.kind == ports::GenerationKind::kTaken && !owner.settled()) {
    view.phase = ports::GuestPhase::kStarting;
    view.node.reset();
    view.why = std::format("{} was told to start it{}", o.taker.value,
                           o.from ? " from its copy" : ", without its memory");
  }
  return view;
}

ports::NodeView view_of(const NodeId& id, const ports::NodeRow& row, bool attached,
                        std::vector<GuestId> guests) {
  ports::NodeView view{.node = id, .attached = attached, .address = row.address};
  view.phase = attached ? ports::NodePhase::kReady : ports::NodePhase::kJoining;
  if (row.cordoned) view.phase = ports::NodePhase::kCordoned;
  if (row.draining) view.phase = ports::NodePhase::kDraining;
  if (!attached && !row.type.empty() && row.memory_mib == 0)
    view.phase = ports::NodePhase::kJoining;
  if (row.dead) view.phase = ports::NodePhase::kDead;
  view.guests = std::move(guests);
  return view;
}

}  // namespace godwit::control
