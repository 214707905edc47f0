#include "control/journal.h"

#include <algorithm>
#include <utility>

namespace godwit::control {
namespace {

// Of one guest. As many as its agents tell again.
constexpr std::size_t kStoriesMax = 16;

void merge(ports::Moved& known, const ports::Moved& story) {
  if (story.begun_us != 0) known.begun_us = story.begun_us;
  if (story.stopped_us != 0) known.stopped_us = story.stopped_us;
  if (story.resumed_us != 0) known.resumed_us = story.resumed_us;
  known.bytes = std::max(known.bytes, story.bytes);
  known.bytes_while_stopped = std::max(known.bytes_while_stopped, story.bytes_while_stopped);
  if (story.epoch != ports::EpochName{}) known.epoch = story.epoch;
}

template <class View>
void trim(std::deque<View>& views) {
  if (views.size() > ports::kJournalKept) views.pop_front();
}

}  // namespace

void Journal::restart(const ports::Rows& rows) {
  for (const auto& [number, event] : rows.events) events_.push_back(event);
  for (const auto& [number, move] : rows.moves) {
    moves_.push_back(move);
    if (move.state == ports::MoveView::State::kUnderWay) written_[number] = move;
  }
  if (!events_.empty()) next_event_ = events_.back().number + 1;
  if (!moves_.empty()) next_move_ = moves_.back().number + 1;
  written_events_ = next_event_ - 1;
}

const ports::EventView& Journal::add(Time at, const GroupId& group, const GuestId& guest,
                                     const NodeId& node, std::string reason, std::string text) {
  ports::EventView event{.number = next_event_++, .at = at};
  if (!group.value.empty()) event.group = group;
  if (!guest.value.empty()) event.guest = guest;
  if (!node.value.empty()) event.node = node;
  event.reason = std::move(reason);
  event.text = std::move(text);
  events_.push_back(std::move(event));
  trim(events_);
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

// Numbers have no gaps.
ports::MoveView* Journal::find(std::uint64_t number) {
  if (moves_.empty() || number < moves_.front().number) return nullptr;
  const std::uint64_t index = number - moves_.front().number;
  return index < moves_.size() ? &moves_[index] : nullptr;
}

ports::MoveView& Journal::begin(const GuestId& guest, const NodeId& from, const NodeId& to,
                                std::string reason, Time now) {
  if (ports::MoveView* move = find_under_way(guest)) {
    touched_.insert(move->number);  // The caller may change it.
    if (move->destination == to) return *move;
    give_up(guest, "another place is better by now", now);
  }
  moves_.push_back({.number = next_move_++,
                    .guest = guest,
                    .reason = std::move(reason),
                    .source = from,
                    .destination = to,
                    .began = now});
  touched_.insert(moves_.back().number);
  trim(moves_);
  return moves_.back();
}

// It takes from the order, or from the agents' beginning if there was none, to RESUME.
void Journal::tell(ports::MoveView& move, const ports::Moved& story) {
  const ports::MoveView before = move;
  move.attempt = story.attempt;
  move.stopped_us = story.stopped_us;
  move.resumed_us = story.resumed_us;
  move.bytes = story.bytes;
  move.bytes_while_stopped = story.bytes_while_stopped;
  const Time begun{Duration{story.begun_us}}, resumed{Duration{story.resumed_us}};
  if (begun != Time{} && begun < move.began) move.began = begun;
  if (resumed > move.began && (!move.ended || resumed < *move.ended)) move.ended = resumed;
  if (move != before) touched_.insert(move.number);
}

bool Journal::arrived(const GuestId& guest, const NodeId& from, const NodeId& at, bool live,
                      const std::string& reason, ports::EpochName epoch, Time now) {
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
  done.epoch = epoch;
  if (const auto stories = stories_.find(guest); live && stories != stories_.end())
    for (const ports::Moved& story : stories->second)
      if (epoch != ports::EpochName{} && story.epoch == epoch) tell(done, story);
  return true;
}

void Journal::told(const GuestId& guest, const ports::Moved& story) {
  if (!story.done) {
    if (ports::MoveView* move = find_under_way(guest)) {
      move->why = story.why;  // It is tried again.
      touched_.insert(move->number);
    }
    return;
  }
  if (story.attempt.source.value.empty()) return;
  std::deque<ports::Moved>& stories = stories_[guest];
  auto known = std::ranges::find(stories, story.attempt, &ports::Moved::attempt);
  if (known == stories.end()) {
    if (stories.size() >= kStoriesMax) stories.pop_front();
    known = stories.insert(stories.end(), {.attempt = story.attempt, .done = true});
  }
  merge(*known, story);
  for (auto at = moves_.rbegin(); at != moves_.rend(); ++at) {
    if (at->guest != guest || !at->live || at->state != ports::MoveView::State::kDone) continue;
    const bool named = known->epoch != ports::EpochName{} && at->epoch == known->epoch;
    if (named || at->attempt == story.attempt) return tell(*at, *known);
  }
}

void Journal::give_up(const GuestId& guest, const std::string& why, Time now) {
  ports::MoveView* move = find_under_way(guest);
  if (!move) return;
  move->state = ports::MoveView::State::kFailed;
  move->ended = now;
  move->why = why;
  touched_.insert(move->number);
}

bool Journal::changed() {
  std::erase_if(touched_, [&](std::uint64_t number) {
    const ports::MoveView* move = find(number);
    const auto row = written_.find(number);
    return !move || (row != written_.end() && row->second == *move);
  });
  return !touched_.empty() || written_events_ + 1 < next_event_;
}

void Journal::write(Step& step) {
  const std::size_t news =
      std::min<std::uint64_t>(next_event_ - 1 - written_events_, events_.size());
  for (std::size_t i = events_.size() - news; i < events_.size(); ++i)
    step.writes.push_back(ports::EventWrite{events_[i]});
  written_events_ = next_event_ - 1;
  for (const std::uint64_t number : std::exchange(touched_, {})) {
    const ports::MoveView* move = find(number);
    if (!move) continue;
    step.writes.push_back(ports::MoveWrite{*move});
    if (move->state == ports::MoveView::State::kUnderWay) {
      written_[number] = *move;
    } else {
      written_.erase(number);
    }
  }
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

bool Journal::last_of(const NodeId& node, const std::string& reason) const {
  for (auto at = events_.rbegin(); at != events_.rend(); ++at)
    if (at->node == node && !at->guest) return at->reason == reason;
  return false;
}

}  // namespace godwit::control
