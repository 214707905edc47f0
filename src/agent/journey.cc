// The journey of the bytes: mirror, stream, routes. It carries no right to run.
#include <algorithm>
#include <format>
#include <utility>

#include "agent/guest.h"

namespace godwit::agent {

using migration::On;
using migration::Place;

namespace {

// More moves of one guest than happen while a control plane restarts.
constexpr std::size_t kToldMax = 8;

}  // namespace

void Guest::receive(const ports::Prepare& prepare, const NodeId& from, Time now, Step& step) {
  const bool again = state_.place == Place::kIncoming && journey_.attempt == prepare.attempt;
  if (again && journey_.ready.migration_port != 0) return mail(from, journey_.ready, step);
  if (again) return;
  if (state_.place == Place::kIdle) {
    machine_ = prepare.machine;
    container_ = prepare.container;
    journey_ = {.attempt = prepare.attempt, .peer = from, .key = prepare.key};
  }
  migration::Input in{.on = On::kPrepare, .from = names_.index(from)};
  in.attempt = names_.attempt(prepare.attempt);
  in.epoch = {prepare.epoch.generation, prepare.epoch.hop};
  apply(in, now, step);
  if (state_.place != Place::kIdle) return;
  const bool sealed = in.epoch.generation < state_.record.sealed;
  mail(from, ports::NotReady{prepare.attempt, sealed ? "sealed" : "a newer epoch ran here"}, step);
}

void Guest::on_tap(const TapMade& made, Time, Step& step) {
  tap_ = made.tap;
  if (booting_ && state_.place == Place::kBooting) {
    booting_ = false;
    return drive(ports::Boot{machine_, tap_}, step);
  }
  if (state_.place != Place::kIncoming) return;  // Cancelled meanwhile.
  drive(ports::Receive{machine_, tap_, journey_.attempt, epoch_name(state_.source_epoch),
                       journey_.key},
        step);
}

void Guest::on_ready(const ports::Ready& ready, Time, Step& step) {
  if (journey_.leg != Leg::kAsking || ready.attempt != journey_.attempt) return;
  journey_.leg = Leg::kCopying;
  journey_.ready = ready;
  journey_.give_up.reset();  // The hypervisor watches the progress.
  repeat_at_.reset();
  drive(ports::Send{ready.attempt, ready.host, ready.migration_port, ready.disk_port, journey_.key},
        step);
}

void Guest::on_stopped(const ports::Stopped& stopped, Time now, Step& step) {
  if (journey_.leg != Leg::kCopying) return;
  apply({.on = On::kStopped}, now, step);
  journey_.leg = Leg::kClosing;
  journey_.stopped_at = stopped.at;
  journey_.give_up = now + config_.pause_max;
  drive(ports::CloseMirror{}, step);
  mail(journey_.peer, ports::Switch{journey_.attempt}, step);
}

void Guest::on_switch(const ports::Switch& message, const NodeId& from, Step& step) {
  const bool here = state_.place == Place::kIncoming || state_.place == Place::kSpare;
  if (!here || message.attempt != journey_.attempt || from != journey_.peer) return;
  step.commands.push_back(RouteToTap{id_, machine_.address});
  mail(from, ports::Switched{message.attempt}, step);
}

void Guest::on_switched(const ports::Switched& message, Time, Step& step) {
  if (journey_.leg != Leg::kClosing || message.attempt != journey_.attempt) return;
  if (journey_.switched) return;
  journey_.switched = true;
  step.commands.push_back(RouteToNode{id_, machine_.address, journey_.ready.host});
  continue_if_ready(step);
}

void Guest::continue_if_ready(Step& step) {
  if (journey_.leg != Leg::kClosing || !journey_.mirror_closed || !journey_.switched) return;
  journey_.leg = Leg::kContinuing;
  drive(ports::Continue{}, step);
}

void Guest::fail_attempt(const std::string& why, Time now, Step& step) {
  const bool source = state_.place == Place::kPrecopy || state_.place == Place::kStopped;
  if (source) tell_moved(journey_, false, why, {}, step);
  if (source) place_failed(journey_.peer, now);
  if (source) journey_.leg = Leg::kNone;  // A late READY or STOP of it means nothing any more.
  journey_.give_up.reset();
  step.commands.push_back(Note{id_, std::format("attempt failed: {}", why)});
  apply({.on = On::kAttemptFailed}, now, step);
}

void Guest::leave_for_source(Step& step) {
  const auto peer = here_.fleet.nodes.find(journey_.peer);
  if (peer != here_.fleet.nodes.end())
    step.commands.push_back(RouteToNode{id_, machine_.address, peer->second.address});
}

void Guest::on_hypervisor(const ports::HypervisorAnswer& answer, Time now, Step& step) {
  std::visit(
      [&]<class T>(const T& a) {
        if constexpr (std::is_same_v<T, ports::Started>) {
          apply({.on = On::kBooted}, now, step);
        } else if constexpr (std::is_same_v<T, ports::Listening>) {
          if (state_.place != Place::kIncoming) return;
          journey_.ready = {journey_.attempt, config_.address, a.migration_port, a.disk_port};
          mail(journey_.peer, journey_.ready, step);
          drive(ports::Finish{}, step);
        } else if constexpr (std::is_same_v<T, ports::Running>) {
          on_running(a.at, now, step);
        } else if constexpr (std::is_same_v<T, ports::Progress>) {
          journey_.bytes = a.ram_bytes + a.disk_bytes;
        } else if constexpr (std::is_same_v<T, ports::Stopped>) {
          on_stopped(a, now, step);
        } else if constexpr (std::is_same_v<T, ports::MirrorClosed>) {
          journey_.mirror_closed = true;
          continue_if_ready(step);
        } else if constexpr (std::is_same_v<T, ports::Completed>) {
          if (journey_.leg != Leg::kContinuing) return;
          journey_.leg = Leg::kHanding;
          journey_.bytes = std::max(journey_.bytes, a.ram_bytes);
          journey_.bytes_while_stopped = a.bytes_while_stopped;
          apply({.on = On::kStreamDone}, now, step);
        } else if constexpr (std::is_same_v<T, ports::Loaded>) {
          journey_.leg = Leg::kLoaded;
          journey_.give_up.reset();
          apply({.on = On::kLoadedHere}, now, step);
        } else if constexpr (std::is_same_v<T, ports::Discarded>) {
          apply({.on = On::kDiscarded}, now, step);
          if (state_.place == Place::kIdle) step.commands.push_back(RemoveTap{id_});
        } else if constexpr (std::is_same_v<T, ports::Failed>) {
          on_failed(a, now, step);
        } else if constexpr (std::is_same_v<T, ports::Gone>) {
          step.commands.push_back(Note{id_, std::format("QEMU ended: {}", a.how)});
          apply({.on = On::kQemuGone}, now, step);
        } else if constexpr (std::is_same_v<T, ports::Inspected>) {
          on_inspected(a, now, step);
        }
      },
      answer);
}

void Guest::on_running(Time at, Time now, Step& step) {
  const bool arrived = state_.place == Place::kTaken && !journey_.attempt.source.value.empty();
  Journey journey = journey_;
  apply({.on = On::kRan}, now, step);
  journey.granted = epoch_name(state_.record.held);
  if (arrived) tell_moved(journey, true, "", at, step);
}

void Guest::on_failed(const ports::Failed& failed, Time now, Step& step) {
  const std::string why = std::format("{}: {}", failed.command, to_string(failed.error));
  if (failed.command == "Run") {
    step.commands.push_back(Note{id_, why});
    apply({.on = On::kRunFailed}, now, step);
    if (state_.place == Place::kTaken) repeat_at_ = now + 5 * config_.repeat;
    return;
  }
  if (failed.command == "Resume") {
    step.commands.push_back(Note{id_, why});
    repeat_at_ = now + 5 * config_.repeat;
    return;
  }
  if (failed.command == "Receive")
    mail(journey_.peer, ports::NotReady{journey_.attempt, why}, step);
  fail_attempt(why, now, step);
}

void Guest::on_network_failed(const Error& error, Time now, Step& step) {
  const std::string why = std::format("network: {}", to_string(error));
  if (state_.place == Place::kIncoming)
    mail(journey_.peer, ports::NotReady{journey_.attempt, why}, step);
  fail_attempt(why, now, step);
}

void Guest::on_inspected(const ports::Inspected& found, Time now, Step& step) {
  using Qemu = ports::Inspected::Qemu;
  static constexpr std::pair<Qemu, On> kFound[] = {
      {Qemu::kNone, On::kFoundNone},           {Qemu::kRunning, On::kFoundRunning},
      {Qemu::kSending, On::kFoundSending},     {Qemu::kCompleted, On::kFoundCompleted},
      {Qemu::kPrelaunch, On::kFoundPrelaunch}, {Qemu::kIncoming, On::kFoundIncoming},
      {Qemu::kLoaded, On::kFoundLoaded}};
  inspected_ = true;
  migration::Input in;
  for (const auto& [qemu, on] : kFound)
    if (qemu == found.qemu) in.on = on;
  if (found.attempt) {
    in.attempt = names_.attempt(*found.attempt);
    in.epoch = {found.epoch.generation, found.epoch.hop};
    journey_ = {.leg = Leg::kLoaded, .attempt = *found.attempt, .peer = found.attempt->source};
  }
  apply(in, now, step);
  if (found.qemu == Qemu::kNone || state_.place == Place::kDiscarding) send_logs(step);
}

void Guest::on_time(Time now, Step& step) {
  inside_.on_time(now, step);
  if (escape_.again && *escape_.again <= now) escape_.again.reset();
  if (journey_.give_up && *journey_.give_up <= now)
    return fail_attempt("no progress in time", now, step);
  if (!repeat_at_ || *repeat_at_ > now) return;
  repeat_at_ = now + config_.repeat;
  apply({.on = On::kRepeat}, now, step);
}

std::optional<Time> Guest::wake() const {
  std::optional<Time> first;
  for (const std::optional<Time>& at :
       {repeat_at_, journey_.give_up, inside_.wake(), escape_.again})
    if (at && (!first || *at < *first)) first = at;
  return first;
}

void Guest::tell_moved(const Journey& journey, bool done, const std::string& why, Time resumed,
                       Step& step) {
  const ports::Moved story{.attempt = journey.attempt,
                           .done = done,
                           .why = why,
                           .begun_us = journey.begun.time_since_epoch().count(),
                           .stopped_us = journey.stopped_at.time_since_epoch().count(),
                           .resumed_us = resumed.time_since_epoch().count(),
                           .bytes = journey.bytes,
                           .bytes_while_stopped = journey.bytes_while_stopped,
                           .epoch = done ? journey.granted : ports::EpochName{}};
  mail(ports::kControl, story, step);
  if (!done) return;
  told_.push_back(story);
  if (told_.size() > kToldMax) told_.pop_front();
}

void Guest::tell_again(Step& step) const {
  for (const ports::Moved& story : told_) mail(ports::kControl, story, step);
}

}  // namespace godwit::agent
