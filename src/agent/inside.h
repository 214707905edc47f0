// What is inside a guest, beside its right and its bytes: clock, container, log. It decides nothing
// about where the guest runs, and whatever fails here only delays itself.
//
//   kApart     the guest does not run here, or has no container: nothing is asked of it
//   kSetting   RESUME was seen here: attached, the clock is being set (it stood still meanwhile),
//              again when the guest lags all the same
//   kStarting  the clock is right and the container was never started: it is being started
//   kWatching  all is as wanted; changes of the container are passed on
//
// A clock is set before a container starts, so nothing in it ever sees time go back. Nothing is
// written down: a guest says itself whether its container was started.
#pragma once

#include <optional>

#include "agent/step.h"

namespace godwit::agent {

class Inside {
 public:
  // `guest` outlives this.
  explicit Inside(const GuestId& guest) : guest_(guest) {}

  // RESUME was seen, or the guest was found running after the agent's restart.
  void resumed(const std::optional<ports::Container>& container, Step& step);
  // It does not run here any more, or may not.
  void left(Step& step);
  // It left for `to`, which accepted it: its log follows.
  void went(const NodeId& to, Step& step) const;
  void on_answer(const ports::GuestAnswer& answer, const NodeId& self, Time now, Step& step);
  void on_time(Time now, Step& step);

  std::optional<Time> wake() const { return retry_at_; }
  // The newest that the guest said since it runs here.
  const std::optional<ports::ContainerState>& container() const { return state_; }

 private:
  enum class Leg { kApart, kSetting, kStarting, kWatching };

  void ask(Step& step) const;
  void tell(ports::GuestCommand command, Step& step) const;
  void note(std::string text, Step& step) const;
  void report(const NodeId& self, Step& step) const;
  void clock_set(const ports::ClockWasSet& set, const NodeId& self, Step& step);
  void failed(const ports::GuestFailed& failed, const NodeId& self, Time now, Step& step);

  const GuestId& guest_;
  Leg leg_ = Leg::kApart;
  ports::Container wanted_;
  std::optional<ports::ContainerState> state_;
  std::optional<Time> retry_at_;
  Duration retry_after_{};
  int sets_ = 0;  // Of the clock, since RESUME.
};

}  // namespace godwit::agent
