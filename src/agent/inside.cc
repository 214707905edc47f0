#include "agent/inside.h"

#include <algorithm>
#include <format>
#include <utility>

namespace godwit::agent {
namespace {

// The port itself tries for some 30 s; what fails after that seldom mends within a second.
constexpr Duration kRetryFirst = std::chrono::seconds{1};
constexpr Duration kRetryMax = std::chrono::minutes{1};
// What a guest's clock may be off after a move, and how often it is tried to do better: a host that
// stalls for long in each of so many tries has other troubles.
constexpr Duration kLagMax = std::chrono::milliseconds{100};
constexpr int kSetsMax = 5;

}  // namespace

void Inside::resumed(const std::optional<ports::Container>& container, Step& step) {
  if (!container) return;
  wanted_ = *container;
  leg_ = Leg::kSetting;
  state_.reset();
  retry_at_.reset();
  retry_after_ = kRetryFirst;
  sets_ = 0;
  ask(step);
}

void Inside::left(Step& step) {
  if (leg_ == Leg::kApart) return;
  leg_ = Leg::kApart;
  state_.reset();
  retry_at_.reset();
  tell(ports::Detach{}, step);
}

void Inside::went(const NodeId& to, Step& step) const { tell(ports::SendLogs{to}, step); }

void Inside::ask(Step& step) const {
  if (leg_ != Leg::kApart) tell(ports::Attach{}, step);  // Harmless when it is.
  if (leg_ == Leg::kSetting) tell(ports::SetClock{}, step);
  if (leg_ == Leg::kStarting) tell(ports::StartContainer{wanted_}, step);
}

void Inside::on_answer(const ports::GuestAnswer& answer, const NodeId& self, Time now, Step& step) {
  if (const auto* sent = std::get_if<ports::LogsSent>(&answer))
    return note(std::format("log: all is at {}", sent->to.value), step);
  if (leg_ == Leg::kApart) return;  // Of a guest that has left meanwhile.
  std::visit(
      [&]<class T>(const T& a) {
        if constexpr (std::is_same_v<T, ports::ContainerState>) {
          state_ = a;
          report(self, step);
        } else if constexpr (std::is_same_v<T, ports::ClockWasSet>) {
          clock_set(a, self, step);
        } else if constexpr (std::is_same_v<T, ports::ContainerStarted>) {
          if (leg_ == Leg::kStarting) leg_ = Leg::kWatching;
        } else if constexpr (std::is_same_v<T, ports::GuestFailed>) {
          failed(a, self, now, step);
        } else if constexpr (std::is_same_v<T, ports::LogFailed>) {
          note(std::format("log: {}", to_string(a.error)), step);
        }
      },
      answer);
}

void Inside::clock_set(const ports::ClockWasSet& set, const NodeId& self, Step& step) {
  const ports::ClockSet told{set.behind.count(), set.stepped.count(), set.ahead.count(),
                             set.round_trip.count()};
  note(std::format("clock: was {} us behind, stepped {} us; now {} us ahead, +- {} us",
                   told.behind_us, told.stepped_us, told.ahead_us, told.round_trip_us / 2),
       step);
  step.commands.push_back(Mail{{guest_, self, ports::kControl, told}});
  if (leg_ != Leg::kSetting) return;
  // The message was held up on its way. Ahead is left alone: no clock is set back.
  if (set.ahead < -kLagMax && ++sets_ < kSetsMax) return tell(ports::SetClock{}, step);
  const bool never = !state_ || state_->phase == ports::ContainerPhase::kNone;
  leg_ = never ? Leg::kStarting : Leg::kWatching;
  if (never) tell(ports::StartContainer{wanted_}, step);
}

void Inside::failed(const ports::GuestFailed& failed, const NodeId& self, Time now, Step& step) {
  note(std::format("{}: {}", failed.command, to_string(failed.error)), step);
  const bool ours = (leg_ == Leg::kSetting && failed.command == "SetClock") ||
                    (leg_ == Leg::kStarting && failed.command == "StartContainer");
  if (!ours) return;
  retry_at_ = now + retry_after_;
  retry_after_ = std::min(2 * retry_after_, kRetryMax);
  // The control plane hears why a container does not come up.
  if (!state_) state_.emplace();
  state_->why = std::format("{}: {}", failed.command, failed.error.message);
  report(self, step);
}

void Inside::on_time(Time now, Step& step) {
  if (!retry_at_ || *retry_at_ > now) return;
  retry_at_.reset();
  ask(step);
}

void Inside::tell(ports::GuestCommand command, Step& step) const {
  step.commands.push_back(Tell{guest_, std::move(command)});
}

void Inside::note(std::string text, Step& step) const {
  step.commands.push_back(Note{guest_, std::move(text)});
}

void Inside::report(const NodeId& self, Step& step) const {
  if (state_) step.commands.push_back(Mail{{guest_, self, ports::kControl, *state_}});
}

}  // namespace godwit::agent
