// From what is known to the planner's world, and to the plan that comes back. Solving is a command,
// since a plan of a large fleet takes longer than a turn may: one at a time, and what happens
// meanwhile makes the next one due.
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "control/control.h"
#include "control/views.h"

namespace godwit::control {

// A node whose agent is away for longer is taken for useless, as one that never joins is.
constexpr Duration kAwayMax = std::chrono::minutes{5};

fleet::World Control::world(Time now) const {
  fleet::World world{.now = now,
                     .incarnation = config_.incarnation,
                     .next_node = instances_.counters().nodes_named + 1,
                     .policy = policy_};
  if (config_.provider) {
    world.billing = config_.provider->billing;
    world.offerings = market_.offerings(now, policy_);
  }
  for (const auto& [id, group] : groups_) world.groups.emplace(id, group_of(group.spec));
  for (const auto& [id, row] : instances_.rows()) {
    if (row.dead || row.type.empty()) continue;
    fleet::Node node{.id = id,
                     .offering = offering_of(row),
                     .phase = phase_of(row),
                     .memory_mib = row.memory_mib,
                     .vcpus = row.vcpus,
                     .launched = row.launched,
                     .reachable = instances_.attached(id)};
    if (row.spot && row.max_price.value > 0) node.bid = row.max_price;
    if (const auto* state = instances_.state(id)) node.notice = state->notice;
    if (const auto idle = idle_since_.find(id); idle != idle_since_.end())
      node.idle_since = idle->second;
    world.nodes.emplace(id, std::move(node));
  }
  // Guests share images: nodes are asked once for each, not for each guest.
  std::map<std::tuple<std::string, std::string, std::string>, std::set<NodeId>> lacking;
  const auto preparing = [&](const ports::MachineRecord& m) -> const std::set<NodeId>& {
    const auto [at, first] =
        lacking.try_emplace({m.kernel_sha256, m.initramfs_sha256, m.base_sha256});
    if (!first) return at->second;
    for (const auto& [node, row] : instances_.rows())
      if (!row.dead && !has_images(node, m)) at->second.insert(node);
    return at->second;
  };
  for (const auto& [id, owner] : guests_) {
    const ports::GuestRow& row = owner.row();
    if (row.group.value.empty() || owner.ending()) continue;  // Not ours to place.
    const auto life = lives_.find(id);
    fleet::Guest guest{.id = id,
                       .group = row.group,
                       .memory_mib = room_of(row.machine),
                       .vcpus = row.machine.vcpus,
                       .on = place_of(owner)};
    if (!row.wanted.value.empty()) guest.wanted = row.wanted;
    guest.preparing = preparing(row.machine);
    if (life != lives_.end()) {
      guest.moving_to = life->second.moving_to;
      guest.since_on = life->second.since_on;
      guest.escapes = life->second.escapes;
    }
    world.guests.emplace(id, std::move(guest));
  }
  return world;
}

// Nodes that may hold a guest that left its holder unheard: its agent escapes by itself. Known for
// sure is only where a guest is whose holder is here, and under no notice.
std::set<NodeId> Control::unheard(Time now) {
  for (const auto& [node, row] : instances_.rows()) {
    if (row.dead || instances_.attached(node)) {
      away_since_.erase(node);
    } else {
      away_since_.try_emplace(node, now);
    }
  }
  std::set<NodeId> nodes;
  for (const auto& [id, owner] : guests_) {
    if (owner.ending() || !owner.born()) continue;
    const auto holder = owner.holder();
    const ports::NodeState* const state = holder ? instances_.state(*holder) : nullptr;
    const bool known =
        owner.settled() && holder && instances_.attached(*holder) && !(state && state->notice);
    for (const NodeId& node : owner.row().owner.reach) {
      const auto away = away_since_.find(node);
      if (away == away_since_.end() ? !known : now - away->second < kAwayMax) nodes.insert(node);
    }
  }
  return nodes;
}

// A node is idle while nobody is there, comes, wants to, or may be there.
void Control::note_idle(Time now) {
  std::set<NodeId> busy = unheard(now);
  for (const auto& [id, owner] : guests_) {
    if (const auto at = place_of(owner)) busy.insert(*at);
    if (!owner.row().wanted.value.empty() && !owner.ending()) busy.insert(owner.row().wanted);
    if (owner.ending()) busy.insert(owner.row().owner.reach.begin(), owner.row().owner.reach.end());
    if (const auto life = lives_.find(id); life != lives_.end() && life->second.moving_to)
      busy.insert(*life->second.moving_to);
  }
  for (const auto& [node, row] : instances_.rows()) {
    if (row.dead || row.type.empty()) continue;
    if (busy.contains(node)) {
      idle_since_.erase(node);
    } else {
      idle_since_.try_emplace(node, now);
    }
  }
}

void Control::solve_next(Time now, Step& step) {
  if (solving_) return;
  // Without a market there is nothing to plan with; when it comes, that is news.
  if (!config_.provider || !market_.ready()) dirty_ = false;
  if (!dirty_ && questions_.empty()) return;
  solving_ = Solving{.version = ++solves_, .world = {}, .question = {}};
  if (!questions_.empty() && (!dirty_ || !question_last_)) {
    question_last_ = true;
    solving_->question = std::move(questions_.front());
    questions_.pop_front();
    solving_->world = world(now);
    suppose(*solving_->question, solving_->world);
  } else {
    question_last_ = false;
    dirty_ = false;
    note_idle(now);
    solving_->world = world(now);
  }
  step.commands.push_back(Solve{solving_->version, solving_->world});
}

void Control::on_solved(const Solved& solved, Time now, Step& step) {
  if (!solving_ || solving_->version != solved.version) return;  // Of an earlier process.
  const Solving done = *std::exchange(solving_, std::nullopt);
  if (done.question) {
    step.commands.push_back(
        Reply{done.question->request, answer(*done.question, done.world, solved.plan, now, step)});
    return;
  }
  plan_ = solved.plan;
  for (const auto& [node, since] : away_since_) {
    const Time given_up = since + kAwayMax;
    if (given_up > now && (!plan_.look_again || given_up < *plan_.look_again))
      plan_.look_again = given_up;
  }
  adopt(plan_, done.world, now, step);
  follow_all(now, step);
  tell_images(step);  // To the nodes that guests may now have to go to.
}

}  // namespace godwit::control
