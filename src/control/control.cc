#include "control/control.h"

#include <algorithm>
#include <format>
#include <type_traits>
#include <utility>

namespace godwit::control {

// What a crash may take of the journal.
constexpr Duration kJournalWaits = std::chrono::seconds{1};

Control::Control(Config config, fleet::Policy policy, std::span<const migration::ControlRow> rows)
    : config_(std::move(config)),
      policy_(policy),
      rows_(rows),
      instances_(config_),
      market_(config_) {}

Step Control::restart(const ports::Rows& rows, Time now) {
  Step step;
  version_ = solves_ = static_cast<std::uint64_t>(now.time_since_epoch().count());
  groups_ = rows.groups;
  instances_.restart(rows, now);
  journal_.restart(rows);
  for (const ports::MoveView& move : journal_.moves()) told_moves_[move.number] = move;  // No news.
  for (const auto& [id, row] : rows.guests) guest(id).restore(row, now);
  for (const auto& [id, row] : rows.guests) {
    if (row.owner.holder.value.empty()) continue;
    // A start that is under way has not been told of yet: if it is cold, it will be told so.
    if (row.owner.reported.generation == row.owner.generation)
      lives_[id].cold = row.owner.generation;
    lives_[id].at = row.owner.holder;
    lives_[id].since_on = now;
  }
  dirty_ = true;
  finish(now, step);
  return step;
}

Step Control::on(const Event& event, Time now) {
  Step step;
  dispatch(event, now, step);
  finish(now, step);
  return step;
}

// What follows from a change, whatever the event was.
void Control::finish(Time now, Step& step) {
  bury(step);
  if (plan_.look_again && *plan_.look_again <= now) {
    plan_.look_again.reset();
    touched_offerings_ = true;  // Time makes some sound again.
    dirty_ = true;
  }
  const bool changed = dirty_ || !step.writes.empty();
  solve_next(now, step);
  tell_fleet(step);
  if (changed) tell_images(step);
  publish(now, step);
  keep_journal(now, step);
  step.wake = wake();
}

// With other rows, or soon: a commit of its own for each event would cost more than it is worth.
void Control::keep_journal(Time now, Step& step) {
  if (!journal_.changed()) return journal_at_.reset();
  if (step.writes.empty() && (!journal_at_ || *journal_at_ > now)) {
    if (!journal_at_) journal_at_ = now + kJournalWaits;
    return;
  }
  journal_.write(step);
  journal_at_.reset();
}

void Control::dispatch(const Event& event, Time now, Step& step) {
  std::visit(
      [&]<class T>(const T& e) {
        if constexpr (std::is_same_v<T, ports::Message>) {
          on_message(e, now, step);
        } else if constexpr (std::is_same_v<T, AgentSeen>) {
          on_seen(e, now, step);
        } else if constexpr (std::is_same_v<T, Certified>) {
          on_certified(e.node, now, step);
        } else if constexpr (std::is_same_v<T, NodeJoined>) {
          instances_.join_static(e.node, e.address, step);
        } else if constexpr (std::is_same_v<T, CreateGuest>) {
          guest(e.guest).create(e, now, step);
          const auto at = guests_.find(e.guest);  // Refused: it never was.
          if (!at->second.born() && at->second.row().group.value.empty()) guests_.erase(at);
        } else if constexpr (std::is_same_v<T, AllowNodes>) {
          if (Owner* owner = known(e.guest, step)) owner->allow(e.set, now, step);
        } else if constexpr (std::is_same_v<T, MoveGuest>) {
          if (Owner* owner = known(e.guest, step)) owner->move(e.to, step);
        } else if constexpr (std::is_same_v<T, TakeOver>) {
          if (Owner* owner = known(e.guest, step)) owner->take_over(e.set, now, step);
        } else if constexpr (std::is_same_v<T, ports::Request>) {
          on_request(e, now, step);
        } else if constexpr (std::is_same_v<T, ports::CloudEvent>) {
          on_cloud(e, now, step);
        } else if constexpr (std::is_same_v<T, Solved>) {
          on_solved(e, now, step);
        } else {
          on_time(now, step);
        }
      },
      event);
}

void Control::on_time(Time now, Step& step) {
  for (auto& [id, owner] : guests_) owner.on_time(now, step);
  instances_.on_time(now, step);
  if (follow_at_ && *follow_at_ <= now) follow_all(now, step);
  std::erase_if(carried_, [&](const auto& asked) {
    if (asked.second.give_up > now) return false;
    step.commands.push_back(
        Reply{asked.second.request,
              fail(Code::kDeadlineExceeded,
                   std::format("the node of {} does not answer", asked.second.guest.value))});
    return true;
  });
}

Owner* Control::known(const GuestId& id, Step& step) {
  if (const auto at = guests_.find(id); at != guests_.end()) return &at->second;
  step.commands.push_back(Refused{id, "no guest has this name"});
  return nullptr;
}

// --- Messages.

void Control::on_message(const ports::Message& message, Time now, Step& step) {
  if (const auto* state = std::get_if<ports::NodeState>(&message.body)) {
    const ports::NodeState* before = instances_.state(message.from);
    const bool noticed = state->notice && (!before || !before->notice);
    if (before && *before == *state) return;
    const std::set<std::string> before_images = before ? before->images : std::set<std::string>{};
    instances_.on_state(message.from, *state, now, step);
    if (noticed) {
      const auto at = instances_.rows().find(message.from);
      if (at != instances_.rows().end() && at->second.spot)
        market_.lose({{at->second.type, at->second.zone}, fleet::CapacityType::kSpot}, now);
      const auto left = std::chrono::floor<std::chrono::seconds>(*state->notice - now).count();
      // Told again after a restart of ours, it is no news.
      if (!journal_.last_of(message.from, "notice"))
        event({}, {}, message.from, "notice",
              std::format("the provider ends the instance in {} s{}", left,
                          state->notice_why.empty() ? "" : ": " + state->notice_why),
              now, step);
    }
    touched_nodes_.insert(message.from);
    touched_offerings_ |= noticed;
    if (!before || before_images != state->images)
      for (const auto& [id, life] : lives_) touched_guests_.insert(id);
    dirty_ = true;
    return;
  }
  // Of a guest that is not known: its row was never committed.
  const auto at = guests_.find(message.guest);
  if (at == guests_.end()) return;
  on_guest_message(at->second, message, now, step);
}

void Control::on_guest_message(Owner& owner, const ports::Message& message, Time now, Step& step) {
  const GuestId& id = message.guest;
  if (const auto* story = std::get_if<ports::Moved>(&message.body)) {
    if (owner.gone()) return;
    journal_.told(id, *story);
    touched_moves_.insert(id);
    if (!story->done && owner.row().owner.reach.contains(message.from))
      event(owner.row().group, id, message.from, "move-failed", story->why, now, step);
    if (!story->done) lives_[id].moving_to.reset();
    follow(id, owner, now, step);
    return;
  }
  if (const auto* state = std::get_if<ports::ContainerState>(&message.body)) {
    if (owner.holder() != message.from || lives_[id].container == *state) return;
    lives_[id].container = *state;
    touched_guests_.insert(id);
    return;
  }
  answer_carried(message, step);
  const std::optional<NodeId> before = place_of(owner);
  const bool was_settled = owner.settled();
  owner.on_message(message, now, step);
  if (place_of(owner) != before || owner.settled() != was_settled) {
    arrived(id, owner, now, step);
    follow(id, owner, now, step);
  }
}

// Its agent may have been alone for a while: what it knows is asked for.
void Control::on_seen(const AgentSeen& seen, Time now, Step& step) {
  instances_.on_seen(seen.node, seen.attached, now);
  touched_nodes_.insert(seen.node);
  told_images_.erase(seen.node);
  dirty_ = true;
  if (!seen.attached) return;
  if (!config_.incarnation.empty())
    step.commands.push_back(Mail{{{}, ports::kControl, seen.node, fleet()}});
  for (const auto& [id, owner] : guests_) {
    if (seen.node == ports::kGateway) tell_ports(id, step);
    if (owner.row().owner.reach.contains(seen.node))
      step.commands.push_back(Mail{{id, ports::kControl, seen.node, ports::AskReport{}}});
  }
}

// --- The provider.

void Control::on_cloud(const ports::CloudEvent& answer, Time now, Step& step) {
  News news;
  instances_.on_cloud(answer, now, step, news);
  if (news.types) market_.on_types(*news.types);
  if (news.types || (news.prices && market_.on_prices(*news.prices)))
    dirty_ = touched_offerings_ = true;
  for (const News::NotLaunched& lost : news.not_launched) {
    const fleet::OfferingKey key{
        {lost.row.type, lost.row.zone},
        lost.row.spot ? fleet::CapacityType::kSpot : fleet::CapacityType::kOnDemand};
    market_.refuse(key, now, config_.provider->refused_for);
    event({}, {}, lost.node, "capacity", lost.why, now, step);
    dirty_ = touched_offerings_ = true;
  }
  for (const NodeId& node : news.certified) on_death(node, now, step);
  for (const ports::RowWrite& write : step.writes)
    if (std::holds_alternative<ports::NodeWrite>(write)) dirty_ = true;
}

void Control::on_certified(const NodeId& node, Time now, Step& step) {
  if (instances_.certify(node, std::nullopt, step)) on_death(node, now, step);
}

void Control::on_death(const NodeId& node, Time now, Step& step) {
  const ports::NodeRow& row = instances_.rows().at(node);
  if (row.spot && row.ended_by_provider)
    market_.lose({{row.type, row.zone}, fleet::CapacityType::kSpot}, now);
  idle_since_.erase(node);
  event({}, {}, node, "dead",
        row.ended_by_provider ? "ended by the provider" : "its memory is gone", now, step);
  for (auto& [id, owner] : guests_) {
    const std::optional<NodeId> before = place_of(owner);
    owner.on_death(node, now, step);
    if (before == node) lives_[id].moving_to.reset();
  }
  dirty_ = touched_offerings_ = true;
}

std::optional<Time> Control::wake() const {
  std::optional<Time> first = instances_.wake();
  const auto at = [&first](std::optional<Time> when) {
    if (when && (!first || *when < *first)) first = when;
  };
  for (const auto& [id, owner] : guests_) at(owner.wake());
  for (const auto& [number, asked] : carried_) at(asked.give_up);
  at(plan_.look_again);
  at(follow_at_);
  at(journal_at_);
  return first;
}

}  // namespace godwit::control
