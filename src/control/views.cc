#include "control/views.h"

#include <format>
#include <utility>

#include "core/plan/text.h"

namespace godwit::control {
namespace {

fleet::Choice choice_of(const ports::Choice& choice) {
  return {{choice.allow.begin(), choice.allow.end()}, {choice.deny.begin(), choice.deny.end()}};
}

}  // namespace

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

fleet::OfferingKey offering_of(const ports::NodeRow& row) {
  return {
      {row.type, row.zone},
      row.spot || row.type.empty() ? fleet::CapacityType::kSpot : fleet::CapacityType::kOnDemand};
}

fleet::Phase phase_of(const ports::NodeRow& row) {
  using enum ports::NodeStage;
  if (row.stage == kEnding) return fleet::Phase::kTerminating;
  if (row.stage == kAbandoned) return fleet::Phase::kAbandoned;
  if (row.stage != kJoined || row.memory_mib == 0) return fleet::Phase::kLaunching;
  if (row.draining) return fleet::Phase::kDraining;
  return row.cordoned ? fleet::Phase::kCordoned : fleet::Phase::kReady;
}

fleet::Group group_of(const ports::GroupSpec& spec) {
  return {.id = spec.name,
          .maximum_price = spec.maximum_price,
          .above_maximum = spec.above_maximum == ports::AboveMaximum::kWait
                               ? fleet::AboveMaximum::kWait
                               : fleet::AboveMaximum::kOnDemand,
          .spread = static_cast<fleet::Spread>(spec.spread),
          .clouds = choice_of(spec.clouds),
          .regions = choice_of(spec.regions),
          .zones = choice_of(spec.zones),
          .families = choice_of(spec.families)};
}

std::vector<ports::Term> terms_of(const std::vector<plan::Term>& terms) {
  std::vector<ports::Term> all;
  // The planner's gains are positive; what is shown are costs.
  for (const plan::Term& term : terms)
    all.push_back({term.name, static_cast<double>(-term.amount.value) / 1e6});
  return all;
}

std::vector<ports::Rejected> rejected_of(const std::vector<plan::Rejected>& rejected) {
  std::vector<ports::Rejected> all;
  for (const plan::Rejected& one : rejected) all.push_back({plan::to_text(one.offering), one.why});
  return all;
}

}  // namespace godwit::control
