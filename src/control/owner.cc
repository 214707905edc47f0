#include "control/owner.h"

#include <algorithm>
#include <format>
#include <utility>

#include "base/check.h"

namespace godwit::control {

using migration::Ask;
using migration::ControlDo;
using migration::Generation;
using migration::Heard;
using What = migration::Heard::What;

namespace {

// A set is a few nodes (2 to 4 are advised); the spare numbers are for what messages name: sources
// of copies.
constexpr std::size_t kSetMax = 12, kSpareNames = 8;
constexpr Duration kRepeat = std::chrono::milliseconds{500};
// A report may be lost, and nobody repeats one: who runs a guest is asked for now and then.
constexpr Duration kRefresh = std::chrono::seconds{30};

// Between two starts of a guest that fails to start.
constexpr Duration kStartAgain = std::chrono::seconds{1}, kStartAgainMax = std::chrono::seconds{60};

migration::Epoch epoch_of(ports::EpochName e) { return {e.generation, e.hop}; }
ports::EpochName name_of(migration::Epoch e) { return {e.generation, e.hop}; }

}  // namespace

void Owner::restore(const ports::GuestRow& row, Time now) {
  kept_ = row;
  read_row();
  if (!born()) return;
  for (const NodeId& node : dead_)
    if (row.owner.reach.contains(node)) suspect_at_ = now + 3 * kRepeat;
  repeat_at_ = now;  // Whatever was under way is asked for again.
}

// What was heard is forgotten, but for the dead: it is asked for again.
void Owner::read_row() {
  const ports::OwnerRow& o = kept_.owner;
  names_ = {};
  row_ = {};
  heard_.clear();
  row_.generation = o.generation;
  row_.kind = static_cast<Generation>(o.kind);
  row_.set = names_.set(o.set);
  row_.reach = names_.set(o.reach);
  row_.reported = epoch_of(o.reported);
  if (!o.holder.value.empty()) row_.holder = names_.index(o.holder);
  if (!o.taker.value.empty()) row_.taker = names_.index(o.taker);
  if (o.from) row_.from = {epoch_of(o.from->epoch), names_.attempt(o.from->attempt)};
  for (const NodeId& node : o.reach)
    if (dead_.contains(node)) heard_[node] = {.what = What::kDead};
}

// Numbers of nodes that a long life used up come back: the row names all that still matters.
bool Owner::has_room(const ports::NodeNames& set, Step& step) {
  if (set.size() > kSetMax) {
    step.commands.push_back(Refused{
        id_, std::format("{} nodes in its set, at most {}: name fewer", set.size(), kSetMax)});
    return false;
  }
  if (names_.size() + set.size() + kSpareNames > migration::kNodesMax) read_row();
  if (names_.size() + set.size() + kSpareNames <= migration::kNodesMax) return true;
  step.commands.push_back(
      Refused{id_, std::format("{} nodes may still hold it: wait until some are certified dead",
                               kept_.owner.reach.size())});
  return false;
}

void Owner::keep(Step& step) {
  ports::OwnerRow& o = kept_.owner;
  o.generation = row_.generation;
  o.kind = static_cast<ports::GenerationKind>(row_.kind);
  o.set = names_.names(row_.set);
  o.reach = names_.names(row_.reach);
  o.reported = name_of(row_.reported);
  o.holder = row_.holder == migration::kNoNode ? NodeId{} : names_.name(row_.holder);
  o.taker = row_.taker == migration::kNoNode ? NodeId{} : names_.name(row_.taker);
  o.from.reset();
  if (row_.from) o.from = {name_of(row_.from->epoch), names_.attempt_name(row_.from->attempt)};
  step.writes.push_back(ports::GuestWrite{id_, kept_});
}

bool Owner::apply(Ask ask, const NodeId& node, ports::EpochName epoch, const ports::NodeNames& set,
                  Time now, Step& step) {
  migration::ControlInput in{.ask = ask, .epoch = epoch_of(epoch), .set = names_.set(set)};
  if (!node.value.empty()) in.node = names_.index(node);
  std::array<Heard, migration::kNodesMax> heard{};
  for (const NodeId& name : names_.names(row_.reach))
    if (const auto said = heard_.find(name); said != heard_.end())
      heard[names_.index(name)] = said->second;
  in.heard = heard;
  const migration::ControlOutcome out = migration::control_step(rows_, row_, in);
  if (!out.row) return false;
  step.commands.push_back(Note{id_, out.row->name});
  const bool next = out.next.generation != row_.generation;
  row_ = out.next;
  if (next) {
    asked_clear_.clear();
    heard_.clear();
    for (const NodeId& node : names_.names(row_.reach))
      if (dead_.contains(node)) heard_[node] = {.what = What::kDead};
  }
  for (const ControlDo effect : out.effects) carry_out(effect, out, step);
  repeat_at_ = now + pace();
  return true;
}

void Owner::carry_out(ControlDo effect, const migration::ControlOutcome& out, Step& step) {
  const ports::NodeNames set = names_.names(row_.set);
  switch (effect) {
    case ControlDo::kWriteRow:
      return keep(step);
    case ControlDo::kSendOrder:
      if (out.to == migration::kNoNode) return;
      return mail(names_.name(out.to), ports::Order{row_.generation, set}, step);
    case ControlDo::kSendSeal:
      // Also to who said PEND or HOLDS: what follows from that may change its answer.
      for (const NodeId& node : names_.names(row_.reach))
        if (const What said = heard_[node].what; said != What::kNot && said != What::kDead)
          mail(node, ports::Seal{row_.generation, set}, step);
      return;
    case ControlDo::kSendTake: {
      ports::Take take{row_.generation, set, {}, kept_.machine, kept_.container};
      if (row_.from) take.from = names_.attempt_name(row_.from->attempt);
      return mail(names_.name(row_.taker), take, step);
    }
    case ControlDo::kSendAck:
      return mail(names_.name(out.to), ports::Ack{name_of(out.proof), ports::kControl}, step);
    case ControlDo::kSendAskClear:
      return mail(names_.name(out.to), ports::AskClear{row_.generation}, step);
    default:
      CHECK(false);  // A change of the store row: control_step() has done it.
  }
}

void Owner::conceive(ports::GuestRow row, Step& step) {
  CHECK(!born());
  // A guest of this name may have been: its generations are never used again.
  const ports::OwnerRow owner{.generation = kept_.owner.generation};
  kept_ = std::move(row);
  kept_.owner = owner;
  step.writes.push_back(ports::GuestWrite{id_, kept_});
}

void Owner::want(const NodeId& node, const std::string& reason, Step& step) {
  if (kept_.wanted == node && kept_.reason == reason) return;
  kept_.wanted = node;
  kept_.reason = reason;
  step.writes.push_back(ports::GuestWrite{id_, kept_});
}

// --- The end. No order or takeover is begun any more; whoever runs it is stopped by what it is
// told, not by the row. The row stays, with the generation that a guest of this name goes on from.

void Owner::end(Time now, Step& step) {
  if (ending()) return;
  kept_.ended = now;
  for (const NodeId& node : dead_) kept_.owner.reach.erase(node);
  step.writes.push_back(ports::GuestWrite{id_, kept_});
  if (gone()) return become_tombstone(step);
  ask_to_forget(now, step);
}

void Owner::ask_to_forget(Time now, Step& step) {
  for (const NodeId& node : living(kept_.owner.reach))
    mail(node, ports::Forget{kept_.owner.generation}, step);
  repeat_at_ = now + kRepeat;
}

void Owner::on_forgotten(const NodeId& node, Step& step) {
  if (kept_.owner.reach.erase(node) == 0) return;
  step.writes.push_back(ports::GuestWrite{id_, kept_});
  if (gone()) become_tombstone(step);
}

void Owner::become_tombstone(Step& step) {
  kept_.owner = {.generation = kept_.owner.generation};
  read_row();
  repeat_at_.reset();
  suspect_at_.reset();
  step.writes.push_back(ports::GuestWrite{id_, kept_});
}

void Owner::create(const CreateGuest& wish, Time now, Step& step) {
  if (row_.kind != Generation::kNone)
    return step.commands.push_back(Refused{id_, "it exists already"});
  if (!has_room(wish.set, step)) return;
  kept_.machine = wish.machine;
  kept_.container = wish.container;
  if (!apply(Ask::kCreate, wish.node, {}, wish.set, now, step))
    step.commands.push_back(Refused{id_, std::format("{} is not in the set", wish.node.value)});
}

void Owner::allow(const ports::NodeNames& set, Time now, Step& step) {
  if (ending()) return step.commands.push_back(Refused{id_, "it is being deleted"});
  if (set == kept_.owner.set && row_.kind != Generation::kTakeover) return;
  if (!has_room(set, step)) return;
  if (!apply(Ask::kOrder, kept_.owner.holder, {}, set, now, step))
    step.commands.push_back(Refused{id_, "nobody is known to run it"});
}

void Owner::take_over(const ports::NodeNames& set, Time now, Step& step) {
  if (ending()) return step.commands.push_back(Refused{id_, "it is being deleted"});
  const ports::NodeNames targets = living(set);
  const bool under_way =
      row_.kind == Generation::kTakeover && std::ranges::includes(kept_.owner.set, targets);
  if (under_way && !targets.empty()) return;
  if (targets.empty()) return step.commands.push_back(Refused{id_, kNowhereToGo});
  if (!has_room(targets, step)) return;
  apply(Ask::kTakeover, {}, {}, targets, now, step);
  look(now, step);
}

void Owner::move(const NodeId& to, Step& step) {
  if (ending()) return step.commands.push_back(Refused{id_, "it is being deleted"});
  const auto at = holder();
  if (!at) return step.commands.push_back(Refused{id_, "nobody is known to run it"});
  if (!kept_.owner.set.contains(to))
    return step.commands.push_back(
        Refused{id_, std::format("{} is not among its nodes", to.value)});
  mail(*at, ports::Move{to}, step);
}

// What was said to the row's generation; the newest counts, and death is final.
void Owner::hear(const NodeId& from, Heard heard) {
  Heard& known = heard_[from];
  if (known.what != What::kDead) known = heard;
}

void Owner::on_message(const ports::Message& message, Time now, Step& step) {
  const NodeId& from = message.from;
  // Nobody else can hold it: what a stranger, or a node that left the reach, says does not matter.
  if (!kept_.owner.reach.contains(from)) return;
  if (ending()) {
    const auto* forgotten = std::get_if<ports::Forgotten>(&message.body);
    if (forgotten && forgotten->generation >= kept_.owner.generation) on_forgotten(from, step);
    return;
  }
  std::visit(
      [&]<class T>(const T& m) {
        if constexpr (std::is_same_v<T, ports::Report>) {
          on_report(from, m, now, step);
        } else if constexpr (std::is_same_v<T, ports::Not>) {
          if (m.generation != row_.generation || row_.kind != Generation::kTakeover) return;
          Heard heard{.what = What::kNot};
          if (m.spare) heard.copy = {epoch_of(m.spare->epoch), names_.attempt(m.spare->attempt)};
          hear(from, heard);
          look(now, step);
        } else if constexpr (std::is_same_v<T, ports::Pend>) {
          if (m.generation != row_.generation || row_.kind != Generation::kTakeover) return;
          const migration::Epoch granted = epoch_of(m.epoch);
          hear(from, {.what = What::kPend,
                      .copy = migration::Cut{{granted.generation, granted.hop - 1},
                                             names_.attempt(m.attempt)},
                      .granted = granted});
          look(now, step);
        } else if constexpr (std::is_same_v<T, ports::Clear>) {
          if (m.generation != row_.generation) return;
          hear(from, {.what = What::kClear});
          apply(Ask::kShrink, from, {}, {}, now, step);
        }
      },
      message.body);
}

void Owner::on_report(const NodeId& from, const ports::Report& report, Time now, Step& step) {
  if (row_.kind == Generation::kNone) return;
  if (report.role == ports::RoleName::kHolds || report.held > kept_.owner.reported)
    if (report.held.generation > 0) apply(Ask::kReport, from, report.held, {}, now, step);
  const bool holds = report.role == ports::RoleName::kHolds && report.held == report.epoch;
  if (holds && report.held >= kept_.owner.reported) {
    suspect_at_.reset();
    failed_starts_ = 0;
  }
  if (holds && row_.kind == Generation::kTakeover && report.held >= kept_.owner.reported) {
    hear(from, {.what = What::kHolds});
    look(now, step);
  }
  const bool idle = report.role == ports::RoleName::kIdle && row_.kind != Generation::kTakeover;
  if (idle && report.qemu_gone && report.epoch >= kept_.owner.reported) {
    // Nobody has held it since. Its disk is on that node; the reach may have a newer memory.
    lost_at_ = from;
    if (row_.kind == Generation::kTaken && kept_.owner.reported.generation < row_.generation) {
      // It was started there and never ran: the next try waits, for what failed may take its time.
      if (suspect_at_) return;
      suspect_at_ = now + std::min<Duration>(kStartAgainMax, kStartAgain * (1 << failed_starts_));
      failed_starts_ = std::min(failed_starts_ + 1, 8);
      step.commands.push_back(Note{id_, std::format("could not be started on {}", from.value)});
      return;
    }
    take_over(kept_.owner.set, now, step);
  } else if (idle && from == kept_.owner.taker && lacks_copy(report)) {
    take_over(kept_.owner.set, now, step);
  } else if (idle && !suspect_at_ && (from == kept_.owner.holder || took(from, report))) {
    suspect(now, step);  // It passed the guest on, or lost it: the next holder's report may come.
  } else if (report.role == ports::RoleName::kGranted && !suspect_at_ &&
             from == kept_.owner.holder && reaches_dead()) {
    suspect(now, step);  // It may have granted to the dead, after it said that it holds.
  }
  shrink(now, step);
}

// The taker has acted on the TAKE.
bool Owner::took(const NodeId& node, const ports::Report& report) const {
  return row_.kind == Generation::kTaken && node == kept_.owner.taker &&
         report.epoch.generation == row_.generation;
}

// The taker has lost the copy that it is told to start from.
bool Owner::lacks_copy(const ports::Report& report) const {
  if (row_.kind != Generation::kTaken || !row_.from || report.epoch.generation >= row_.generation)
    return false;
  return !report.spare || report.spare->attempt != names_.attempt_name(row_.from->attempt);
}

// What follows from what was heard: the table decides. Cold start: where its disk is, else the
// first living node of the set that has promised.
void Owner::look(Time now, Step& step) {
  if (row_.kind != Generation::kTakeover) return;
  std::vector<NodeId> starts;
  if (lost_at_) starts.push_back(*lost_at_);
  for (const NodeId& node : living(kept_.owner.set)) starts.push_back(node);
  for (const NodeId& node : starts)
    if (apply(Ask::kAnswers, node, {}, {}, now, step)) return;
}

// Nodes that cannot matter any more leave the reach, or a takeover would wait for them.
void Owner::shrink(Time now, Step& step) {
  for (const NodeId& node : names_.names(row_.reach)) {
    if (heard_[node].what == What::kDead) {
      apply(Ask::kShrink, node, {}, {}, now, step);
    } else if (!std::exchange(asked_clear_[node], true)) {
      if (!apply(Ask::kClear, node, {}, {}, now, step)) asked_clear_[node] = false;
    }
  }
}

void Owner::on_death(const NodeId& node, Time now, Step& step) {
  if (!kept_.owner.reach.contains(node)) return;
  if (ending()) return on_forgotten(node, step);
  heard_[node] = {.what = What::kDead};
  if (lost_at_ == node) lost_at_.reset();
  if (row_.kind == Generation::kTakeover) {
    // Nobody is left to start on.
    if (living(kept_.owner.set).empty()) repeat_at_ = now + kRepeat;
    return look(now, step);
  }
  const bool taker = row_.kind == Generation::kTaken && kept_.owner.taker == node && !settled();
  if (node == kept_.owner.holder || taker) return take_over(kept_.owner.set, now, step);
  suspect(now, step);
  shrink(now, step);
}

// The known holder may hold it no more, or a node died that may have got it since: who runs it is
// asked for, and a takeover follows if nobody says so.
void Owner::suspect(Time now, Step& step) {
  suspect_at_ = now + 3 * kRepeat;
  repeat_at_ = now + kRepeat;
  for (const NodeId& other : living(kept_.owner.reach)) mail(other, ports::AskReport{}, step);
}

void Owner::on_time(Time now, Step& step) {
  if (!repeat_at_ || *repeat_at_ > now) return;
  if (ending()) return gone() ? repeat_at_.reset() : ask_to_forget(now, step);
  repeat_at_ = now + kRepeat;
  if (suspect_at_ && *suspect_at_ <= now) {
    suspect_at_.reset();
    return take_over(kept_.owner.set, now, step);
  }
  for (const NodeId& other : living(kept_.owner.reach)) mail(other, ports::AskReport{}, step);
  apply(Ask::kRepeat, {}, {}, {}, now, step);
  look(now, step);
  if (row_.kind == Generation::kTakeover && living(kept_.owner.set).empty())
    step.commands.push_back(Refused{id_, kNowhereToGo});
  repeat_at_ = now + pace();
}

std::optional<NodeId> Owner::holder() const {
  if (row_.holder == migration::kNoNode || dead_.contains(kept_.owner.holder)) return std::nullopt;
  return kept_.owner.holder;
}

bool Owner::reaches_dead() const { return living(kept_.owner.reach) != kept_.owner.reach; }

// A holder that has a move under way to a node that died may be about to grant.
Duration Owner::pace() const {
  return settled() && !suspect_at_ && !reaches_dead() ? kRefresh : kRepeat;
}

bool Owner::settled() const {
  return row_.kind != Generation::kTakeover && row_.reported.generation == row_.generation &&
         holder().has_value();
}

ports::NodeNames Owner::living(const ports::NodeNames& nodes) const {
  ports::NodeNames alive;
  for (const NodeId& node : nodes)
    if (!dead_.contains(node)) alive.insert(node);
  return alive;
}

void Owner::mail(const NodeId& to, ports::Body body, Step& step) const {
  step.commands.push_back(Mail{{id_, ports::kControl, to, std::move(body)}});
}

}  // namespace godwit::control
