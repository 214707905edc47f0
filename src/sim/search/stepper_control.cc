// What the control plane does, with any of the messages ever sent, and what the vault does.
#include <algorithm>
#include <format>
#include <utility>

#include "base/check.h"
#include "sim/search/stepper.h"

namespace godwit::search {
namespace {

using What = Heard::What;
constexpr int kMoreGenerations = 3;  // What helpful steps may add.

}  // namespace

void Stepper::all() {
  for (Node n = 0; n < kNodes; ++n) inside(n);
  deliveries();
  if (control()) {
    create();
    reports();
    answers();
    vault();
    reach();
  }
  for (Node n = 0; n < kNodes; ++n) {
    wishes_of(n);
    faults_of(n);
  }
  if (control()) orders_and_takeovers();
}

bool Stepper::was_sent(const std::function<bool(const Message&)>& fits) const {
  for (std::size_t i = 0; i < model_.messages_.size(); ++i)
    if (world_.sent.test(i) && fits(model_.messages_[i])) return true;
  return false;
}

bool Stepper::control_row(Transition& out, const ControlInput& input, const StoreRow& row) {
  const ControlOutcome outcome = control_step(rules().control, row, input);
  if (!outcome.row) return false;
  ++model_.taken_[outcome.row->name];
  const StoreRow before = out.next.row;
  for (const ControlDo effect : outcome.effects) {
    if (effect == ControlDo::kWriteRow) {
      out.next.row = outcome.next;
    } else {
      control_sends(out, effect, outcome, input);
    }
  }
  if (out.next.row.reported < before.reported) out.broken = "S5: the newest report grows older";
  return true;
}

void Stepper::control_sends(Transition& out, ControlDo effect, const ControlOutcome& o,
                            const ControlInput&) {
  const StoreRow& row = o.next;
  Message m{.from = kControlPlane, .to = o.to, .generation = row.generation, .set = row.set};
  switch (effect) {
    case ControlDo::kSendOrder:
      m.kind = Kind::kOrder;
      return send(out, m);
    case ControlDo::kSendSeal:
      m.kind = Kind::kSeal;
      for (m.to = 0; m.to < kNodes; ++m.to)
        if (row.reach.contains(m.to)) send(out, m);
      return;
    case ControlDo::kSendTake:
      m.kind = Kind::kTake;
      m.to = row.taker;
      m.copy = row.from;
      m.from_vault = row.from_vault;
      return send(out, m);
    case ControlDo::kSendAck:
      return send(out, {.kind = Kind::kAck, .from = kControlPlane, .to = o.to, .epoch = o.proof});
    case ControlDo::kSendAskClear:
      m.kind = Kind::kAskClear;
      m.set = {};
      return send(out, m);
    default:
      CHECK(false);  // A change of the store row: control_step() has done it.
  }
}

void Stepper::create() {
  if (world_.row.kind != Generation::kNone || !wishes()) return;
  Transition out{world_, {}};
  if (control_row(out, {.ask = Ask::kCreate, .node = 0, .set = bounds().birth_set}, world_.row))
    emit(std::move(out), [] { return std::string("the guest is created on 0"); });
}

void Stepper::orders_and_takeovers() {
  const int most = bounds().generations + (steps_ == Steps::kHelpful ? kMoreGenerations : 0);
  if (static_cast<int>(world_.row.generation) >= most) return;
  for (const NodeSet set : bounds().sets) {
    if (wishes()) {
      Transition out{world_, {}};
      const ControlInput in{.ask = Ask::kOrder, .node = world_.row.holder, .set = set};
      if (control_row(out, in, world_.row))
        emit(std::move(out), [&] { return std::format("control orders the set {:b}", set.bits); });
    }
    Transition out{world_, {}};
    if (control_row(out, {.ask = Ask::kTakeover, .set = set}, world_.row))
      emit(std::move(out),
           [&] { return std::format("control opens a takeover for {:b}", set.bits); });
  }
}

void Stepper::reports() {
  for (std::size_t i = 0; i < model_.messages_.size() && going_; ++i) {
    const Message m = model_.messages_[i];
    if (!world_.sent.test(i) || m.kind != Kind::kReport || m.epoch == Epoch{}) continue;
    Transition out{world_, {}};
    const ControlInput in{.ask = Ask::kReport, .node = m.from, .epoch = m.epoch};
    if (control_row(out, in, world_.row))
      emit(std::move(out), [&] { return std::format("control keeps {}", to_string(m)); });
  }
}

void Stepper::reach() {
  if (!wishes()) return;
  for (Node n = 0; n < kNodes && going_; ++n) {
    if (!world_.row.reach.contains(n)) continue;
    Transition ask{world_, {}};
    if (control_row(ask, {.ask = Ask::kClear, .node = n}, world_.row))
      emit(std::move(ask), [&] { return std::format("control asks {} to be clear", n); });
    std::array<Heard, kNodes> heard{};
    const bool said = was_sent([&](const Message& m) {
      return m.kind == Kind::kClear && m.from == n && m.generation == world_.row.generation;
    });
    if (said) heard[n].what = What::kClear;
    if (world_.nodes[n].dead) heard[n].what = What::kDead;
    Transition out{world_, {}};
    if (control_row(out, {.ask = Ask::kShrink, .node = n, .heard = heard}, world_.row))
      emit(std::move(out), [&] { return std::format("{} leaves the reach", n); });
  }
}

std::array<std::vector<Heard>, kNodes> Stepper::heard_of_all() const {
  std::array<std::vector<Heard>, kNodes> all;
  for (Node n = 0; n < kNodes; ++n) {
    const bool dead = world_.nodes[n].dead || !rules().silence_is_silence;
    const bool skipped = !rules().all_are_asked && n != world_.row.holder;
    all[n].push_back({.what = dead ? What::kDead : skipped ? What::kNot : What::kSilent});
  }
  for (std::size_t i = 0; i < model_.messages_.size(); ++i) {
    const Message& m = model_.messages_[i];
    if (!world_.sent.test(i) || m.to != kControlPlane || m.from >= kNodes) continue;
    if (!faults() && world_.nodes[m.from].dead) continue;
    if (m.kind == Kind::kReport && m.epoch >= world_.row.reported)
      all[m.from].push_back({.what = What::kHolds});
    if (m.generation != world_.row.generation) continue;
    if (m.kind == Kind::kNot) all[m.from].push_back({.what = What::kNot, .copy = m.copy});
    if (m.kind == Kind::kPend)
      all[m.from].push_back({.what = What::kPend, .copy = m.copy, .granted = m.epoch});
  }
  return all;
}

// What the vault's head may be believed to be.
std::vector<VaultView> Stepper::vault_views() const {
  if (bounds().checkpoints == 0) return {{}};
  std::vector<VaultView> views;
  const bool fenced = world_.floor >= world_.row.generation || !rules().vault_is_fenced;
  for (std::size_t i = 0; i < model_.messages_.size(); ++i) {
    const Message& m = model_.messages_[i];
    if (!world_.sent.test(i) || m.kind != Kind::kHead) continue;
    if (m.generation == world_.row.generation) views.push_back({fenced, true, m.copy});
  }
  if (views.empty()) views.push_back({.fenced = fenced, .read = false, .head = {}});
  return views;
}

// Every combination of what was heard; the table says what follows from it.
void Stepper::answers() {
  StoreRow row = world_.row;
  // Without compare-and-set a second control plane still believes in the takeover.
  if (!rules().compare_and_set && row.kind == Generation::kTaken) row.kind = Generation::kTakeover;
  if (row.kind != Generation::kTakeover) return;
  const auto all = heard_of_all();
  const auto views = vault_views();
  std::array<std::size_t, kNodes> pick{};
  for (bool more = true; more && going_;) {
    std::array<Heard, kNodes> heard{};
    for (Node n = 0; n < kNodes; ++n) heard[n] = all[n][pick[n]];
    for (const VaultView& view : views) {
      for (Node n = 0; n < kNodes && going_; ++n) {
        Transition out{world_, {}};
        const ControlInput in{.ask = Ask::kAnswers, .node = n, .heard = heard, .vault = view};
        if (!control_row(out, in, row)) continue;
        emit(std::move(out), [&] {
          return std::format("control decides {}: {}", row.generation, out.next.row.taker);
        });
      }
    }
    more = false;
    for (Node n = 0; n < kNodes && !more; ++n) {
      more = ++pick[n] < all[n].size();
      if (!more) pick[n] = 0;
    }
  }
}

// Fence, when everybody is accounted for, and read; a planted bug does it too early or not at all.
void Stepper::vault() {
  const StoreRow& row = world_.row;
  if (bounds().checkpoints == 0 || row.kind != Generation::kTakeover) return;
  const bool fenced = world_.floor >= row.generation || !rules().vault_is_fenced;
  if (!fenced) {
    const auto all = heard_of_all();
    bool accounted = true;
    for (Node n = 0; n < kNodes; ++n) {
      const auto counts = [](const Heard& h) {
        return h.what == What::kNot || h.what == What::kPend || h.what == What::kDead;
      };
      if (row.reach.contains(n)) accounted = accounted && std::ranges::any_of(all[n], counts);
    }
    if (accounted) {
      Transition out{world_, {}};
      out.next.floor = row.generation;
      emit(std::move(out), [] { return std::string("control fences the vault"); });
    }
  }
  if (!fenced && rules().fence_before_read) return;
  Transition out{world_, {}};
  send(out, {.kind = Kind::kHead,
             .from = kVault,
             .to = kControlPlane,
             .generation = row.generation,
             .copy = world_.head});
  emit(std::move(out), [] { return std::string("control reads the vault's head"); });
}

}  // namespace godwit::search
