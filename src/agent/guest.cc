// The right to run: inputs to the ownership table, and what its rows make the agent do and say.
#include "agent/guest.h"

#include <algorithm>
#include <format>
#include <utility>

namespace godwit::agent {

using migration::Do;
using migration::On;
using migration::Place;

Guest::Guest(GuestId id, const Config& config, const Surroundings& here,
             const std::function<std::string()>& draw_key)
    : id_(std::move(id)),
      config_(config),
      here_(here),
      draw_key_(draw_key),
      names_(config.self),
      inside_(id_) {}

void Guest::restore(const ports::GuestRecord& r, Step& step) {
  migration::Record& record = state_.record;
  record.role = static_cast<migration::Role>(r.role);
  record.epoch = {r.epoch.generation, r.epoch.hop};
  record.held = {r.held.generation, r.held.hop};
  record.sealed = r.sealed;
  record.set = names_.set(r.set);
  record.counter = r.counter;
  if (!r.to.value.empty()) record.to = names_.index(r.to);
  if (!r.attempt.source.value.empty()) record.attempt = names_.attempt(r.attempt);
  machine_ = r.machine;
  container_ = r.container;
  inspected_ = false;
  drive(ports::Inspect{}, step);
}

bool Guest::make_room(std::size_t more, Step& step) {
  if (names_.size() + more <= migration::kNodesMax) return true;
  const ports::Names old = std::exchange(names_, ports::Names{config_.self});
  const auto renumbered = [&](migration::Node& node) {
    if (node != migration::kNoNode) node = names_.index(old.name(node));
  };
  migration::Record& r = state_.record;
  for (migration::Node* node : {&r.to, &r.attempt.source, &state_.to, &state_.attempt.source})
    renumbered(*node);
  r.set = names_.set(old.names(r.set));
  if (names_.size() + more <= migration::kNodesMax) return true;
  step.commands.push_back(Note{
      id_,
      std::format("dropped what names {} more nodes: {} matter already", more, names_.size())});
  return false;
}

ports::GuestRecord Guest::record() const {
  const migration::Record& r = state_.record;
  ports::GuestRecord out;
  out.role = static_cast<ports::RoleName>(r.role);
  out.epoch = epoch_name(r.epoch);
  out.held = epoch_name(r.held);
  out.sealed = r.sealed;
  out.set = names_.names(r.set);
  out.counter = r.counter;
  if (r.to != migration::kNoNode) out.to = names_.name(r.to);
  if (r.attempt.source != migration::kNoNode) out.attempt = names_.attempt_name(r.attempt);
  out.machine = machine_;
  out.container = container_;
  return out;
}

void Guest::apply(migration::Input input, Time now, Step& step) {
  const Place before = state_.place;
  const migration::Outcome out = migration::step(config_.rows, 0, state_, input);
  if (!out.row) return;
  state_ = out.next;
  step.commands.push_back(Note{id_, out.row->name});
  if (before == Place::kStill && state_.place == Place::kPrecopy) {
    journey_ = {.leg = Leg::kAsking,
                .attempt = names_.attempt_name(state_.attempt),
                .peer = names_.name(state_.to),
                .key = draw_key_(),
                .begun = now,
                .give_up = now + (here_.notice ? config_.escape_ready_max : config_.ready_max)};
  }
  for (const Do effect : out.effects) carry_out(effect, input, now, step);
  const bool gave = before == Place::kGranted && state_.place == Place::kDiscarding;
  // After a restart of this agent the other end tells it alone.
  const bool knows = !journey_.attempt.source.value.empty();
  if (gave && knows && (input.on == On::kAck || input.on == On::kPrepare))
    tell_moved(journey_, true, "", {}, step);
  if (state_.place == Place::kDiscarding) journey_.give_up.reset();
  if (state_.place == Place::kIdle || state_.place == Place::kStill) journey_ = {};
  if (state_.place == Place::kIdle) stay();
  const bool waits = state_.place == Place::kGranted || state_.place == Place::kSpare ||
                     (state_.place == Place::kPrecopy && journey_.leg == Leg::kAsking);
  // A message that changes nothing must not put off what is due, nor forget a failed Run or Resume.
  if (before != state_.place) repeat_at_.reset();
  if (waits && !repeat_at_) repeat_at_ = now + config_.repeat;
  follow_inside(before, input.on, step);
  const bool resumed = input.on == On::kRan || input.on == On::kFoundRunning;
  if (state_.place == Place::kStill && (resumed || input.on == On::kOrder)) announce(step);
}

void Guest::carry_out(Do effect, const migration::Input& input, Time now, Step& step) {
  switch (effect) {
    case Do::kWrite:
      return write(step);
    case Do::kStopAgent:
      contradicted_ = true;
      return;
    case Do::kReceive:
      journey_.leg = Leg::kReceiving;
      journey_.give_up = now + config_.receive_max;
      step.commands.push_back(MakeTap{id_, machine_.address, machine_.mac});
      return;
    case Do::kBoot:
      booting_ = true;
      step.commands.push_back(MakeTap{id_, machine_.address, machine_.mac});
      return;
    case Do::kResume:
    case Do::kRun:
    case Do::kFinish:
    case Do::kDiscardAll:
    case Do::kDiscardKeepOverlay:
      return command_qemu(effect, step);
    default:
      return send(effect, input, step);
  }
}

void Guest::command_qemu(Do effect, Step& step) {
  if (effect == Do::kResume || effect == Do::kRun) {
    // The route first: what comes meanwhile waits in the tap.
    step.commands.push_back(RouteToTap{id_, machine_.address});
    if (effect == Do::kResume) return drive(ports::Resume{}, step);
    return drive(ports::Run{}, step);
  }
  if (effect == Do::kFinish) return drive(ports::Finish{}, step);
  if (journey_.leg == Leg::kReceiving || journey_.leg == Leg::kLoaded) leave_for_source(step);
  drive(ports::Discard{.keep_overlay = effect == Do::kDiscardKeepOverlay}, step);
}

std::optional<ports::Spare> Guest::spare() const {
  if (state_.place != Place::kSpare) return std::nullopt;
  return ports::Spare{names_.attempt_name(state_.attempt), epoch_name(state_.source_epoch)};
}

void Guest::send(Do effect, const migration::Input& input, Step& step) {
  const migration::Record& r = state_.record;
  const NodeId from = input.from == migration::kNoNode ? journey_.peer : names_.name(input.from);
  switch (effect) {
    case Do::kSendPrepare:
      if (journey_.leg != Leg::kAsking) return;
      return mail(
          journey_.peer,
          ports::Prepare{journey_.attempt, epoch_name(r.epoch), journey_.key, machine_, container_},
          step);
    case Do::kSendLoaded:
      return mail(names_.name(state_.attempt.source),
                  ports::StreamLoaded{names_.attempt_name(state_.attempt)}, step);
    case Do::kSendCancel:
      return mail(journey_.peer, ports::Cancel{journey_.attempt}, step);
    case Do::kSendGrant:
      journey_.granted = epoch_name(r.epoch);
      return mail(names_.name(r.to),
                  ports::Grant{names_.attempt_name(r.attempt), epoch_name(r.epoch),
                               names_.names(r.set), journey_.begun.time_since_epoch().count(),
                               journey_.stopped_at.time_since_epoch().count(), journey_.bytes,
                               journey_.bytes_while_stopped},
                  step);
    case Do::kSendAck:
      return mail(from, ports::Ack{epoch_name(r.held), config_.self}, step);
    case Do::kSendRefuse:
      if (input.on == On::kDiscarded)
        return mail(journey_.peer,
                    ports::Refuse{journey_.attempt, epoch_name(state_.refused), "cont failed"},
                    step);
      return mail(from,
                  ports::Refuse{names_.attempt_name(input.attempt), epoch_name(input.epoch),
                                input.epoch.generation < r.sealed ? "sealed" : "no such copy"},
                  step);
    case Do::kSendNot:
      return mail(ports::kControl,
                  ports::Not{input.on == On::kSeal ? input.generation : r.sealed, spare()}, step);
    case Do::kSendPend:
      return mail(ports::kControl,
                  ports::Pend{input.generation, names_.attempt_name(r.attempt), epoch_name(r.epoch),
                              names_.name(r.to)},
                  step);
    case Do::kSendClear:
      return mail(ports::kControl, ports::Clear{input.generation}, step);
    case Do::kSendForgotten:
      return forgotten(input.on == On::kForget ? input.generation : r.sealed - 1, step);
    case Do::kSendReport:
      return mail(ports::kControl,
                  ports::Report{static_cast<ports::RoleName>(r.role), epoch_name(r.epoch),
                                epoch_name(r.held), r.counter, spare(), state_.qemu_lost},
                  step);
    default:
      CHECK(false);
  }
}

void Guest::mail(const NodeId& to, ports::Body body, Step& step) const {
  if (to.value.empty()) return;  // Forgotten over a restart; whoever waits repeats and is answered.
  step.commands.push_back(Mail{{id_, config_.self, to, std::move(body)}});
}

void Guest::drive(ports::HypervisorCommand command, Step& step) const {
  step.commands.push_back(Drive{id_, std::move(command)});
}

void Guest::write(Step& step) const { step.writes.push_back({id_, record()}); }

}  // namespace godwit::agent
