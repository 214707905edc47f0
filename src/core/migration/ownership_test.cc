// Laws of the ownership table: the sharp cases of the protocol, one by one, and totality over every
// place and input.
#include "core/migration/ownership.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace godwit::migration {
namespace {

constexpr Node kSelf = 0, kOther = 1;
constexpr NodeSet kBoth{3};

State holder(Place place) {
  State s;
  s.record = {.role = Role::kHolds, .epoch = {1, 0}, .held = {1, 0}, .set = kBoth, .counter = 1};
  s.place = place;
  s.attempt = {kSelf, 1};
  s.to = kOther;
  return s;
}

State spare() {
  State s;
  s.place = Place::kSpare;
  s.attempt = {kOther, 4};
  s.source_epoch = {1, 0};
  return s;
}

Input grant(Epoch epoch, Attempt attempt) {
  return {.on = On::kGrant, .from = kOther, .attempt = attempt, .epoch = epoch, .set = kBoth};
}

Outcome take(const State& s, const Input& in) { return step(agent_rows(), kSelf, s, in); }

bool does(const Outcome& o, Do effect) { return std::ranges::count(o.effects, effect) > 0; }

TEST(Ownership, RowNamesAreUnique) {
  std::set<std::string> names;
  for (const Row& row : agent_rows()) EXPECT_TRUE(names.insert(row.name).second) << row.name;
}

// kIdle is also the place of a guest whose QEMU was not inspected yet, whatever its role.
bool may_be(Place place, Role role) {
  if (place == Place::kIdle) return true;
  if (place == Place::kGranted) return role == Role::kGranted;
  const bool idle =
      place == Place::kIncoming || place == Place::kSpare || place == Place::kDiscarding;
  return role == (idle ? Role::kIdle : Role::kHolds);
}

// Whatever happens, at most the rows that say so run or resume the guest, and only as a holder.
TEST(Ownership, OnlyAHolderIsToldToRun) {
  for (int p = 0; p < static_cast<int>(Place::kCount); ++p) {
    for (int i = 0; i < static_cast<int>(On::kCount); ++i) {
      for (const Role role : {Role::kIdle, Role::kHolds, Role::kGranted}) {
        State s = holder(static_cast<Place>(p));
        s.record.role = role;
        if (!may_be(s.place, role)) continue;
        Input in = grant({1, 1}, {kSelf, 1});
        in.on = static_cast<On>(i);
        in.generation = 2;
        const Outcome o = take(s, in);
        if (does(o, Do::kRun) || does(o, Do::kResume)) {
          EXPECT_EQ(o.next.record.role, Role::kHolds) << o.row->name;
        }
      }
    }
  }
}

TEST(Ownership, TheGrantIsOnRecordBeforeItLeaves) {
  State s = holder(Place::kPrecopy);
  s = take(s, {.on = On::kStopped}).next;
  ASSERT_EQ(s.place, Place::kStopped);
  s = take(s, {.on = On::kStreamDone}).next;
  EXPECT_EQ(s.record.role, Role::kHolds);
  const Outcome o = take(s, {.on = On::kLoaded, .from = kOther, .attempt = {kSelf, 1}});
  EXPECT_EQ(o.next.record.role, Role::kGranted);
  EXPECT_EQ(o.next.record.epoch, (Epoch{1, 1}));
  EXPECT_EQ(o.effects, (std::vector{Do::kWrite, Do::kSendGrant}));
}

TEST(Ownership, LoadedOfAnotherAttemptGrantsNothing) {
  State s = holder(Place::kStopped);
  s.stream_done = true;
  EXPECT_FALSE(take(s, {.on = On::kLoaded, .from = kOther, .attempt = {kSelf, 9}}).row);
}

TEST(Ownership, AGrantedSourceNeverResumesByItself) {
  State s = holder(Place::kGranted);
  s.record.role = Role::kGranted;
  s.record.epoch = {1, 1};
  s.record.attempt = {kSelf, 1};
  s.record.to = kOther;
  for (const On on : {On::kAttemptFailed, On::kRepeat, On::kRan, On::kRunFailed, On::kSeal}) {
    const Outcome o = take(s, {.on = on, .generation = 2});
    EXPECT_FALSE(does(o, Do::kResume) || does(o, Do::kRun)) << name(on);
  }
  Input refuse = grant({1, 1}, {kSelf, 1});
  refuse.on = On::kRefuse;
  const Outcome o = take(s, refuse);
  EXPECT_EQ(o.next.record.role, Role::kHolds);
  EXPECT_EQ(o.next.record.epoch, (Epoch{1, 0}));
  EXPECT_EQ(o.effects, (std::vector{Do::kWrite, Do::kResume}));
}

TEST(Ownership, CancelLeavesOnlyWhenTheGuestRunsAgain) {
  const Outcome failed = take(holder(Place::kStopped), {.on = On::kAttemptFailed});
  EXPECT_EQ(failed.next.place, Place::kResuming);
  EXPECT_FALSE(does(failed, Do::kSendCancel));
  EXPECT_TRUE(does(take(failed.next, {.on = On::kRan}), Do::kSendCancel));
  EXPECT_FALSE(take(failed.next, {.on = On::kStreamDone}).row);  // The attempt is dead for ever.
}

TEST(Ownership, ADoubledGrantIsAcknowledgedNeverRefused) {
  State s;
  s.record.held = {1, 1};
  s.record.epoch = {1, 2};
  const Outcome o = take(s, grant({1, 1}, {kOther, 4}));
  EXPECT_EQ(o.effects, (std::vector{Do::kSendAck}));
}

TEST(Ownership, AcceptsOnlyItsOwnCopyInsideTheSetAndAboveTheSeal) {
  EXPECT_EQ(take(spare(), grant({1, 1}, {kOther, 4})).next.place, Place::kTaken);
  EXPECT_TRUE(does(take(spare(), grant({1, 1}, {kOther, 5})), Do::kSendRefuse));
  State sealed = spare();
  sealed.record.sealed = 2;
  EXPECT_TRUE(does(take(sealed, grant({1, 1}, {kOther, 4})), Do::kSendRefuse));
  Input outside = grant({1, 1}, {kOther, 4});
  outside.set = {2};
  EXPECT_FALSE(take(spare(), outside).row);
}

TEST(Ownership, AHolderThatLostItsQemuDoesNotRefuseWhatItAccepted) {
  State s = take(spare(), grant({1, 1}, {kOther, 4})).next;
  s = take(s, {.on = On::kQemuGone}).next;
  EXPECT_EQ(s.record.role, Role::kIdle);
  EXPECT_FALSE(take(s, grant({1, 1}, {kOther, 4})).row);
}

TEST(Ownership, ARefusalAfterAFailedRunWaitsForQemusEnd) {
  State s = take(spare(), grant({1, 1}, {kOther, 4})).next;
  const Outcome failed = take(s, {.on = On::kRunFailed});
  EXPECT_FALSE(does(failed, Do::kSendRefuse));
  const Outcome dead = take(failed.next, {.on = On::kDiscarded});
  EXPECT_EQ(dead.next.record.role, Role::kIdle);
  EXPECT_EQ(dead.next.refused, (Epoch{1, 1}));
  EXPECT_TRUE(does(dead, Do::kSendRefuse));
  s.accepted_fresh = false;  // The agent restarted since it accepted: the guest may have run.
  EXPECT_FALSE(take(s, {.on = On::kRunFailed}).row);
}

// A crash between REFUSE and the kill would find a whole copy again, and a doubled GRANT would run
// it.
TEST(Ownership, RefuseAndNotWaitUntilTheCopyIsDead) {
  State s = spare();
  s.place = Place::kIncoming;
  const Outcome failed = take(s, {.on = On::kAttemptFailed});
  EXPECT_FALSE(take(failed.next, grant({1, 1}, {kOther, 4})).row);
  const Outcome sealed = take(failed.next, {.on = On::kSeal, .generation = 2});
  EXPECT_FALSE(does(sealed, Do::kSendNot));
  EXPECT_TRUE(does(take(sealed.next, {.on = On::kDiscarded}), Do::kSendNot));
  const Outcome dead = take(failed.next, {.on = On::kDiscarded});
  EXPECT_TRUE(does(take(dead.next, grant({1, 1}, {kOther, 4})), Do::kSendRefuse));
}

TEST(Ownership, ASealedNodeKeepsTheSpareThatItPromised) {
  const State s = take(spare(), {.on = On::kSeal, .generation = 2}).next;
  EXPECT_FALSE(take(s, {.on = On::kPrepare, .attempt = {kOther, 5}, .epoch = {1, 0}}).row);
}

TEST(Ownership, ADoubledTakeStartsNothing) {
  const Input in{.on = On::kTakeFromNone, .generation = 1, .set = kBoth};
  State s = take({}, in).next;
  EXPECT_EQ(s.place, Place::kBooting);
  s = take(s, {.on = On::kQemuGone}).next;
  EXPECT_EQ(s.place, Place::kIdle);
  EXPECT_FALSE(take(s, in).row);
}

TEST(Ownership, ASealIsAnsweredOnlyWhenTheStreamHasEnded) {
  State s = spare();
  s.place = Place::kIncoming;
  const Outcome asked = take(s, {.on = On::kSeal, .generation = 2});
  EXPECT_FALSE(does(asked, Do::kSendNot));
  const Outcome loaded = take(asked.next, {.on = On::kLoadedHere});
  EXPECT_EQ(loaded.next.record.sealed, 2U);
  EXPECT_TRUE(does(loaded, Do::kSendNot));
}

}  // namespace
}  // namespace godwit::migration
