#include "core/migration/takeover.h"

#include <algorithm>

namespace godwit::migration {
namespace {

using What = Heard::What;

const Heard& heard_of(const ControlInput& in, Node node) {
  static const Heard kSilence;
  return node < in.heard.size() ? in.heard[node] : kSilence;
}

template <class F>
void each_of(NodeSet set, F&& f) {
  for (Node n = 0; n < kNodesMax; ++n)
    if (set.contains(n)) f(n);
}

Node first_that(NodeSet set, const ControlInput& in, What what) {
  Node found = kNoNode;
  each_of(set, [&](Node n) {
    if (found == kNoNode && heard_of(in, n).what == what) found = n;
  });
  return found;
}

int count_of(NodeSet set, const ControlInput& in, What what) {
  int count = 0;
  each_of(set, [&](Node n) { count += heard_of(in, n).what == what ? 1 : 0; });
  return count;
}

// Everybody promised or is dead; a PEND is not counted here.
bool accounted(const StoreRow& row, const ControlInput& in) {
  bool all = true;
  each_of(row.reach, [&](Node n) {
    const What what = heard_of(in, n).what;
    all = all && (what == What::kNot || what == What::kDead || what == What::kPend);
  });
  return all;
}

// The living node whose promised spare is the newest copy of all; none: the vault's, or no copy.
Node newest_spare(const StoreRow& row, const ControlInput& in) {
  std::optional<Cut> best = in.vault.head;
  Node at = kNoNode;
  each_of(row.reach, [&](Node n) {
    const Heard& h = heard_of(in, n);
    if (h.what != What::kNot || !h.copy) return;
    if (best && newer(*best, *h.copy)) return;
    // Of two equal ones a node's own is loaded already.
    best = h.copy;
    at = n;
  });
  return at;
}

// The newest epoch that something heard, or the register, proves to have run.
Epoch newest_proof(const StoreRow& row, const ControlInput& in) {
  Epoch proof = row.reported;
  if (in.vault.head) proof = std::max(proof, in.vault.head->epoch);
  each_of(row.reach, [&](Node n) {
    const Heard& h = heard_of(in, n);
    // A copy was cut from an epoch that ran; who granted x.h had run x.(h-1).
    if (h.copy) proof = std::max(proof, h.copy->epoch);
  });
  return proof;
}

Node proven_pend(const StoreRow& row, const ControlInput& in) {
  const Epoch proof = newest_proof(row, in);
  Node found = kNoNode;
  each_of(row.reach, [&](Node n) {
    const Heard& h = heard_of(in, n);
    if (found == kNoNode && h.what == What::kPend && proof >= h.granted) found = n;
  });
  return found;
}

bool holds(ControlGuard guard, const StoreRow& row, const ControlInput& in) {
  using G = ControlGuard;
  switch (guard) {
    case G::kNodeInSet:
      return in.set.contains(in.node);
    case G::kNodeIsHolder:
      return in.node != kNoNode && in.node == row.holder;
    case G::kReportNewer:
      return in.epoch > row.reported;
    case G::kReportAtGeneration:
      return row.holder != kNoNode && row.reported.generation == row.generation;
    case G::kReportBehind:
      return row.holder == kNoNode || row.reported.generation != row.generation;
    case G::kNotHolder:
      return in.node != row.holder;
    case G::kNotInSet:
      return !row.set.contains(in.node);
    case G::kClearOrDead: {
      const What what = heard_of(in, in.node).what;
      return what == What::kClear || what == What::kDead;
    }
    case G::kSomeoneHolds:
      return first_that(row.reach, in, What::kHolds) != kNoNode;
    case G::kPendProven:
      return proven_pend(row, in) != kNoNode;
    case G::kAccounted:
      return accounted(row, in);
    case G::kOnePend:
      return count_of(row.reach, in, What::kPend) == 1;
    case G::kNoPend:
      return count_of(row.reach, in, What::kPend) == 0;
    case G::kVaultFenced:
      return in.vault.fenced && in.vault.read;
    case G::kCopyAtNode:
      return newest_spare(row, in) != kNoNode;
    case G::kCopyInVault:
      return newest_spare(row, in) == kNoNode && in.vault.head.has_value();
    case G::kNoCopy:
      return newest_spare(row, in) == kNoNode && !in.vault.head;
    case G::kNodePromised:
      return row.set.contains(in.node) && heard_of(in, in.node).what == What::kNot;
  }
  return false;
}

void take(StoreRow& row, Node taker, std::optional<Cut> from, bool vault = false) {
  row.kind = Generation::kTaken;
  row.taker = taker;
  row.from = from;
  row.from_vault = vault;
}

// Changes of the store row; false: something to carry out.
bool change(ControlDo action, StoreRow& row, const ControlInput& in) {
  using D = ControlDo;
  switch (action) {
    case D::kNextGeneration:
      ++row.generation;
      row.taker = kNoNode;
      row.from.reset();
      row.from_vault = false;
      return true;
    case D::kBecomeOrder:
      row.kind = Generation::kOrder;
      return true;
    case D::kBecomeTakeover:
      row.kind = Generation::kTakeover;
      return true;
    case D::kAdoptSet:
      row.set = in.set;
      return true;
    case D::kGrowReach:
      row.reach.bits |= in.set.bits;
      return true;
    case D::kKeepReport:
      row.reported = in.epoch;
      row.holder = in.node;
      return true;
    case D::kLeaveReach:
      row.reach.bits &= ~(1U << in.node);
      return true;
    case D::kTakePend: {
      const Node n = first_that(row.reach, in, What::kPend);
      take(row, n, heard_of(in, n).copy);
      return true;
    }
    case D::kTakeSpare: {
      const Node n = newest_spare(row, in);
      take(row, n, heard_of(in, n).copy);
      return true;
    }
    case D::kTakeVault:
      take(row, in.node, in.vault.head, true);
      return true;
    case D::kTakeNone:
      take(row, in.node, std::nullopt);
      return true;
    case D::kAddTakerToSet:
      row.set = row.set.with(row.taker);
      return true;
    default:
      return false;
  }
}

}  // namespace

bool newer(const Cut& a, const Cut& b) {
  if (a.epoch != b.epoch) return a.epoch > b.epoch;
  return a.attempt.number > b.attempt.number;
}

bool replaces(const Route& offered, const Route& current) { return offered.epoch > current.epoch; }

ControlOutcome control_step(std::span<const ControlRow> rows, const StoreRow& row,
                            const ControlInput& input) {
  for (const ControlRow& candidate : rows) {
    if (candidate.ask != input.ask) continue;
    if (!(candidate.kinds >> static_cast<unsigned>(row.kind) & 1U)) continue;
    const auto met = [&](ControlGuard g) { return holds(g, row, input); };
    if (!std::ranges::all_of(candidate.guards, met)) continue;
    ControlOutcome out{&candidate, row, {}, row.holder, {}};
    if (input.ask == Ask::kAnswers) {
      const Node holder = first_that(row.reach, input, What::kHolds);
      out.to = holder != kNoNode ? holder : proven_pend(row, input);
      out.proof = newest_proof(row, input);
    }
    if (input.ask == Ask::kClear) out.to = input.node;
    for (const ControlDo action : candidate.does)
      if (!change(action, out.next, input)) out.effects.push_back(action);
    return out;
  }
  return {nullptr, row, {}, kNoNode, {}};
}

}  // namespace godwit::migration
