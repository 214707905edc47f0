#include "core/migration/ownership.h"

#include <algorithm>
#include <utility>

namespace godwit::migration {
namespace {

bool holds(Guard guard, Node self, const State& s, const Input& in) {
  const Record& r = s.record;
  switch (guard) {
    case Guard::kToInSet:
      return r.set.contains(in.to) && in.to != self;
    case Guard::kGenerationNewer:
      return in.generation > r.epoch.generation;
    case Guard::kGenerationOld:
      return in.generation <= r.epoch.generation;
    case Guard::kAttempt:
      return in.attempt == s.attempt;
    case Guard::kOtherAttempt:
      return in.attempt != s.attempt;
    case Guard::kStreamDone:
      return s.stream_done;
    case Guard::kStreamNotDone:
      return !s.stream_done;
    case Guard::kLoadedHeard:
      return s.loaded_heard;
    case Guard::kLoadedNotHeard:
      return !s.loaded_heard;
    case Guard::kProof:
      return in.epoch >= r.epoch;
    case Guard::kGrantedEpoch:
      return in.epoch == r.epoch;
    case Guard::kGrantedAttempt:
      return in.attempt == r.attempt;
    case Guard::kNotSealed:
      return in.epoch.generation >= r.sealed;
    case Guard::kSealed:
      return in.epoch.generation < r.sealed;
    case Guard::kAboveHeld:
      return in.epoch > r.held;
    case Guard::kAtMostHeld:
      return in.epoch <= r.held;
    case Guard::kNotAccepted:
      return in.epoch > r.epoch;
    case Guard::kSelfInSet:
      return in.set.contains(self);
    case Guard::kNewerCut:
      return std::pair(in.epoch, in.attempt.number) > std::pair(s.source_epoch, s.attempt.number);
    case Guard::kRanElsewhere:
      return in.epoch > s.source_epoch;
    case Guard::kMaySeal:
      return in.generation >= r.sealed && in.generation > r.held.generation;
    case Guard::kCovers:
      return in.generation >= std::max({r.sealed, r.epoch.generation, r.held.generation});
    case Guard::kForgotten:
      return in.generation < r.sealed;
    case Guard::kForgets:
      return s.forgets != 0;
    case Guard::kSealWaits:
      return s.seal_waits != 0;
    case Guard::kNoSealWaits:
      return s.seal_waits == 0;
    case Guard::kFresh:
      return s.accepted_fresh;
    case Guard::kRoleIdle:
      return r.role == Role::kIdle;
    case Guard::kRoleHolds:
      return r.role == Role::kHolds;
    case Guard::kRoleGranted:
      return r.role == Role::kGranted;
  }
  return false;
}

void hold(Record& r, Epoch epoch, NodeSet set) {
  r.role = Role::kHolds;
  r.epoch = epoch;
  r.set = set;
}

// Changes to what the agent has written down.
bool change_record(Do action, State& s, const Input& in) {
  Record& r = s.record;
  switch (action) {
    case Do::kCountUp:
      ++r.counter;
      return true;
    case Do::kAdoptOrder:
      hold(r, {in.generation, 0}, in.set);
      r.held = r.epoch;  // The guest runs: from now on under this epoch.
      return true;
    case Do::kRecordGrant:
      r.role = Role::kGranted;
      r.epoch = r.epoch.next();
      r.to = s.to;
      r.attempt = s.attempt;
      return true;
    case Do::kUngrant:
      // Its own epoch again: the one before the hop that was refused.
      hold(r, {r.epoch.generation, r.epoch.hop - 1}, r.set);
      return true;
    case Do::kAccept:
      s.before_accept = r.epoch;
      s.accepted_fresh = true;
      s.qemu_lost = false;
      hold(r, in.epoch, in.set);
      return true;
    case Do::kUnaccept:
      s.refused = r.epoch;
      r.role = Role::kIdle;
      r.epoch = s.before_accept;
      return true;
    case Do::kRecordHeld:
      r.held = r.epoch;
      return true;
    case Do::kRecordSeal:
      r.sealed = in.generation;
      return true;
    case Do::kSealNow:
      r.sealed = std::max(r.sealed, s.seal_waits);
      s.seal_waits = 0;
      return true;
    case Do::kRecordTake:
      s.qemu_lost = false;
      hold(r, {in.generation, 0}, in.set);
      return true;
    case Do::kRecordForget:
      r.role = Role::kIdle;
      r.sealed = s.forgets;
      r.set = {};
      r.to = kNoNode;
      r.attempt = {};
      s.forgets = s.seal_waits = 0;
      s.qemu_lost = false;
      return true;
    case Do::kBecomeIdle:
      r.role = Role::kIdle;
      return true;
    case Do::kLose:
      r.role = Role::kIdle;
      s.qemu_lost = true;
      return true;
    default:
      return false;
  }
}

// Changes to what dies with the agent.
bool change_volatile(Do action, Node self, State& s, const Input& in) {
  switch (action) {
    case Do::kStartAttempt:
      s.attempt = {self, s.record.counter};
      s.to = in.to;
      s.stream_done = s.loaded_heard = false;
      return true;
    case Do::kDropAttempt:
      // The attempt keeps its name for CANCEL; what was heard of it counts no more.
      s.stream_done = s.loaded_heard = false;
      return true;
    case Do::kTakeCopy:
      s.attempt = in.attempt;
      s.source_epoch = in.epoch;
      return true;
    case Do::kDropCopy:
    case Do::kForget:
      s.attempt = {};
      s.source_epoch = {};
      s.to = kNoNode;
      s.stream_done = s.loaded_heard = s.accepted_fresh = false;
      return true;
    case Do::kMarkStreamDone:
      s.stream_done = true;
      return true;
    case Do::kMarkLoaded:
      s.loaded_heard = true;
      return true;
    case Do::kForgetLater:
      s.forgets = std::max(s.forgets, in.generation + 1);
      return true;
    case Do::kSealLater:
      s.seal_waits = std::max(s.seal_waits, in.generation);
      return true;
    default:
      return false;
  }
}

}  // namespace

Outcome step(std::span<const Row> rows, Node self, const State& state, const Input& input) {
  for (const Row& row : rows) {
    if (row.on != input.on) continue;
    if (!(row.places >> static_cast<unsigned>(state.place) & 1U)) continue;
    if (!std::ranges::all_of(row.guards, [&](Guard g) { return holds(g, self, state, input); }))
      continue;
    Outcome out{&row, state, {}};
    for (const Do action : row.does) {
      if (change_record(action, out.next, input)) continue;
      if (change_volatile(action, self, out.next, input)) continue;
      out.effects.push_back(action);
    }
    if (row.next != Place::kCount) out.next.place = row.next;
    return out;
  }
  return {nullptr, state, {}};
}

const char* name(Place place) {
  static constexpr const char* kNames[] = {"idle",     "still",       "precopy",    "stopped",
                                           "resuming", "granted",     "incoming",   "spare",
                                           "taken",    "unaccepting", "discarding", "booting"};
  return place < Place::kCount ? kNames[static_cast<unsigned>(place)] : "?";
}

const char* name(On on) {
  static constexpr const char* kNames[] = {"move",
                                           "checkpoint",
                                           "stopped",
                                           "stream-done",
                                           "attempt-failed",
                                           "loaded-here",
                                           "booted",
                                           "ran",
                                           "run-failed",
                                           "discarded",
                                           "qemu-gone",
                                           "repeat",
                                           "found-none",
                                           "found-running",
                                           "found-sending",
                                           "found-completed",
                                           "found-prelaunch",
                                           "found-incoming",
                                           "found-loaded",
                                           "PREPARE",
                                           "LOADED",
                                           "CANCEL",
                                           "GRANT",
                                           "ACK",
                                           "REFUSE",
                                           "ORDER",
                                           "SEAL",
                                           "TAKE",
                                           "TAKE-from-none",
                                           "ASK-CLEAR",
                                           "ASK-REPORT",
                                           "FORGET"};
  return on < On::kCount ? kNames[static_cast<unsigned>(on)] : "?";
}

}  // namespace godwit::migration
