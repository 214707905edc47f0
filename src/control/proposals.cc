// Plans that are shown and not followed: what a drain would do.
#include <algorithm>
#include <format>
#include <utility>

#include "control/control.h"

namespace godwit::control {
namespace {

// A plan of a large fleet takes a second; who asks more often is to wait.
constexpr std::size_t kQuestionsMax = 16;

}  // namespace

// Refused at once; or nothing, and it is answered when it is solved.
std::optional<ports::Answer> Control::ask_plan(Question question) {
  const NodeId& node = question.what.node;
  const auto at = instances_.rows().find(node);
  if (at == instances_.rows().end())
    return not_found(std::format("no node is named {}", node.value));
  if (at->second.dead) return precondition(std::format("{} is dead", node.value));
  if (questions_.size() >= kQuestionsMax)
    return fail(Code::kResourceExhausted,
                std::format("{} plans are asked for already: try again", questions_.size()));
  questions_.push_back(std::move(question));
  return std::nullopt;
}

// The world in which what is asked about had been done.
void Control::suppose(const Question& question, fleet::World& world) const {
  if (const auto node = world.nodes.find(question.what.node); node != world.nodes.end())
    node->second.phase = fleet::Phase::kDraining;
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
