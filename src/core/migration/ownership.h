// Who may run a guest: the right to run is a token that passes from node to node, and this is its
// table.
//
// One State per guest and node. step() looks up the first row that fits the place, the input and
// all its guards, and returns what follows; an input that fits no row changes nothing. Rows are
// data: the agent runs the shipped table, the exhaustive search (src/sim/search) explores the same,
// and a planted bug is a changed copy. Nodes are small integers and sets are bits; names are mapped
// by the agent.
//
// The one thing that must hold: at most one node runs the guest. Before kRecordGrant every failure
// resumes the source; after it the source never runs the guest again unless the destination
// refused, on record; in between nobody runs.
//
//   source                               who runs     destination
//   kStill     holds, runs, no attempt   source       kIdle      no copy
//   kPrecopy   holds, runs, sends        source       kIncoming  a stream arrives
//   kStopped   holds, paused, sends      nobody       kSpare     whole, paused
//   kResuming  holds, to run again       (source)     kTaken     holds, told to run
//   kGranted   gave the token away       nobody, then destination
//   kUnaccepting  could not run it: kills its QEMU, then refuses
//   kDiscarding   its copy is being killed: answers SEAL, GRANT and PREPARE only after that
//   kBooting   holds, cold start under way
#pragma once

#include <compare>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

