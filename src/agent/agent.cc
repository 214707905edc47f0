#include "agent/agent.h"

#include <algorithm>
#include <format>
#include <utility>

namespace godwit::agent {

Agent::Agent(Config config, std::function<std::string()> draw_key)
    : config_(std::move(config)), draw_key_(std::move(draw_key)), images_(config_) {}

Guest& Agent::guest(const GuestId& id) {
  return guests_.try_emplace(id, id, config_, here_, draw_key_).first->second;
}

Step Agent::restart(const std::map<GuestId, ports::GuestRecord>& records, ports::Fleet fleet,
                    Time now) {
  Step step;
  on_fleet(fleet, step);
  if (config_.ask_notice) ask_at_ = now;
  for (const auto& [id, record] : records) guest(id).restore(record, step);
  step.wake = wake();
  return step;
}

Step Agent::on(const Event& event, Time now) {
  Step step;
  std::visit(
      [&]<class T>(const T& e) {
        if constexpr (std::is_same_v<T, ports::Message>) {
          on_message(e, now, step);
        } else if constexpr (std::is_same_v<T, ports::HypervisorEvent>) {
          guest(e.guest).on_hypervisor(e.answer, now, step);
        } else if constexpr (std::is_same_v<T, ports::GuestEvent>) {
          guest(e.guest).on_inside(e.answer, now, step);
        } else if constexpr (std::is_same_v<T, TapMade>) {
          guest(e.guest).on_tap(e, now, step);
        } else if constexpr (std::is_same_v<T, NetworkFailed>) {
          guest(e.guest).on_network_failed(e.error, now, step);
        } else if constexpr (std::is_same_v<T, ports::NoticesEvent>) {
          if (const auto* told = std::get_if<ports::NoticeTold>(&e)) on_notice(*told, now, step);
        } else if constexpr (std::is_same_v<T, ControlAttached>) {
          on_attached(e.attached, step);
        } else if constexpr (std::is_same_v<T, ImageBrought>) {
          if (images_.on_brought(e, now, step)) tell_state(step);
        } else {
          on_time(now, step);
        }
      },
      event);
  escape(now, step);
  const bool tells = !routes_.empty() || std::ranges::any_of(guests_, [](const auto& g) {
    return g.second.ran_at().has_value();
  });
  if (!tells) announce_at_.reset();
  if (tells && !announce_at_) announce_at_ = now + config_.announce;
  step.wake = wake();
  return step;
}

std::optional<Time> Agent::wake() const {
  std::optional<Time> first;
  const auto earlier = [&](const std::optional<Time>& at) {
    if (at && (!first || *at < *first)) first = at;
  };
  for (const auto& at : {announce_at_, ask_at_, escape_at_}) earlier(at);
  earlier(images_.wake());
  for (const auto& [id, guest] : guests_) earlier(guest.wake());
  return first;
}

bool Agent::contradicted() const {
  for (const auto& [id, guest] : guests_)
    if (guest.contradicted()) return true;
  return false;
}

}  // namespace godwit::agent
