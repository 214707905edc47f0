#include "sim/search/planted_bugs.h"

#include <algorithm>

#include "base/check.h"

namespace godwit::search {
namespace {

template <class R>
R& named(std::vector<R>& rows, std::string_view name) {
  const auto row = std::ranges::find_if(rows, [&](const R& r) { return name == r.name; });
  CHECK(row != rows.end());
  return *row;
}
template <class R, class G>
void drop_guard(std::vector<R>& rows, std::string_view name, G guard) {
  CHECK(std::erase(named(rows, name).guards, guard) == 1);
}
template <class R, class D>
void drop_action(std::vector<R>& rows, std::string_view name, D action) {
  CHECK(std::erase(named(rows, name).does, action) == 1);
}
template <class R>
void drop_row(std::vector<R>& rows, std::string_view name) {
  CHECK(std::erase_if(rows, [&](const R& r) { return name == r.name; }) == 1);
}
constexpr std::uint32_t at(Place place) { return 1U << static_cast<unsigned>(place); }

using G = Guard;
using C = ControlGuard;

constexpr NodeSet kAbc{7}, kA{1}, kB{2}, kC{4};

// --- The source ---

void grant_before_record(Rules& r) {
  drop_action(r.agent, "source.stopped.loaded", Do::kWrite);
  drop_action(r.agent, "source.stopped.stream_done", Do::kWrite);
}
void resume_after_grant(Rules& r) {
  r.agent.push_back({"bug.granted.timeout",
                     at(Place::kGranted),
                     On::kAttemptFailed,
                     {},
                     {Do::kUngrant, Do::kWrite, Do::kResume},
                     Place::kResuming});
}
void old_loaded_accepted(Rules& r) {
  drop_guard(r.agent, "source.stopped.loaded_first", G::kAttempt);
  drop_guard(r.agent, "source.stopped.loaded", G::kAttempt);
}
void number_reused(Rules& r) { drop_action(r.agent, "source.still.move", Do::kWrite); }
void outside_the_set(Rules& r) { drop_guard(r.agent, "source.still.move", G::kToInSet); }
void discard_at_grant(Rules& r) {
  named(r.agent, "source.stopped.loaded").does.push_back(Do::kDiscardAll);
  named(r.agent, "source.stopped.stream_done").does.push_back(Do::kDiscardAll);
}
void says_not_when_granted(Rules& r) {
  named(r.agent, "source.granted.seal").does = {Do::kSendNot};
}
void aborted_still_granted(Rules& r) {
  r.agent.push_back({"bug.resuming.loaded",
                     at(Place::kResuming),
                     On::kLoaded,
                     {G::kAttempt},
                     {Do::kRecordGrant, Do::kWrite, Do::kSendGrant},
                     Place::kGranted});
}
void cancel_before_running(Rules& r) {
  named(r.agent, "source.stopped.failed").does = {Do::kDropAttempt, Do::kSendCancel, Do::kResume};
}
void seal_is_an_order(Rules& r) {
  r.agent.insert(r.agent.begin(), {"bug.still.seal",
                                   at(Place::kStill),
                                   On::kSeal,
                                   {G::kGenerationNewer},
                                   {Do::kAdoptOrder, Do::kWrite, Do::kSendReport}});
}

// --- The destination ---

void another_attempts_copy(Rules& r) {
  drop_guard(r.agent, "destination.spare.grant", G::kAttempt);
}
void seal_not_recorded(Rules& r) { drop_action(r.agent, "takeover.idle.seal", Do::kWrite); }
void doubled_grant_refused(Rules& r) {
  drop_row(r.agent, "destination.any.grant_again");
  drop_guard(r.agent, "destination.any.grant_without_copy", G::kNotAccepted);
}
void loser_refuses(Rules& r) {
  drop_guard(r.agent, "destination.any.grant_without_copy", G::kNotAccepted);
}
void seal_answered_early(Rules& r) {
  named(r.agent, "takeover.incoming.seal").does = {Do::kRecordSeal, Do::kWrite, Do::kSendNot};
}
void sealed_node_is_silent(Rules& r) { drop_row(r.agent, "destination.any.grant_sealed"); }

// --- The control plane ---

void order_before_reach(Rules& r) {
  drop_action(r.control, "control.order.order", ControlDo::kWriteRow);
}
void shrinks_on_old_report(Rules& r) {
  drop_guard(r.control, "control.any.ask_clear", C::kReportAtGeneration);
  drop_guard(r.control, "control.any.shrink", C::kReportAtGeneration);
}
void leaves_without_clear(Rules& r) {
  drop_guard(r.control, "control.any.shrink", C::kClearOrDead);
}
void never_returned(Rules& r) { drop_row(r.control, "control.takeover.take_pend"); }

PlantedBug planted(int number, std::string name, Bounds bounds, void (*plant)(Rules&)) {
  PlantedBug bug{number, std::move(name), shipped_rules(), std::move(bounds)};
  plant(bug.rules);
  return bug;
}

}  // namespace

std::vector<PlantedBug> planted_bugs() {
  std::vector<PlantedBug> bugs{
      planted(1, "GRANT leaves before it is recorded", within(1, 1, 0, 0, 0, 0, {kAbc}),
              grant_before_record),
      planted(2, "resume after GRANT on a timeout", within(1, 1, 0, 0, 0, 0, {kAbc}),
              resume_after_grant),
      planted(3, "a takeover asks the reported holder only", within(1, 2, 1, 0, 0, 0, {kAbc}),
              [](Rules& r) { r.all_are_asked = false; }),
      planted(4, "a seal is not recorded", within(1, 2, 1, 0, 0, 0, {kAbc}), seal_not_recorded),
      planted(5, "a grant is accepted with another attempt's copy",
              within(2, 1, 0, 1, 0, 0, {kAbc}), another_attempts_copy),
      planted(6, "LOADED of an old attempt is accepted", within(2, 1, 0, 0, 0, 0, {kAbc}),
              old_loaded_accepted),
      planted(7, "an order leaves before the reach is stored", within(1, 2, 1, 0, 0, 0, {kAbc}),
              order_before_reach),
      planted(8, "an attempt's number is used again after a crash",
              within(1, 2, 1, 0, 1, 0, {kAbc}), number_reused),
      planted(9, "a doubled GRANT is refused after passing on", within(2, 1, 0, 0, 0, 0, {kAbc}),
              doubled_grant_refused),
      planted(10, "two control planes without compare-and-set", within(1, 2, 1, 0, 0, 0, {kAbc}),
              [](Rules& r) { r.compare_and_set = false; }),
      planted(11, "a silent node counts as dead", within(1, 2, 0, 0, 0, 0, {kAbc}),
              [](Rules& r) { r.silence_is_silence = false; }),
      planted(12, "passing on outside the set", within(1, 3, 0, 0, 0, 0, {kA, kB}),
              outside_the_set),
      planted(13, "the vault is read before the fence", within(0, 2, 1, 0, 1, 0, {kAbc}),
              [](Rules& r) { r.fence_before_read = false; }),
      planted(14, "the reach shrinks on an old report", within(1, 3, 0, 0, 0, 0, {kA}),
              shrinks_on_old_report),
      planted(15, "a seal is also an order", within(1, 2, 1, 0, 0, 0, {kAbc}), seal_is_an_order),
      planted(16, "discard at GRANT", within(1, 1, 1, 0, 0, 0, {kAbc}), discard_at_grant),
      planted(17, "a holder without QEMU refuses", within(1, 1, 0, 1, 0, 0, {kAbc}), loser_refuses),
      planted(18, "the vault is not fenced", within(0, 2, 1, 0, 1, 0, {kAbc}),
              [](Rules& r) { r.vault_is_fenced = false; }),
      planted(19, "a granted node says NOT but may still resume", within(1, 2, 0, 0, 0, 0, {kAbc}),
              says_not_when_granted),
      planted(20, "an aborted attempt is still granted", within(1, 1, 0, 0, 0, 0, {kAbc}),
              aborted_still_granted),
      planted(21, "SEAL is answered while a stream arrives", within(1, 2, 1, 0, 0, 0, {kAbc}),
              seal_answered_early),
      planted(22, "the route accepts any epoch", within(1, 1, 0, 0, 0, 0, {kAbc}),
              [](Rules& r) { r.route_only_grows = false; }),
      planted(23, "CANCEL before the source runs again", within(1, 1, 1, 0, 0, 0, {kAbc}),
              cancel_before_running),
      planted(24, "a node leaves the reach without CLEAR", within(1, 3, 1, 0, 0, 0, {kA, kC}),
              leaves_without_clear),
      planted(25, "a sealed node ignores a grant", within(1, 2, 0, 0, 0, 0, {kAbc}),
              sealed_node_is_silent),
      planted(26, "a takeover never returns the guest to its grantor",
              within(1, 2, 1, 0, 0, 0, {kAbc}), never_returned),
  };
  bugs[5].harmless = true;  // GRANT names the attempt; the destination checks it.
  bugs[21].bounds.route = true;
  for (const int number : {12, 25, 26}) bugs[static_cast<std::size_t>(number - 1)].liveness = true;
  // Crashes only make these searches longer.
  for (const int number : {5, 7, 12, 14, 15, 24})
    bugs[static_cast<std::size_t>(number - 1)].bounds.agent_crashes = false;
  return bugs;
}

}  // namespace godwit::search
