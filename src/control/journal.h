// What happened, for people: events and moves, bounded, of this process alone. Never read back to
// decide anything.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ports/api.h"
#include "ports/messages.h"

namespace godwit::control {

class Journal {
 public:
  // About whatever is not empty.
  const ports::EventView& add(Time at, const GroupId& group, const GuestId& guest,
                              const NodeId& node, std::string reason, std::string text);

  // A guest shall go elsewhere; a move of it that is under way to the same place is the same move.
  ports::MoveView& begin(const GuestId& guest, const NodeId& from, const NodeId& to,
                         std::string reason, Time now);
  // The guest runs at `at` now: its move is over. None is under way: one that the agents began.
  // True: it is news.
  bool arrived(const GuestId& guest, const NodeId& from, const NodeId& at, bool live,
               const std::string& reason, Time now);
  // The story of it. Each end tells its part, in any order, before or after the arrival.
  void told(const GuestId& guest, const ports::Moved& story);
  // It is not wanted any more, or the guest is gone.
  void give_up(const GuestId& guest, const std::string& why, Time now);

  const ports::MoveView* under_way(const GuestId& guest) const;
  std::vector<ports::EventView> events(const ports::ListEvents& wanted) const;
  const std::deque<ports::MoveView>& moves() const { return moves_; }

 private:
  ports::MoveView* find_under_way(const GuestId& guest);

  std::deque<ports::EventView> events_;
  std::deque<ports::MoveView> moves_;
  std::uint64_t next_event_ = 1, next_move_ = 1;
  // The newest attempt of each guest, as far as it was told.
  std::map<GuestId, ports::Moved> stories_;
};

}  // namespace godwit::control
