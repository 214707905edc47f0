// Plans that are shown and not followed: what a drain would do, what the planner would do now, and
// what it would do if groups were applied.
#include <algorithm>
#include <format>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "control/control.h"
#include "control/views.h"
#include "core/fleet/room.h"
#include "core/fleet/share.h"
#include "core/plan/text.h"

namespace godwit::control {
namespace {

// A plan of a large fleet takes a second; who asks more often is to wait.
constexpr std::size_t kQuestionsMax = 16;

std::set<GuestId> guests_of(const ports::GroupSpec& spec) {
  std::set<GuestId> guests;
  for (std::uint32_t number = 1; number <= spec.count; ++number)
    guests.insert({std::format("{}-{}", spec.name.value, number)});
  return guests;
}

// The fleet as it would be.
class Picture {
 public:
  Picture(const fleet::World& world, const plan::Plan& plan) : world_(world), plan_(plan) {
    for (const auto& [id, guest] : world.guests) add(guest);
    for (const plan::Action& action : plan.actions)
      std::visit([this](const auto& a) { change(a); }, action);
    for (const auto& [id, why] : plan.unplaceable) {
      ports::PlannedGuest& guest = guests_.at(id);
      guest.reason = "none";
      guest.why = why;
      guest.to = guest.from;
    }
    for (auto& [id, guest] : guests_)
      if (guest.to) taken_[*guest.to] += need(id);
    for (auto& [id, guest] : guests_)
      if (guest.to) guest.share = share(id, *guest.to);
  }

  ports::PlanView view() && {
    ports::PlanView view{
        .at = world_.now, .guests = {}, .nodes = std::move(nodes_), .warnings = {}};
    for (auto& [id, guest] : guests_) view.guests.push_back(std::move(guest));
    view.warnings = plan_.warnings;
    return view;
  }

 private:
  void add(const fleet::Guest& guest) {
    ports::PlannedGuest& planned = guests_[guest.id];
    planned.guest = guest.id;
    planned.reason = "keep";
    if (guest.on && world_.nodes.contains(*guest.on)) planned.from = guest.on;
    planned.to = guest.moving_to ? guest.moving_to : guest.wanted ? guest.wanted : planned.from;
  }
  void change(const plan::Launch& a) {
    launched_[a.node] = a.offering;
    ports::PlannedNode node = of("launch", a.node, a.offering);
    node.guests = a.guests;
    node.reason = fleet::to_string(a.reason);
    node.terms = terms_of(a.terms);
    node.rejected = rejected_of(a.rejected);
    rejected_[a.node] = node.rejected;
    nodes_.push_back(std::move(node));
  }
  void change(const plan::Place& a) {
    ports::PlannedGuest& guest = guests_.at(a.guest);
    guest.to = a.node;
    guest.reason = fleet::to_string(a.reason);
    if (const auto others = rejected_.find(a.node); others != rejected_.end())
      guest.rejected = others->second;
  }
  void change(const plan::Move& a) {
    ports::PlannedGuest& guest = guests_.at(a.guest);
    guest.to = a.to;
    guest.reason = fleet::to_string(a.reason);
    guest.terms = terms_of(a.terms);
    guest.rejected = rejected_of(a.rejected);
  }
  void change(const plan::Stay& a) {
    ports::PlannedGuest& guest = guests_.at(a.guest);
    guest.to = a.node;
    guest.reason = "stay";
    guest.why = a.why;
  }
  void change(const plan::Terminate& a) { end("terminate", a.node, a.why); }
  void change(const plan::Abandon& a) { end("abandon", a.node, a.why); }
  void end(const char* what, const NodeId& id, const std::string& why) {
    ports::PlannedNode node = of(what, id, world_.nodes.at(id).offering);
    node.why = why;
    nodes_.push_back(std::move(node));
  }
  ports::PlannedNode of(const char* what, const NodeId& id, const fleet::OfferingKey& key) const {
    ports::PlannedNode node{.node = id,
                            .change = what,
                            .instance_type = key.pool.type,
                            .zone = key.pool.zone,
                            .spot = key.capacity == fleet::CapacityType::kSpot,
                            .guests = {},
                            .reason = {},
                            .why = {},
                            .terms = {},
                            .rejected = {}};
    if (const auto at = world_.offerings.find(key); at != world_.offerings.end())
      node.rate = at->second.rate;
    return node;
  }
  fleet::Resources need(const GuestId& id) const {
    const fleet::Guest& guest = world_.guests.at(id);
    return {guest.memory_mib, guest.vcpus};
  }
  MicroUsdPerHour share(const GuestId& id, const NodeId& on) const {
    const auto node = world_.nodes.find(on);
    const auto fresh = launched_.find(on);
    if (node == world_.nodes.end() && fresh == launched_.end()) return {};
    const auto offering =
        world_.offerings.find(fresh != launched_.end() ? fresh->second : node->second.offering);
    if (offering == world_.offerings.end()) return {};
    fleet::Resources capacity{offering->second.memory_mib, offering->second.vcpus};
    if (node != world_.nodes.end() && node->second.memory_mib > 0)
      capacity = {node->second.memory_mib, node->second.vcpus};
    if (capacity.memory_mib <= 0 || capacity.vcpus <= 0) return {};
    return fleet::share(offering->second.rate, need(id), taken_.at(on), capacity);
  }

