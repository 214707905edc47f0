#include "control/journal.h"

#include <algorithm>
#include <utility>

namespace godwit::control {
namespace {

constexpr std::size_t kEventsMax = 10'000, kMovesMax = 10'000;

void merge(ports::Moved& known, const ports::Moved& story) {
  if (known.attempt != story.attempt) known = {.attempt = story.attempt};
  if (story.stopped_us != 0) known.stopped_us = story.stopped_us;
  if (story.resumed_us != 0) known.resumed_us = story.resumed_us;
  known.bytes = std::max(known.bytes, story.bytes);
  known.bytes_while_stopped = std::max(known.bytes_while_stopped, story.bytes_while_stopped);
}

void tell(ports::MoveView& move, const ports::Moved& story) {
  if (move.source != story.attempt.source) return;
  move.stopped_us = story.stopped_us;
  move.resumed_us = story.resumed_us;
  move.bytes = story.bytes;
  move.bytes_while_stopped = story.bytes_while_stopped;
}

}  // namespace

const ports::EventView& Journal::add(Time at, const GroupId& group, const GuestId& guest,
                                     const NodeId& node, std::string reason, std::string text) {
  ports::EventView event{.number = next_event_++, .at = at};
  if (!group.value.empty()) event.group = group;
  if (!guest.value.empty()) event.guest = guest;
  if (!node.value.empty()) event.node = node;
  event.reason = std::move(reason);
  event.text = std::move(text);
  events_.push_back(std::move(event));
  if (events_.size() > kEventsMax) events_.pop_front();
  return events_.back();
}

ports::MoveView* Journal::find_under_way(const GuestId& guest) {
  for (auto at = moves_.rbegin(); at != moves_.rend(); ++at)
    if (at->guest == guest) return at->state == ports::MoveView::State::kUnderWay ? &*at : nullptr;
  return nullptr;
}

const ports::MoveView* Journal::under_way(const GuestId& guest) const {
  return const_cast<Journal*>(this)->find_under_way(guest);
}

ports::MoveView& Journal::begin(const GuestId& guest, const NodeId& from, const NodeId& to,
                                std::string reason, Time now) {
  if (ports::MoveView* move = find_under_way(guest)) {
    if (move->destination == to) return *move;
    give_up(guest, "another place is better by now", now);
  }
  moves_.push_back({.number = next_move_++,
                    .guest = guest,
                    .reason = std::move(reason),
                    .source = from,
                    .destination = to,
                    .began = now});
  if (moves_.size() > kMovesMax) moves_.pop_front();
  return moves_.back();
}

bool Journal::arrived(const GuestId& guest, const NodeId& from, const NodeId& at, bool live,
                      const std::string& reason, Time now) {
  if (from == at && live) return false;  // It stayed.
  const ports::MoveView* move = find_under_way(guest);
  if (move && move->destination != at && live)
    give_up(guest, "its agent has taken another place of the set", now);
  ports::MoveView& done = begin(guest, from, at, reason, now);
  done.source = from;
  done.live = live;
  done.state = ports::MoveView::State::kDone;
  done.ended = now;
  done.why.clear();
  if (const auto story = stories_.find(guest); live && story != stories_.end())
    tell(done, story->second);
  return true;
}

void Journal::told(const GuestId& guest, const ports::Moved& story) {
  if (!story.done) {
    if (ports::MoveView* move = find_under_way(guest)) move->why = story.why;  // It is tried again.
    return;
  }
  ports::Moved& known = stories_[guest];
  merge(known, story);
  // The next move of the guest may be under way by now.
  for (auto at = moves_.rbegin(); at != moves_.rend(); ++at) {
    if (at->guest != guest || at->source != story.attempt.source || !at->live) continue;
    if (at->state == ports::MoveView::State::kDone) tell(*at, known);
    return;
  }
}

void Journal::give_up(const GuestId& guest, const std::string& why, Time now) {
  ports::MoveView* move = find_under_way(guest);
  if (!move) return;
  move->state = ports::MoveView::State::kFailed;
  move->ended = now;
  move->why = why;
}

std::vector<ports::EventView> Journal::events(const ports::ListEvents& wanted) const {
  std::vector<ports::EventView> found;
  for (auto at = events_.rbegin(); at != events_.rend() && found.size() < wanted.limit; ++at) {
    if (wanted.group && at->group != wanted.group) continue;
    if (wanted.guest && at->guest != wanted.guest) continue;
    if (wanted.node && at->node != wanted.node) continue;
    found.push_back(*at);
  }
  std::ranges::reverse(found);
  return found;
}

}  // namespace godwit::control