namespace godwit::migration {

using Node = std::uint8_t;
inline constexpr std::size_t kNodesMax = 32;
inline constexpr Node kNoNode = 255;

struct NodeSet {
  std::uint32_t bits = 0;
  bool contains(Node n) const { return n < kNodesMax && (bits >> n & 1U); }
  NodeSet with(Node n) const { return {bits | 1U << n}; }
  auto operator<=>(const NodeSet&) const = default;
};

// generation.hop, compared in this order. A hand-over adds one hop; an order or a takeover starts
// the next generation.
struct Epoch {
  std::uint32_t generation = 0;
  std::uint32_t hop = 0;
  auto operator<=>(const Epoch&) const = default;
  Epoch next() const { return {generation, hop + 1}; }
};

// One outgoing stream of `source`; the number comes from its recorded counter and is never used
// again.
struct Attempt {
  Node source = kNoNode;
  std::uint32_t number = 0;
  bool operator==(const Attempt&) const = default;
};

enum class Role : std::uint8_t { kIdle, kHolds, kGranted };

// What the agent has written down. As durable as the memory it speaks of: it survives the agent,
// not a reboot.
struct Record {
  Role role = Role::kIdle;
  Epoch epoch;                // Of the role; when idle, the highest one accepted or granted here.
  Epoch held;                 // The highest epoch that ran here.
  std::uint32_t sealed = 0;   // The lowest generation that may still be accepted.
  NodeSet set;                // The only nodes the guest may be on in the epoch's generation.
  std::uint32_t counter = 0;  // Of outgoing streams.
  Node to = kNoNode;          // When granted.
  Attempt attempt;            // When granted.
  bool operator==(const Record&) const = default;
};

enum class Place : std::uint8_t {
  kIdle,
  kStill,
  kPrecopy,
  kStopped,
  kResuming,
  kGranted,
  kIncoming,
  kSpare,
  kTaken,
  kUnaccepting,
  kDiscarding,
  kBooting,
  kCount
};

struct State {
  Record record;
  Place place = Place::kIdle;
  Attempt attempt;            // Under way at the source, or of the copy at the destination.
  Node to = kNoNode;          // Where the attempt under way goes.
  Epoch source_epoch;         // Destination: the epoch whose memory the copy is.
  bool stream_done = false;   // Source: QEMU completed and the mirror closed without error.
  bool loaded_heard = false;  // Source: LOADED of this attempt came.
  bool accepted_fresh =
      false;  // Destination: accepted by this run of the agent, so a failing `cont` may be undone.
  Epoch before_accept;        // record.epoch before the acceptance, to undo it.
  Epoch refused;              // The epoch that REFUSE names after an undone acceptance.
  std::uint32_t forgets = 0;  // Deleted: this generation is sealed once QEMU is dead.
  std::uint32_t seal_waits =
      0;                   // A SEAL that came while a stream arrives: answered when that ends.
  bool qemu_lost = false;  // This node held the guest when its QEMU ended.
  bool operator==(const State&) const = default;
};

enum class On : std::uint8_t {
  // What happens here.
  kMove,           // Leave for input.to.
  kCheckpoint,     // Cut a checkpoint. No row yet: it comes with the vault.
  kStopped,        // QEMU stopped the guest to send the rest.
  kStreamDone,     // QEMU `completed`, the mirror ended, its error empty.
  kAttemptFailed,  // Anything in the attempt failed or took too long; at the destination, the
                   // stream broke.
  kLoadedHere,     // The stream is in, the export gone, the image active.
  kBooted,         // A cold start's QEMU waits to run.
  kRan,            // QEMU's RESUME was seen.
  kRunFailed,      // `cont` failed.
  kDiscarded,      // QEMU is gone as asked.
  kQemuGone,       // QEMU ended unasked.
  kRepeat,         // An answer is overdue.
  // What the QEMU was found to be after the agent's restart.
  kFoundNone,
  kFoundRunning,
  kFoundSending,
  kFoundCompleted,
  kFoundPrelaunch,
  kFoundIncoming,
  kFoundLoaded,
  // Messages.
  kPrepare,
  kLoaded,
  kCancel,
  kGrant,
  kAck,
  kRefuse,
  kOrder,
  kSeal,
  kTake,
  kTakeFromNone,
  kAskClear,
  kAskReport,
  kForget,
  kCount
};

struct Input {
  On on = On::kRepeat;
  Node from = kNoNode;  // Sender of a message.
  Node to = kNoNode;    // kMove.
  Attempt attempt;      // Also the copy that kTake starts from.
  Epoch epoch;
  std::uint32_t generation = 0;
  NodeSet set;
};

// A row applies only if each of its guards holds. `in` is the input, `rec` the record.
enum class Guard : std::uint8_t {
  kToInSet,          // in.to is in rec.set and is not this node.
  kGenerationNewer,  // in.generation > rec.epoch.generation.
  kGenerationOld,    // in.generation <= rec.epoch.generation.
  kAttempt,          // in.attempt is the state's.
  kOtherAttempt,     // It is not.
  kStreamDone,
  kStreamNotDone,
  kLoadedHeard,
  kLoadedNotHeard,
  kProof,           // in.epoch >= rec.epoch: that epoch ran, so the grant was accepted.
  kGrantedEpoch,    // in.epoch == rec.epoch.
  kGrantedAttempt,  // in.attempt == rec.attempt.
  kNotSealed,       // in.epoch.generation >= rec.sealed.
  kSealed,          // in.epoch.generation < rec.sealed.
  kAboveHeld,       // in.epoch > rec.held.
  kAtMostHeld,      // in.epoch <= rec.held.
  kNotAccepted,     // in.epoch > rec.epoch: it was never accepted here.
  kSelfInSet,       // This node is in in.set.
  kNewerCut,        // (in.epoch, in.attempt.number) is newer than the copy's.
  kRanElsewhere,    // in.epoch > source_epoch: the copy is out of date.
  kMaySeal,         // in.generation >= rec.sealed and > rec.held.generation.
  kCovers,          // in.generation >= rec.sealed, rec.epoch.generation and rec.held.generation.
  kForgotten,       // in.generation < rec.sealed.
  kForgets,         // forgets is not 0.
  kSealWaits,
  kNoSealWaits,
  kFresh,  // accepted_fresh.
  kRoleIdle,
  kRoleHolds,
  kRoleGranted,
};

enum class Do : std::uint8_t {
  // Changes of the state; nothing to carry out.
  kCountUp,
  kAdoptOrder,
  kRecordGrant,
  kUngrant,
  kAccept,
  kUnaccept,
  kRecordHeld,
  kRecordSeal,
  kRecordTake,
  kRecordForget,
  kBecomeIdle,
  kLose,
  kStartAttempt,
  kDropAttempt,
  kTakeCopy,
  kDropCopy,
  kMarkStreamDone,
  kMarkLoaded,
  kSealLater,
  kSealNow,
  kForgetLater,
  kForget,
  // To be carried out, in this order: record writes, commands to QEMU, messages.
  kWrite,
  kResume,
  kRun,
  kDiscardKeepOverlay,
  kDiscardAll,
  kReceive,
  kFinish,
  kBoot,
  kStopAgent,  // The record and QEMU contradict each other: exit and say so, every QEMU untouched.
  kSendPrepare,
  kSendLoaded,
  kSendCancel,
  kSendGrant,
  kSendAck,
  kSendRefuse,
  kSendNot,
  kSendPend,
  kSendClear,
  kSendReport,
  kSendForgotten,
  kSendCheckpoint,  // No row yet.
};

struct Row {
  const char* name;
  std::uint32_t places;  // Bits of Place.
  On on;
  std::vector<Guard> guards;
  std::vector<Do> does;
  Place next = Place::kCount;  // kCount: stays where it is.
};

// The shipped table of an agent: sections "source", "destination", "takeover" and "restart".
const std::vector<Row>& agent_rows();

struct Outcome {
  const Row* row = nullptr;  // nullptr: nothing changes.
  State next;
  std::vector<Do> effects;  // kWrite and what comes after it in Do, in the row's order.
};

Outcome step(std::span<const Row> rows, Node self, const State& state, const Input& input);

const char* name(Place place);
const char* name(On on);

}  // namespace godwit::migration
