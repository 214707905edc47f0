#include "agent/agent.h"

#include <utility>

namespace godwit::agent {

Agent::Agent(Config config, std::function<std::string()> draw_key)
    : config_(std::move(config)), draw_key_(std::move(draw_key)) {}

Guest& Agent::guest(const GuestId& id) {
  return guests_.try_emplace(id, id, config_, draw_key_).first->second;
}

Step Agent::restart(const std::map<GuestId, ports::GuestRecord>& records, Time) {
  Step step;
  for (const auto& [id, record] : records) guest(id).restore(record, step);
  step.wake = wake();
  return step;
}

Step Agent::on(const Event& event, Time now) {
  Step step;
  std::visit(
      [&]<class T>(const T& e) {
        if constexpr (std::is_same_v<T, ports::Message>) {
          if (!e.guest.value.empty()) guest(e.guest).on_message(e, now, step);
        } else if constexpr (std::is_same_v<T, ports::HypervisorEvent>) {
          guest(e.guest).on_hypervisor(e.answer, now, step);
        } else if constexpr (std::is_same_v<T, ports::GuestEvent>) {
          guest(e.guest).on_inside(e.answer, now, step);
        } else if constexpr (std::is_same_v<T, TapMade>) {
          guest(e.guest).on_tap(e, now, step);
        } else if constexpr (std::is_same_v<T, NetworkFailed>) {
          guest(e.guest).on_network_failed(e.error, now, step);
        } else {
          for (auto& [id, guest] : guests_) guest.on_time(now, step);
        }
      },
      event);
  step.wake = wake();
  return step;
}

std::optional<Time> Agent::wake() const {
  std::optional<Time> first;
  for (const auto& [id, guest] : guests_)
    if (const auto at = guest.wake(); at && (!first || *at < *first)) first = at;
  return first;
}

bool Agent::contradicted() const {
  for (const auto& [id, guest] : guests_)
    if (guest.contradicted()) return true;
  return false;
}

}  // namespace godwit::agent
