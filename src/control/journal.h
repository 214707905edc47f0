// What happened, for people: events and moves, the newest ports::kJournalKept of each. They are
// rows, but nothing is ever decided by them, so they need not be committed with what they tell of:
// control.cc lets them wait for other writes, a second at most.
//
// A move is told by both of its ends and seen by the reports that say where the guest runs, in any
// order. They are parts of one move if they name one epoch: each change of place has its own.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control/step.h"
#include "ports/api.h"
#include "ports/messages.h"

namespace godwit::control {

class Journal {
 public:
  void restart(const ports::Rows& rows);

  // About whatever is not empty.
  const ports::EventView& add(Time at, const GroupId& group, const GuestId& guest,
                              const NodeId& node, std::string reason, std::string text);

  // A guest shall go elsewhere; a move of it that is under way to the same place is the same move.
  ports::MoveView& begin(const GuestId& guest, const NodeId& from, const NodeId& to,
                         std::string reason, Time now);
  // The guest runs at `at` now, under `epoch`: its move is over. None is under way: one that the
  // agents began. True: it is news.
  bool arrived(const GuestId& guest, const NodeId& from, const NodeId& at, bool live,
               const std::string& reason, ports::EpochName epoch, Time now);
  // The story of it. Each end tells its part, in any order, before or after the arrival, and
  // perhaps again.
  void told(const GuestId& guest, const ports::Moved& story);
  // It is not wanted any more, or the guest is gone.
  void give_up(const GuestId& guest, const std::string& why, Time now);
  // It is gone: nothing more of its moves is told.
  void forget(const GuestId& guest) { stories_.erase(guest); }

  // Whether something is not in the rows yet, and what.
  bool changed();
  void write(Step& step);

  const ports::MoveView* under_way(const GuestId& guest) const;
  std::vector<ports::EventView> events(const ports::ListEvents& wanted) const;
  const std::deque<ports::MoveView>& moves() const { return moves_; }
  // The newest event about the node has this reason.
  bool last_of(const NodeId& node, const std::string& reason) const;

 private:
  ports::MoveView* find_under_way(const GuestId& guest);
  ports::MoveView* find(std::uint64_t number);
  void tell(ports::MoveView& move, const ports::Moved& story);

  std::deque<ports::EventView> events_;
  std::deque<ports::MoveView> moves_;
  std::uint64_t next_event_ = 1, next_move_ = 1;
  std::uint64_t written_events_ = 0;                  // Up to this number.
  std::set<std::uint64_t> touched_;                   // Moves that may differ from their rows.
  std::map<std::uint64_t, ports::MoveView> written_;  // Rows of moves that are under way.
  // Of each guest, the newest attempts, as far as they were told.
  std::map<GuestId, std::deque<ports::Moved>> stories_;
};

}  // namespace godwit::control
