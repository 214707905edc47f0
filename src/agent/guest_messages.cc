// What other agents and the control plane say of a guest, as inputs to its machines.
#include <algorithm>
#include <format>
#include <utility>

#include "agent/guest.h"

namespace godwit::agent {

using migration::On;
using migration::Place;

namespace {

// The sender of a message that only the control plane may send.
template <class T>
constexpr bool kFromControl =
    std::is_same_v<T, ports::Order> || std::is_same_v<T, ports::Seal> ||
    std::is_same_v<T, ports::Take> || std::is_same_v<T, ports::AskClear> ||
    std::is_same_v<T, ports::AskReport> || std::is_same_v<T, ports::Move> ||
    std::is_same_v<T, ports::Forget> || std::is_same_v<T, ports::LogsWanted> ||
    std::is_same_v<T, ports::ExecWanted>;

// How many nodes a message may name at most: sender, source or destination, and a set.
std::size_t names_in(const ports::Body& body) {
  return std::visit(
      []<class T>(const T& m) -> std::size_t {
        if constexpr (requires { m.set; }) return 2 + m.set.size();
        return 2;
      },
      body);
}

}  // namespace

void Guest::on_message(const ports::Message& message, Time now, Step& step) {
  if (!inspected_) return;  // It will be repeated.
  if (!make_room(names_in(message.body), step)) return;
  const NodeId& from = message.from;
  const auto of_attempt = [&](On on, const ports::AttemptName& attempt) {
    migration::Input in{.on = on};
    if (from != ports::kControl) in.from = names_.index(from);
    in.attempt = names_.attempt(attempt);
    return in;
  };
  std::visit(
      [&]<class T>(const T& m) {
        if constexpr (kFromControl<T>) {
          if (from == ports::kControl) on_control(m, now, step);
        } else if constexpr (std::is_same_v<T, ports::Prepare>) {
          if (m.attempt.source == from) receive(m, from, now, step);
        } else if constexpr (std::is_same_v<T, ports::Ready>) {
          if (from == journey_.peer) on_ready(m, now, step);
        } else if constexpr (std::is_same_v<T, ports::NotReady>) {
          if (from == journey_.peer && m.attempt == journey_.attempt)
            fail_attempt(std::format("{} cannot receive: {}", from.value, m.why), now, step);
        } else if constexpr (std::is_same_v<T, ports::Switch>) {
          on_switch(m, from, step);
        } else if constexpr (std::is_same_v<T, ports::Switched>) {
          if (from == journey_.peer) on_switched(m, now, step);
        } else if constexpr (std::is_same_v<T, ports::StreamLoaded>) {
          if (from == journey_.peer) apply(of_attempt(On::kLoaded, m.attempt), now, step);
        } else if constexpr (std::is_same_v<T, ports::Cancel>) {
          if (m.attempt.source == from) apply(of_attempt(On::kCancel, m.attempt), now, step);
        } else if constexpr (std::is_same_v<T, ports::Grant>) {
          migration::Input in = of_attempt(On::kGrant, m.attempt);
          in.epoch = {m.epoch.generation, m.epoch.hop};
          in.set = names_.set(m.set);
          if (m.attempt.source == from) granted(m, in, now, step);
        } else if constexpr (std::is_same_v<T, ports::Ack>) {
          migration::Input in{.on = On::kAck};
          if (from != ports::kControl) in.from = names_.index(from);
          in.epoch = {m.epoch.generation, m.epoch.hop};
          apply(in, now, step);
        } else if constexpr (std::is_same_v<T, ports::Refuse>) {
          refuse(m, from, now, step);
        }
      },
      message.body);
}

void Guest::granted(const ports::Grant& m, const migration::Input& in, Time now, Step& step) {
  if (state_.place == Place::kSpare && m.attempt == journey_.attempt) {
    journey_.begun = Time{Duration{m.begun_us}};
    journey_.stopped_at = Time{Duration{m.stopped_us}};
    journey_.bytes = m.bytes;
    journey_.bytes_while_stopped = m.bytes_while_stopped;
  }
  apply(in, now, step);
}

void Guest::on_control(const ports::Body& body, Time now, Step& step) {
  const auto wish = [&](On on, const auto& m) {
    migration::Input in{.on = on, .generation = m.generation};
    if constexpr (requires { m.set; }) in.set = names_.set(m.set);
    apply(in, now, step);
  };
  std::visit(
      [&]<class T>(const T& m) {
        if constexpr (std::is_same_v<T, ports::Order>) {
          wish(On::kOrder, m);
          make_way(m.generation, now, step);
        } else if constexpr (std::is_same_v<T, ports::Seal>) {
          wish(On::kSeal, m);
          hurry(now);
        } else if constexpr (std::is_same_v<T, ports::Take>) {
          take(m, now, step);
        } else if constexpr (std::is_same_v<T, ports::AskClear>) {
          wish(On::kAskClear, m);
        } else if constexpr (std::is_same_v<T, ports::AskReport>) {
          apply({.on = On::kAskReport}, now, step);
          if (inside_.container()) mail(ports::kControl, *inside_.container(), step);
        } else if constexpr (std::is_same_v<T, ports::Move>) {
          move(m, now, step);
        } else if constexpr (std::is_same_v<T, ports::Forget>) {
          wish(On::kForget, m);
        } else if constexpr (std::is_same_v<T, ports::LogsWanted>) {
          read_log(m, step);
        } else if constexpr (std::is_same_v<T, ports::ExecWanted>) {
          exec(m, step);
        }
      },
      body);
}

// A takeover waits. A stream that is whole is loaded in seconds; one whose source is gone never is.
void Guest::hurry(Time now) {
  if (state_.place != Place::kIncoming || state_.seal_waits == 0) return;
  journey_.give_up = std::min(journey_.give_up.value_or(Time::max()), now + config_.sealed_max);
}

void Guest::refuse(const ports::Refuse& m, const NodeId& from, Time now, Step& step) {
  if (state_.record.to == migration::kNoNode || from != names_.name(state_.record.to)) return;
  migration::Input in{.on = On::kRefuse, .from = names_.index(from)};
  in.attempt = names_.attempt(m.attempt);
  in.epoch = {m.epoch.generation, m.epoch.hop};
  const Place before = state_.place;
  apply(in, now, step);
  if (before == Place::kGranted && state_.place != before) place_failed(from, now);
}

void Guest::take(const ports::Take& t, Time now, Step& step) {
  migration::Input in{.on = t.from ? On::kTake : On::kTakeFromNone};
  in.generation = t.generation;
  in.set = names_.set(t.set);
  if (t.from) in.attempt = names_.attempt(*t.from);
  if (!t.from && state_.place == Place::kIdle) {
    machine_ = t.machine;
    container_ = t.container;
  }
  apply(in, now, step);
}

// A wish that can never come true is answered; one that only comes at a bad moment is not: it is
// repeated.
void Guest::move(const ports::Move& m, Time now, Step& step) {
  const char* why = nullptr;
  wish(m.to, now, step);
  if (!here_.fleet.nodes.contains(m.to)) {
    why = "no address of this node is known here";
  } else if (migration::Input in{.on = On::kMove, .to = names_.index(m.to)};
             state_.place != Place::kStill || state_.record.set.contains(in.to)) {
    return apply(in, now, step);
  } else {
    why = "it is not in the guest's set";
  }
  mail(ports::kControl, ports::Moved{.why = std::format("to {}: {}", m.to.value, why)}, step);
}

}  // namespace godwit::agent
