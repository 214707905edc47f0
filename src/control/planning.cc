// From a plan to wishes: where each guest shall run. Then each guest is followed until it is there:
// its set is widened, it is told to move, or a takeover is begun. Wishes are rows, so a control
// plane that restarts follows them on.
#include <algorithm>
#include <format>
#include <type_traits>
#include <utility>

#include "control/control.h"
#include "control/drift.h"
#include "control/views.h"
#include "core/fleet/room.h"
#include "core/plan/text.h"

namespace godwit::control {

using std::chrono::seconds;

namespace {

// A guest that was told to move and still is where it was is told again.
constexpr Duration kTellAgain = seconds{2};
// A move that has not ended by now is no reason any more to leave its guest alone in plans.
constexpr Duration kMoveMax = std::chrono::minutes{10};

}  // namespace

// Takes guests now.
bool Control::ready(const NodeId& node) const {
  const auto at = instances_.rows().find(node);
  return at != instances_.rows().end() && !at->second.dead &&
         at->second.stage == ports::NodeStage::kJoined && at->second.memory_mib > 0 &&
         instances_.attached(node);
}

bool Control::has_images(const NodeId& node, const ports::MachineRecord& machine) const {
  const ports::NodeState* state = instances_.state(node);
  if (!state) return false;
  for (const std::string* sha256 :
       {&machine.kernel_sha256, &machine.initramfs_sha256, &machine.base_sha256})
    if (!sha256->empty() && !state->images.contains(*sha256)) return false;
  return true;
}

// What is in the set stays in it: what a node has that was just attached is not known yet.
bool Control::may_come(const NodeId& node, const Owner& owner) const {
  return ready(node) &&
         (owner.row().owner.set.contains(node) || has_images(node, owner.row().machine));
}

// Where it shall go, or may have to, and cannot yet.
std::set<NodeId> Control::preparing(const GuestId& id, const Owner& owner) const {
  std::set<NodeId> lacking;
  if (owner.row().group.value.empty() || owner.ending()) return lacking;
  const auto look = [&](const NodeId& node) {
    const auto row = instances_.rows().find(node);
    const bool there = row != instances_.rows().end() && !row->second.dead;
    if (there && owner.holder() != node && !has_images(node, owner.row().machine))
      lacking.insert(node);
  };
  if (const auto life = lives_.find(id); life != lives_.end())
    for (const NodeId& escape : life->second.escapes) look(escape);
  if (!owner.row().wanted.value.empty()) look(owner.row().wanted);
  return lacking;
}

// Where it runs, is started, or was last as far as is known.
std::optional<NodeId> Control::place_of(const Owner& owner) const {
  const ports::OwnerRow& row = owner.row().owner;
  if (!owner.born()) return std::nullopt;
  if (row.kind == ports::GenerationKind::kTaken && !owner.settled()) return row.taker;
  if (row.kind == ports::GenerationKind::kTakeover)
    if (const ports::NodeNames set = owner.living_set(); !set.empty() && !owner.holder())
      return *set.begin();
  if (row.holder.value.empty()) return std::nullopt;
  return row.holder;
}

// Of its node's memory.
std::uint32_t Control::room_of(const ports::MachineRecord& machine) const {
  return fleet::room_mib(machine.memory_mib);
}

namespace {

std::string what(const plan::Action& action) {
  return std::visit(
      []<class T>(const T& a) {
        if constexpr (std::is_same_v<T, plan::Launch>) return "launch " + a.node.value;
        if constexpr (std::is_same_v<T, plan::Place>)
          return std::format("place {} on {}", a.guest.value, a.node.value);
        if constexpr (std::is_same_v<T, plan::Move>)
          return std::format("move {} to {}", a.guest.value, a.to.value);
        if constexpr (std::is_same_v<T, plan::Stay>) return "stay " + a.guest.value;
        if constexpr (std::is_same_v<T, plan::Terminate>) return "terminate " + a.node.value;
        if constexpr (std::is_same_v<T, plan::Abandon>) return "abandon " + a.node.value;
      },
      action);
}

}  // namespace

void Control::adopt(const plan::Plan& plan, const fleet::World& then, Time now, Step& step) {
  const fleet::World is = world(now);
  Drift drift(then, is);
  const std::set<NodeId> may_hold = unheard(now);
  for (const plan::Action& action : plan.actions) {
    if (!drift.holds(action)) {
      dirty_ = true;
      step.commands.push_back(NodeNote{{}, what(action) + ": not as it was when this was planned"});
      continue;
    }
    // Not planned anew: who may be there is heard of, or its node is given up, and that is news.
    if (const auto* end = std::get_if<plan::Terminate>(&action);
        end && may_hold.contains(end->node))
      continue;
    std::visit(
        [&]<class T>(const T& a) {
          if constexpr (std::is_same_v<T, plan::Launch>) {
            launch(a, now, step);
          } else if constexpr (std::is_same_v<T, plan::Place>) {
            guest(a.guest).want(a.node, fleet::to_string(a.reason), step);
          } else if constexpr (std::is_same_v<T, plan::Move>) {
            guest(a.guest).want(a.to, fleet::to_string(a.reason), step);
            ports::MoveView& move =
                journal_.begin(a.guest, a.from, a.to, fleet::to_string(a.reason), now);
            move.terms = terms_of(a.terms);
            move.rejected = rejected_of(a.rejected);
          } else if constexpr (std::is_same_v<T, plan::Stay>) {
            guest(a.guest).want(a.node, "stay", step);
            journal_.give_up(a.guest, a.why, now);
          } else if constexpr (std::is_same_v<T, plan::Terminate>) {
            instances_.end(a.node, a.why, now, step);
          } else {
            instances_.abandon(a.node, step);
            event({}, {}, a.node, "abandoned", a.why, now, step);
          }
        },
        action);
  }
  for (auto& [id, owner] : guests_) {
    const auto escapes = plan.escapes.find(id);
    lives_[id].escapes = escapes == plan.escapes.end() ? std::vector<NodeId>{} : escapes->second;
    if (plan.unplaceable.contains(id)) touched_guests_.insert(id);
  }
}

void Control::launch(const plan::Launch& launch, Time now, Step& step) {
  ports::NodeRow row{.type = launch.offering.pool.type,
                     .zone = launch.offering.pool.zone,
                     .spot = launch.offering.capacity == fleet::CapacityType::kSpot,
                     .launched = now,
                     .why = fleet::to_string(launch.reason)};
  if (launch.bid) row.max_price = *launch.bid;
  instances_.launch(launch.node, std::move(row), now, step);
  event({}, {}, launch.node, "launch",
        std::format("{} at {}: {}", plan::to_text(launch.offering), plan::to_text(launch.rate),
                    fleet::to_string(launch.reason)),
        now, step);
}

// --- Following a wish.

void Control::follow_all(Time now, Step& step) {
  follow_at_.reset();
  for (auto& [id, owner] : guests_) follow(id, owner, now, step);
}

void Control::follow(const GuestId& id, Owner& owner, Time now, Step& step) {
  const ports::GuestRow& row = owner.row();
  if (row.group.value.empty() || owner.ending()) return;
  const auto again = [&](Time at) {
    if (!follow_at_ || at < *follow_at_) follow_at_ = at;
  };
  const NodeId wanted = row.wanted;
  if (!owner.born()) {
    if (ready(wanted)) give_birth(id, owner, now, step);
    return;
  }
  const auto holder = owner.holder();
  if (!holder) {
    // Nobody of its set lives, or it would be started there by the takeover that its death began.
    if (owner.living_set().empty() && ready(wanted)) owner.take_over({wanted}, now, step);
    return;
  }
  Life& life = lives_[id];
  if (life.moving_to && (*life.moving_to == *holder || now - life.asked_at > kMoveMax)) {
    life.moving_to.reset();
    dirty_ = true;
  }
  if (!owner.settled() || row.owner.kind == ports::GenerationKind::kTakeover) return;
  ports::NodeNames set{*holder};
  for (const NodeId& escape : life.escapes)
    if (may_come(escape, owner)) set.insert(escape);
  const bool goes = wanted != *holder && may_come(wanted, owner);
  if (goes) set.insert(wanted);
  // An order reaches a guest only while it stands still: its move is over first. And only where its
  // agent is: one that has escaped unheard is to tell that before it is ordered about.
  if (set != row.owner.set && !life.moving_to && instances_.attached(*holder)) {
    owner.allow(set, now, step);
    return again(now + kTellAgain);
  }
  if (!goes || !row.owner.set.contains(wanted)) return;
  if (life.moving_to && now - life.asked_at < kTellAgain) return again(life.asked_at + kTellAgain);
  if (!life.moving_to) {
    journal_.begin(id, *holder, wanted, row.reason, now);
    event(row.group, id, wanted, row.reason,
          std::format("moves from {} to {}", holder->value, wanted.value), now, step);
  }
  life.moving_to = wanted;
  life.asked_at = now;
  touched_guests_.insert(id);
  owner.move(wanted, step);
  again(now + kTellAgain);
}

void Control::give_birth(const GuestId& id, Owner& owner, Time now, Step& step) {
  ports::NodeNames set{owner.row().wanted};
  for (const NodeId& escape : lives_[id].escapes)
    if (may_come(escape, owner)) set.insert(escape);
  owner.create({.guest = id,
                .node = owner.row().wanted,
                .set = set,
                .machine = owner.row().machine,
                .container = owner.row().container},
               now, step);
  tell_ports(id, step);
}

// Somebody runs it, perhaps another than before.
void Control::arrived(const GuestId& id, Owner& owner, Time now, Step& step) {
  touched_guests_.insert(id);
  dirty_ = true;
  const auto at = owner.holder();
  if (!at || !owner.settled()) return;
  Life& life = lives_[id];
  if (life.moving_to == *at) life.moving_to.reset();
  const std::optional<NodeId> before = std::exchange(life.at, *at);
  const ports::GuestRow& row = owner.row();
  // Begun in this generation, from nothing.
  const bool cold = row.owner.kind == ports::GenerationKind::kTaken && !row.owner.from &&
                    row.owner.reported.hop == 0;
  const bool again = cold && life.cold != row.owner.generation;
  if (cold) life.cold = row.owner.generation;
  if (before == *at && !again) return;
  life.since_on = now;
  if (!before) return event(row.group, id, *at, "started", "runs for the first time", now, step);
  const ports::NodeState* const state = instances_.state(*before);
  const bool lost = again || instances_.dead().contains(*before);
  std::string reason = row.wanted == *at && row.reason != "stay" ? row.reason
                       : state && state->notice                  ? "notice"
                                                                 : "rebalance";
  if (lost) reason = "loss";
  journal_.arrived(id, *before, *at, !again, reason, row.owner.reported, now);
  event(row.group, id, *at, reason,
        again ? std::format("was started again, without its memory: {} has lost it", before->value)
              : std::format("runs on {}, came from {}", at->value, before->value),
        now, step);
  // Its agent has chosen another place, and it is there: that is where it is wanted, until a plan
  // says otherwise.
  if (!row.group.value.empty() && row.wanted != *at && !life.moving_to)
    owner.want(*at, reason, step);
}

}  // namespace godwit::control
