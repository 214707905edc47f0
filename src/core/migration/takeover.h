// The control plane's side of the ownership protocol: who may be asked, ordered or told to take a
// guest, and what is on record before. The agents' side is ownership.h.
//
// One StoreRow per guest, written only by compare-and-set. control_step() looks up the first row of
// the table that fits; it needs nothing but that store row and what was heard, so a control plane
// that restarts, or a second one, goes on from the store row alone.
//
//   kind       what the newest generation is         what is repeated
//   kNone      the guest is not born                  -
//   kOrder     the holder may adopt it                ORDER to the reported holder
//   kTakeover  a question: SEAL to the whole reach    SEAL
//   kTaken     one node, T, may begin at n.0          TAKE to T
//
// A takeover ends in one of four ways: somebody holds (it lives: ORDER), the one node that has
// granted gets its guest back, the newest copy is taken, or there is none and the guest starts
// cold. Before T is told, every node of the reach has promised (NOT n) or is certified dead: so no
// epoch below n.0 can be accepted anywhere, and no older one runs.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "core/migration/ownership.h"

namespace godwit::migration {

// The name of one memory image: which stream of which epoch. Newer is (epoch, number).
struct Cut {
  Epoch epoch;
  Attempt attempt;
  bool operator==(const Cut&) const = default;
};
bool newer(const Cut& a, const Cut& b);

enum class Generation : std::uint8_t { kNone, kOrder, kTakeover, kTaken };

// What the store keeps of a guest for this protocol.
struct StoreRow {
  std::uint32_t generation = 0;
  Generation kind = Generation::kNone;
  NodeSet set;              // S(generation): the only nodes the guest may be on under it.
  NodeSet reach;            // Nodes that could hold the guest or its newest copy.
  Epoch reported;           // The newest report: this epoch ran at ...
  Node holder = kNoNode;    // ... this node.
  Node taker = kNoNode;     // kTaken: T.
  std::optional<Cut> from;  // kTaken: the copy T starts from; none is a cold start.
  bool from_vault = false;  // kTaken: that copy is in the vault, not at T.
  bool operator==(const StoreRow&) const = default;
};

// The newest that a node of the reach said to the current generation, or what is certain of it.
struct Heard {
  enum class What : std::uint8_t { kSilent, kNot, kPend, kHolds, kClear, kDead };
  What what = What::kSilent;
  std::optional<Cut> copy;  // kNot: its spare; kPend: its own, paused since it granted.
  Epoch granted;            // kPend: the epoch it gave away.
};

// Where checkpoints are kept. `fenced` is true once it accepts nothing below generation.0.
struct VaultView {
  bool fenced = true;
  bool read = true;  // `head` was read after that.
  std::optional<Cut> head;
};

enum class Ask : std::uint8_t {
  kCreate,    // A new guest at node, which is in set.
  kReport,    // `epoch` ran at node.
  kOrder,     // Wish: from now on the guest may be on `set`; node is the reported holder.
  kTakeover,  // A holder is certified dead or has lost its QEMU, or a person wants it.
  kAnswers,   // Look at what was heard; node: where to start when no node has the newest copy.
  kRepeat,    // Somebody is overdue.
  kClear,     // Ask node whether it may leave the reach.
  kShrink,    // node may leave the reach.
  kCount
};

struct ControlInput {
  Ask ask = Ask::kRepeat;
  Node node = kNoNode;
  Epoch epoch;
  NodeSet set;
  std::span<const Heard> heard;  // By node; a node beyond its end is silent.
  VaultView vault;
};

enum class ControlGuard : std::uint8_t {
  kNodeInSet,           // in.node is in in.set.
  kNodeIsHolder,        // in.node is the reported holder.
  kReportNewer,         // in.epoch > row.reported.
  kReportAtGeneration,  // The newest report's generation is the row's: whoever runs has adopted it.
  kReportBehind,        // It is not.
  kNotHolder,
  kNotInSet,
  kClearOrDead,   // in.node said CLEAR, or is dead.
  kSomeoneHolds,  // Somebody of the reach says that it holds.
  kPendProven,    // A granted epoch is known to have run: a newer PEND or spare, or the report.
  kAccounted,     // Every node of the reach promised, is dead, or is the only PEND.
  kOnePend,       // There is exactly one PEND.
  kNoPend,        // There is none.
  kVaultFenced,   // And read after that.
  kCopyAtNode,    // The newest copy is the spare of a living node.
  kCopyInVault,   // It is the vault's head.
  kNoCopy,        // There is no whole copy anywhere.
  kNodePromised,  // in.node said NOT, and is in row.set.
};

enum class ControlDo : std::uint8_t {
  // Changes of the store row.
  kNextGeneration,
  kBecomeOrder,
  kBecomeTakeover,
  kAdoptSet,
  kGrowReach,
  kKeepReport,
  kLeaveReach,
  kTakePend,
  kTakeSpare,
  kTakeVault,
  kTakeNone,
  kAddTakerToSet,
  // To be carried out, in this order: the compare-and-set, then messages.
  kWriteRow,
  kSendOrder,  // To row.holder, or to the node that holds.
  kSendSeal,   // To every node of the reach that did not answer.
  kSendTake,   // To row.taker.
  kSendAck,    // To the node whose PEND is proven.
  kSendAskClear,
};

struct ControlRow {
  const char* name;
  std::uint32_t kinds;  // Bits of Generation.
  Ask ask;
  std::vector<ControlGuard> guards;
  std::vector<ControlDo> does;
};

// The shipped table of the control plane.
const std::vector<ControlRow>& control_rows();

struct ControlOutcome {
  const ControlRow* row = nullptr;  // nullptr: nothing changes.
  StoreRow next;
  std::vector<ControlDo> effects;  // kWriteRow and what comes after it, in the row's order.
  Node to = kNoNode;               // Of kSendOrder, kSendAck, kSendAskClear.
  Epoch proof;                     // Of kSendAck: an epoch that ran.
};

ControlOutcome control_step(std::span<const ControlRow> rows, const StoreRow& row,
                            const ControlInput& input);

// The route to a guest, at its gateway and at every peer: a register that only grows.
struct Route {
  Epoch epoch;
  Node node = kNoNode;
  bool operator==(const Route&) const = default;
};
bool replaces(const Route& offered, const Route& current);

}  // namespace godwit::migration