  const fleet::World& world_;
  const plan::Plan& plan_;
  std::map<GuestId, ports::PlannedGuest> guests_;
  std::vector<ports::PlannedNode> nodes_;
  std::map<NodeId, fleet::OfferingKey> launched_;
  std::map<NodeId, std::vector<ports::Rejected>> rejected_;
  std::map<NodeId, fleet::Resources> taken_;
};

}  // namespace

// Refused at once; or nothing, and it is answered when it is solved.
std::optional<ports::Answer> Control::ask_plan(Question question) {
  if (const auto* wish = std::get_if<ports::DrainNode>(&question.what)) {
    const auto at = instances_.rows().find(wish->node);
    if (at == instances_.rows().end())
      return not_found(std::format("no node is named {}", wish->node.value));
    if (at->second.dead) return precondition(std::format("{} is dead", wish->node.value));
  } else {
    if (!config_.provider)
      return precondition("no provider is configured: `serve` plans nothing; see its \"cloud\"");
    for (const ports::GroupSpec& spec : std::get<ports::ReadPlan>(question.what).specs)
      if (const Status may = may_apply(spec); !may)
        return std::unexpected(in_context("group " + spec.name.value, may).error());
    if (!market_.ready()) return unavailable("types and prices are not known yet: try again");
  }
  if (questions_.size() >= kQuestionsMax)
    return fail(Code::kResourceExhausted,
                std::format("{} plans are asked for already: try again", questions_.size()));
  questions_.push_back(std::move(question));
  return std::nullopt;
}

// The world in which what is asked about had been done.
void Control::suppose(const Question& question, fleet::World& world) const {
  if (const auto* wish = std::get_if<ports::DrainNode>(&question.what)) {
    if (const auto node = world.nodes.find(wish->node); node != world.nodes.end())
      node->second.phase = fleet::Phase::kDraining;
    return;
  }
  for (const ports::GroupSpec& spec : std::get<ports::ReadPlan>(question.what).specs) {
    world.groups[spec.name] = group_of(spec);
    ports::MachineRecord machine;
    machine.base_sha256 = spec.image_sha256;
    std::set<NodeId> lacking;
    for (const auto& [node, there] : world.nodes)
      if (!has_images(node, machine)) lacking.insert(node);
    const std::set<GuestId> guests = guests_of(spec);
    std::erase_if(world.guests, [&](const auto& entry) {
      return entry.second.group == spec.name && !guests.contains(entry.first);
    });
    for (const GuestId& id : guests) {
      fleet::Guest guest{.id = id,
                         .group = spec.name,
                         .memory_mib = fleet::room_mib(spec.memory_mib),
                         .vcpus = spec.vcpus,
                         .on = {},
                         .wanted = {},
                         .moving_to = {},
                         .since_on = {},
                         .preparing = lacking};
      world.guests.try_emplace(id, std::move(guest));
    }
  }
}

ports::Answer Control::answer(const Question& question, const fleet::World& then,
                              const plan::Plan& plan, Time now, Step& step) {
  if (const auto* wish = std::get_if<ports::DrainNode>(&question.what))
    return drain(*wish, plan, now, step);
  return Picture(then, plan).view();
}

ports::Answer Control::drain(const ports::DrainNode& wish, const plan::Plan& plan, Time now,
                             Step& step) {
  const auto at = instances_.rows().find(wish.node);
  if (at == instances_.rows().end() || at->second.dead)
    return precondition(std::format("{} is dead", wish.node.value));
  ports::DrainView view{.node = wish.node, .moves = {}};
  for (const auto& [id, owner] : guests_) {
    if (owner.holder() != wish.node) continue;
    ports::DrainMove move{.guest = id, .to = {}, .why = {}};
    for (const plan::Action& action : plan.actions) {
      if (const auto* m = std::get_if<plan::Move>(&action); m && m->guest == id) move.to = m->to;
      if (const auto* l = std::get_if<plan::Launch>(&action);
          l && std::ranges::find(l->guests, id) != l->guests.end() &&
          l->reason != fleet::Reason::kEscape) {
        move.to = l->node;
        move.why = "a node that is launched for it";
      }
    }
    if (const auto why = plan.unplaceable.find(id); why != plan.unplaceable.end())
      move.why = why->second;
    if (!move.to && move.why.empty()) move.why = "no place is known for it";
    if (!move.to && !wish.dry_run)
      return precondition(std::format("{}: {}; nothing was moved", id.value, move.why));
    view.moves.push_back(std::move(move));
  }
  if (wish.dry_run) return view;
  instances_.set_cordon(wish.node, true, true, step);
  event({}, {}, wish.node, "drain", std::format("{} guests leave", view.moves.size()), now, step);
  dirty_ = true;
  return view;
}

}  // namespace godwit::control
