// What users ask of the control plane, and what it shows them. The wire form is api/godwit/v1; the
// edge turns it into these and back, so nothing here depends on how it travels.
//
// A request is offered to the loop with a number; the control plane answers that number exactly
// once, at once or when what was asked is done. The asker may be gone by then: that is the edge's
// affair. Views are what is known now; they are never read back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/money.h"
#include "base/time.h"
#include "ports/container.h"
#include "ports/group_spec.h"
#include "ports/machine.h"

namespace godwit::ports {

// --- Views ---------------------------------------------------------------------------------------

enum class GuestPhase {
  kPending,   // Wanted; nobody runs it yet, or nobody can.
  kStarting,  // A node was told to run it.
  kRunning,
  kMoving,    // Runs, and a move is under way.
  kLost,      // Its holder is silent or dead; a takeover is being prepared.
  kStopping,  // Deleted; still somewhere.
};

struct GuestView {
  GuestId guest;
  std::optional<GroupId> group;
  GuestPhase phase = GuestPhase::kPending;
  std::optional<NodeId> node;    // Runs here, as far as is known.
  std::optional<NodeId> moving;  // kMoving: to here.
  std::string address;           // IPv4, its own for life; empty before it has one.
  std::string image_sha256;
  std::uint32_t memory_mib = 0;
  std::uint32_t vcpus = 0;
  std::uint32_t generation = 0, hop = 0;  // The epoch that was reported last.
  std::optional<ContainerState> container;
  MicroUsdPerHour share{};  // Of its node's rate; 0 while it is on none.
  std::string why;          // Of the phase, in a sentence; may be empty.
  // Where it shall go or may have to, and cannot yet: its image is being brought there.
  std::vector<NodeId> preparing;
  bool operator==(const GuestView&) const = default;
};

enum class NodePhase { kJoining, kReady, kCordoned, kDraining, kDead };

struct NodeView {
  NodeId node;
  NodePhase phase = NodePhase::kJoining;
  bool attached = false;  // Its agent is connected now.
  std::string address;    // Underlay.
  std::string cloud, region, zone, instance_type;
  bool spot = false;
  std::uint32_t memory_mib = 0, memory_mib_free = 0;  // That guests can have; 0: not reported.
  std::uint32_t vcpus = 0;
  MicroUsdPerHour rate{};  // What it costs now; 0: not known.
  std::vector<GuestId> guests;
  std::optional<Time> notice;      // The cloud has said that it ends the instance then.
  std::vector<GuestId> preparing;  // Guests that cannot come yet: their image is being brought.
  bool operator==(const NodeView&) const = default;
};

struct GroupView {
  GroupSpec spec;
  std::uint32_t running = 0;   // Of spec.count.
  std::uint32_t healthy = 0;   // Running and not unhealthy.
  std::uint64_t revision = 0;  // Of the spec: 1 at the first apply, counted at each change.
  std::vector<GuestId> guests;
  bool operator==(const GroupView&) const = default;
};

// Something that happened, for people: `explain` and `describe` show it. The journal is bounded.
struct EventView {
  std::uint64_t number = 0;  // Ascending.
  Time at{};
  // What it is about; each may be absent.
  std::optional<GroupId> group;
  std::optional<GuestId> guest;
  std::optional<NodeId> node;
  std::string reason;  // One word: "notice", "cheaper", "manual", "refused".
  std::string text;    // A sentence with names and numbers.
  bool operator==(const EventView&) const = default;
};

// What a drain does, or would do.
struct DrainMove {
  GuestId guest;
  std::optional<NodeId> to;  // nullopt: no place is known; `why` says what is missing.
  std::string why;
  bool operator==(const DrainMove&) const = default;
};
struct DrainView {
  NodeId node;
  std::vector<DrainMove> moves;
  bool operator==(const DrainView&) const = default;
};

// One addend of a decision, in dollars over its stay; negative is a gain.
struct Term {
  std::string name;
  double usd = 0;
  bool operator==(const Term&) const = default;
};
// An alternative, why it was not taken, and what it would have come to.
struct Rejected {
  std::string what, why;
  double usd = 0;
  bool operator==(const Rejected&) const = default;
};

// A change of place of one guest: ordered, under way, or over. Kept in a bounded history.
struct MoveView {
  enum class State { kUnderWay, kDone, kFailed };
  std::uint64_t number = 0;  // Ascending, from 1.
  GuestId guest;
  // One word: cheaper, notice, max-price, capacity, return, drain, manual, consolidate, rebalance,
  // loss.
  std::string reason;
  NodeId source, destination;
  bool live = true;  // false: a restart; the memory is lost.
  State state = State::kUnderWay;
  Time began{};
  std::optional<Time> ended;  // Not while it is under way.
  // STOP at the source and RESUME at the destination: QEMU's timestamps, microseconds since the
  // epoch; 0: not seen. Their difference is the downtime.
  std::int64_t stopped_us = 0, resumed_us = 0;
  std::uint64_t bytes = 0, bytes_while_stopped = 0;  // Sent, of memory and disk.
  std::string why;                                   // Of the decision or the failure, a sentence.
  std::vector<Term> terms;
  std::vector<Rejected> rejected;
  // Done: the epoch under which it came, and the attempt that brought it, once its story was told;
  // else without a source.
  EpochName epoch;
  AttemptName attempt;
  bool operator==(const MoveView&) const = default;
};

// What could be rented now.
struct OfferingView {
  std::string cloud, region, zone, instance_type;
  bool spot = false;
  std::uint32_t vcpus = 0, memory_mib = 0;  // Of the instance.
  MicroUsdPerHour rate{};                   // Now.
  MicroUsdPerHour on_demand{};              // Of the same type without interruption.
  bool sound = false;                       // The planner would launch it now.
  std::string why;                          // If not sound.
  bool operator==(const OfferingView&) const = default;
};

// What the provider was or is about to be asked for, and has not been seen to have done.
struct IntentView {
  NodeId node;
  std::string kind;  // launch, or terminate.
  std::string instance_type, zone;
  bool spot = false;
  std::uint32_t attempt = 0;  // launch: each has its own client token.
  std::string instance;       // terminate: the provider's id.
  std::string why;            // It was launched.
  bool operator==(const IntentView&) const = default;
};

// What the planner would do now. Of a guest: its place afterwards, and why.
struct PlannedGuest {
  GuestId guest;
  std::optional<NodeId> from, to;  // nullopt: nowhere.
  // One word as a move has it; or keep (it is or goes there already), start, stay (a move of it is
  // called off), none (no place is known).
  std::string reason;
  std::string why;          // A sentence, where the reason alone does not say it.
  MicroUsdPerHour share{};  // Of the rate of `to`, at the planned packing; 0: not known.
  std::vector<Term> terms;
  std::vector<Rejected> rejected;
  bool operator==(const PlannedGuest&) const = default;
};
struct PlannedNode {
  NodeId node;
  std::string change;  // launch, terminate, or abandon: left for the provider to end.
  std::string instance_type, zone;
  bool spot = false;
  MicroUsdPerHour rate{};       // Now.
  std::vector<GuestId> guests;  // launch: that it is for; with reason escape: whose room it is.
  std::string reason;           // launch: one word.
  std::string why;              // Otherwise: a sentence.
  std::vector<Term> terms;
  std::vector<Rejected> rejected;
  bool operator==(const PlannedNode&) const = default;
};
struct PlanView {
  Time at{};
  std::vector<PlannedGuest> guests;   // All, in order of name.
  std::vector<PlannedNode> nodes;     // That change.
  std::vector<std::string> warnings;  // Promises that would not hold.
  bool operator==(const PlanView&) const = default;
};

// What one instance has cost by the provider's billing rule, to the micro-dollar.
struct LedgerItem {
  std::string instance;  // The cloud's name of it.
  NodeId node;
  bool spot = false;
  std::string instance_type, zone;
  Time start{};
  std::optional<Time> end;   // nullopt: it runs.
  std::int64_t seconds = 0;  // Billed.
  MicroUsd cost{};
  bool operator==(const LedgerItem&) const = default;
};
struct LedgerView {
  Time from{}, until{};
  MicroUsd paid{};       // The sum of the items.
  MicroUsd on_demand{};  // What the comparison would have cost in the same time.
  std::vector<LedgerItem> items;
  std::string on_demand_of;  // Which instances the comparison takes, a sentence.
  bool operator==(const LedgerView&) const = default;
};

// --- Requests ------------------------------------------------------------------------------------
// Each with its answer. NotFound: what it names does not exist.

// Makes or changes a group -> GroupView as it will be. A spec that does not pass check() never gets
// here. FailedPrecondition: it asks to change what is fixed at birth.
struct ApplyGroup {
  GroupSpec spec;
  bool dry_run = false;   // Answered as if done; nothing is changed.
  bool new_only = false;  // AlreadyExists where there is a group of that name.
};
// -> Done. Its guests end, then it is gone.
struct DeleteGroup {
  GroupId group;
};
// Without a name: all, in order of names -> Listing. With a name that does not exist: NotFound.
struct ListGroups {
  std::optional<GroupId> group;
};
struct ListGuests {
  std::optional<GuestId> guest;
  std::optional<GroupId> group;
};
struct ListNodes {
  std::optional<NodeId> node;
};
// The newest `limit` that fit all that is given, oldest first -> Listing.
struct ListEvents {
  std::optional<GroupId> group;
  std::optional<GuestId> guest;
  std::optional<NodeId> node;
  std::uint32_t limit = 100;
};
// -> GuestView, as soon as the move is ordered; watch the guest to see it done. FailedPrecondition:
// the guest may not be there (why), or moves already.
struct MigrateGuest {
  GuestId guest;
  NodeId to;
};
// -> NodeView. No new guests; those there stay. Cordoned already is success.
struct CordonNode {
  NodeId node;
};
struct UncordonNode {
  NodeId node;
};
// Cordon, then move every guest away -> DrainView, as soon as the moves are decided. With a guest
// that has no place: FailedPrecondition, and nothing is moved; a dry run shows it instead.
struct DrainNode {
  NodeId node;
  bool dry_run = false;
};
// -> LogPage: lines from `from` on, at most `limit`; an empty page: no newer line yet.
struct ReadLogs {
  GuestId guest;
  std::uint64_t from = 1;
  std::uint32_t limit = 1000;
};
// Runs a program beside the container -> ExecResult. DeadlineExceeded after the timeout.
struct ExecInGuest {
  GuestId guest;
  std::vector<std::string> argv;
  std::uint32_t timeout_ms = 60'000;
};

// The agent of a new instance asks who it is; it has no name yet, so `caller` is empty -> NodeView,
// of which `node` counts, once the row that binds token and key is committed. The same key may ask
// again, since an answer may be lost. PermissionDenied: no node waits for this token, or another
// key has used it.
struct JoinNode {
  std::string token_sha256;  // Of the token's text, 64 hexadecimal digits.
  std::string key_sha256;    // Of the agent's public key; it has proved that it has the other half.
};

// The newest `limit` that fit all that is given, oldest first -> Listing. With a number that does
// not exist, or no longer: NotFound.
struct ListMoves {
  std::optional<GuestId> guest;
  std::optional<std::uint64_t> number;
  std::uint32_t limit = 100;
};
// All, the cheapest per vCPU first -> Listing.
struct ListOfferings {};
// In order of node -> Listing<IntentView>.
struct ListIntents {};
// Of this fleet, since its first instance -> LedgerView.
struct ReadLedger {};
// What would be planned now, with these groups made or changed -> PlanView. Nothing is changed.
// FailedPrecondition as of ApplyGroup; Unavailable while types and prices are not known.
struct ReadPlan {
  std::vector<GroupSpec> specs;
};

using RequestBody =
    std::variant<ApplyGroup, DeleteGroup, ListGroups, ListGuests, ListNodes, ListEvents,
                 MigrateGuest, CordonNode, UncordonNode, DrainNode, ReadLogs, ExecInGuest,
                 ListMoves, ListOfferings, ListIntents, ReadLedger, ReadPlan, JoinNode>;

// Offered to EventSink<Request>.
struct Request {
  std::uint64_t id = 0;  // Never used again by this process.
  std::string caller;    // The name in the caller's certificate.
  RequestBody body;
};

// --- Answers -------------------------------------------------------------------------------------

struct Done {
  bool operator==(const Done&) const = default;
};
// `version` is that of the newest Change in it: a watch from there misses nothing.
template <class View>
struct Listing {
  std::vector<View> items;
  std::uint64_t version = 0;
  bool operator==(const Listing&) const = default;
};
struct LogPage {
  std::vector<LogLine> lines;
  std::uint64_t next = 1;  // The `from` of the next request.
  bool ended = false;      // The guest is gone: there will be no more.
  bool operator==(const LogPage&) const = default;
};
struct ExecResult {
  std::int32_t exit_status = -1;  // 0 to 255; -1: ended by `signal`.
  std::int32_t signal = 0;
  std::string out, err;
  std::uint64_t dropped = 0;  // Bytes of output beyond the guest's limit.
  bool operator==(const ExecResult&) const = default;
};

using AnswerBody = std::variant<Done, GroupView, GuestView, NodeView, DrainView, LogPage,
                                ExecResult, Listing<GroupView>, Listing<GuestView>,
                                Listing<NodeView>, Listing<EventView>, Listing<MoveView>,
                                Listing<OfferingView>, Listing<IntentView>, LedgerView, PlanView>;
using Answer = Result<AnswerBody>;

class Answerer {
 public:
  virtual ~Answerer() = default;
  // Never blocks. An id that is unknown, or was answered, is ignored.
  virtual void answer(std::uint64_t id, Answer answer) = 0;
};

// --- Watching ------------------------------------------------------------------------------------

struct Removed {
  std::variant<GroupId, GuestId, NodeId> what;
  bool operator==(const Removed&) const = default;
};
// One object as it is now, whole: a watcher may drop all but the newest of each object.
struct Change {
  std::uint64_t version = 0;
  std::variant<GroupView, GuestView, NodeView, EventView, MoveView, OfferingView, Removed> body;
};

// What watchers are told. It keeps a bounded history; a watcher that asks from before it, or that
// reads too slowly, ends with Aborted and lists again.
class Publisher {
 public:
  virtual ~Publisher() = default;
  // The first call of a process. Versions are larger than any of an earlier process (microseconds
  // since the epoch will do): older ones must list again.
  virtual void begin(std::uint64_t version) = 0;
  // Never blocks. Each version is larger than the one before.
  virtual void publish(Change change) = 0;
};

}  // namespace godwit::ports
