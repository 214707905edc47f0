// The agent as a node among others: what it knows of them, what it says of itself, and how it gets
// its guests away.
#include <algorithm>
#include <format>
#include <vector>

#include "agent/agent.h"
#include "core/fleet/room.h"

namespace godwit::agent {

void Agent::on_message(const ports::Message& message, Time now, Step& step) {
  if (message.guest.value.empty()) {
    const auto* fleet = std::get_if<ports::Fleet>(&message.body);
    if (fleet && message.from == ports::kControl) on_fleet(*fleet, step);
    const auto* images = std::get_if<ports::ImagesWanted>(&message.body);
    if (images && message.from == ports::kControl && images_.want(images->sha256, now, step))
      tell_state(step);
    return;
  }
  if (const auto* route = std::get_if<ports::RouteAt>(&message.body))
    return on_route(message, *route, now, step);
  if (const auto* prepare = std::get_if<ports::Prepare>(&message.body)) {
    if (const auto why = refusal(message.guest, *prepare)) {
      step.commands.push_back(Mail{
          {message.guest, config_.self, message.from, ports::NotReady{prepare->attempt, *why}}});
      return;
    }
  }
  guest(message.guest).on_message(message, now, step);
}

void Agent::on_fleet(const ports::Fleet& fleet, Step& step) {
  here_.fleet = fleet;
  step.commands.push_back(SetFleet{fleet});
}

// A guest that is anywhere but idle here has been let in, or must hear of it: PREPARE may be the
// proof that the epoch it was granted has run.
std::optional<std::string> Agent::refusal(const GuestId& id, const ports::Prepare& prepare) const {
  std::uint64_t taken = fleet::room_mib(prepare.machine.memory_mib);
  for (const auto& [other, guest] : guests_) {
    const bool idle = guest.inspected() && guest.state().place == migration::Place::kIdle;
    if (other == id && !idle) return std::nullopt;
    if (!idle) taken += fleet::room_mib(guest.machine().memory_mib);
  }
  if (here_.notice) return std::format("{} is to go itself", config_.self.value);
  if (config_.memory_mib > 0 && taken > config_.memory_mib)
    return std::format("no room: {} MiB would be taken of {}", taken, config_.memory_mib);
  return std::nullopt;
}

void Agent::on_route(const ports::Message& message, const ports::RouteAt& told, Time now,
                     Step& step) {
  const auto known = routes_.find(message.guest);
  if (known != routes_.end() && told.epoch < known->second.epoch) return;
  const bool same = known != routes_.end() && known->second.epoch == told.epoch &&
                    known->second.node_address == told.node_address;
  const auto at = guests_.find(message.guest);
  if (at != guests_.end() && !at->second.route_told(message, told, now, step)) {
    routes_.erase(message.guest);
    return;
  }
  routes_[message.guest] = {told.address, told.node_address, told.epoch, now};
  // A guest that was here has set routes of its own meanwhile.
  if (same && at == guests_.end()) return;
  step.commands.push_back(RouteToNode{message.guest, told.address, told.node_address});
}

void Agent::on_notice(const ports::NoticeTold& told, Time now, Step& step) {
  std::optional<Time> at;
  std::string why;
  if (!told.notice && told.notice.error().code == Code::kDataLoss) {
    // Something was said that cannot be read: it may be a notice, of any moment.
    at = here_.notice.value_or(now);
    why = told.notice.error().message;
  } else if (!told.notice) {
    return;  // Asked again.
  } else if (*told.notice) {
    using Action = ports::InterruptionNotice::Action;
    const Action action = (*told.notice)->action;
    at = (*told.notice)->at;
    why = action == Action::kTerminate ? "terminate"
          : action == Action::kStop    ? "stop"
                                       : "hibernate";
  }
  if (at == here_.notice && why == here_.notice_why) return;
  if (at && !here_.notice && here_.attached) escape_at_ = now + config_.escape_wait;
  if (!at) {
    escape_at_.reset();
    for (auto& [id, guest] : guests_) guest.stay();
  }
  here_.notice = at;
  here_.notice_why = why;
  step.commands.push_back(
      Note{{},
           at ? std::format("notice: {}, {} s from now", why,
                            std::chrono::floor<std::chrono::seconds>(*at - now).count())
              : "notice withdrawn"});
  tell_state(step);
}

void Agent::on_attached(bool attached, Step& step) {
  here_.attached = attached;
  if (!attached) return;
  tell_state(step);
  for (const auto& [id, guest] : guests_) guest.tell_again(step);
}

void Agent::tell_state(Step& step) const {
  step.commands.push_back(Mail{{{},
                                config_.self,
                                ports::kControl,
                                ports::NodeState{.boot_id = config_.boot_id,
                                                 .address = config_.address,
                                                 .port = config_.port,
                                                 .memory_mib = config_.memory_mib,
                                                 .vcpus = config_.vcpus,
                                                 .notice = here_.notice,
                                                 .notice_why = here_.notice_why,
                                                 .images = images_.here()}}});
}

void Agent::on_time(Time now, Step& step) {
  for (auto& [id, guest] : guests_) guest.on_time(now, step);
  images_.on_time(now, step);
  if (ask_at_ && *ask_at_ <= now) {
    ask_at_ = now + *config_.ask_notice;
    step.commands.push_back(AskNotice{});
  }
  if (escape_at_ && *escape_at_ <= now) escape_at_.reset();
  if (!announce_at_ || *announce_at_ > now) return;
  announce_at_.reset();
  for (auto& [id, guest] : guests_) guest.announce(step);
  std::erase_if(routes_, [&](const auto& entry) {
    const auto& [id, route] = entry;
    if (route.heard + config_.route_max > now) return false;
    // Told before the guest came here: its way leads to its tap by now.
    const auto here = guests_.find(id);
    if (here != guests_.end() && !here->second.is_elsewhere()) return true;
    step.commands.push_back(RemoveRoute{id, route.address});
    return true;
  });
}

// Whoever has tried least goes first, so that a guest without a place does not keep others waiting.
void Agent::escape(Time now, Step& step) {
  if (!here_.notice || escape_at_) return;
  std::size_t under_way = 0;
  std::vector<Guest*> waiting;
  for (auto& [id, guest] : guests_) {
    if (guest.leaves()) ++under_way;
    if (guest.may_leave(now)) waiting.push_back(&guest);
  }
  std::ranges::stable_sort(waiting, {}, &Guest::tries);
  for (Guest* guest : waiting) {
    if (under_way >= config_.escapes_max) return;
    guest->leave(now, step);
    ++under_way;
  }
}

}  // namespace godwit::agent
