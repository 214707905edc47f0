// The destination's rows: a copy comes, is whole, is accepted or refused, or goes.
#include "tests/kills/cases.h"

namespace godwit::handover {
namespace {

using Who = std::optional<int>;
using Orders = std::string;

Who at(bool stands, int who) { return stands ? Who{who} : std::nullopt; }

// The destination stands there during a move, with these orders for both.
Case moving(const char* row, const Orders& of_b = "", const Orders& of_a = "",
            Victim victim = Victim::kSelf) {
  return {row,
          [=](Stage& s) {
            s.script(s.a(), of_a);
            return at(s.stands(s.b(), row, s.moment, s.move(s.b()), of_b), s.b());
          },
          victim};
}

// The destination is whole, and the source, which did not hear so, ran on after its agent's death:
// without a word to the destination.
bool stale_spare(Stage& s) {
  s.script(s.a(), "lose StreamLoaded");
  if (!s.sees(s.b(), "destination.incoming.loaded", s.move(s.b()))) return false;
  s.kill_agent(s.a());
  s.script(s.a(), "");
  s.start_agent(s.a());
  return s.sees(s.a(), "source.resuming.ran");
}

Who newer_at_spare(Stage& s) {
  if (!stale_spare(s)) return {};
  return at(s.stands(s.b(), "destination.spare.prepare_newer", s.moment, s.move(s.b())), s.b());
}
Who ran_elsewhere(Stage& s) {
  if (!stale_spare(s)) return {};
  return at(s.stands(s.b(), "destination.spare.ran_elsewhere", s.moment, s.other_set()), s.b());
}
Who newer_at_incoming(Stage& s) {
  if (!s.stands(s.a(), "source.still.move", 2, s.move(s.b()))) return {};
  if (!s.sees(s.b(), "destination.idle.prepare")) return {};
  s.script(s.b(), "hold destination.incoming.prepare_newer " + std::to_string(s.moment));
  s.crash(s.a());
  return at(s.stands(s.b(), "destination.incoming.prepare_newer", s.moment, s.move(s.b())), s.b());
}

// A doubled PREPARE, the second of which is late.
Who prepare_again(Stage& s) {
  s.script(s.b(), "copy Prepare\nkeep Grant");
  if (!s.sees(s.b(), "destination.incoming.loaded", s.move(s.b()))) return {};
  return at(s.stands(s.b(), "destination.spare.prepare_again", s.moment, {}, "keep Grant"), s.b());
}

// A takeover asks while the copy comes.
bool sealed_incoming(Stage& s, int moment) {
  s.script(s.a(), "lose Ready");
  if (!s.sees(s.b(), "destination.idle.prepare", s.move(s.b()))) return false;
  return s.stands(s.b(), "takeover.incoming.seal", moment, s.take_over());
}
Who loaded_sealed(Stage& s) {
  if (!sealed_incoming(s, 2)) return {};
  s.script(s.a(), "");
  return at(s.stands(s.b(), "destination.incoming.loaded_sealed", s.moment), s.b());
}
Who discarded_sealed(Stage& s) {
  s.script(s.a(), "fail Send");
  if (!s.stands(s.b(), "destination.incoming.cancel", 2, s.move(s.b()))) return {};
  s.take_over()();
  return at(s.stands(s.b(), "any.discarding.discarded_sealed", s.moment), s.b());
}

// The source is held before it hands the rest over; its agent, or the copy, ends.
Who broken_stream(Stage& s) {
  if (!s.stands(s.a(), "source.precopy.stopped", 0, s.move(s.b()))) return {};
  s.script(s.b(), "hold destination.incoming.failed " + std::to_string(s.moment));
  s.crash(s.a());
  return at(s.stands(s.b(), "destination.incoming.failed", s.moment), s.b());
}
// What was under way fails with QEMU; here its end is heard first.
Who incoming_gone(Stage& s) {
  if (!s.stands(s.a(), "source.precopy.stopped", 0, s.move(s.b()))) return {};
  return at(s.stands(
                s.b(), "destination.incoming.qemu_gone", s.moment, [&s] { s.lose_copy(s.b()); },
                "keep Failed"),
            s.b());
}
Who spare_gone(Stage& s) {
  if (!s.grant()) return {};
  return at(s.stands(
                s.b(), "destination.spare.qemu_gone", s.moment, [&s] { s.lose_copy(s.b()); },
                "keep Grant"),
            s.b());
}

// CANCEL comes when the copy is whole: the source gave up at the last moment.
Who spare_cancel(Stage& s) {
  s.script(s.a(), "late Completed Continue");
  s.script(s.b(), "keep Cancel");
  if (!s.sees(s.b(), "destination.incoming.loaded", s.move(s.b()))) return {};
  return at(s.stands(s.b(), "destination.spare.cancel", s.moment), s.b());
}

Who grant_sealed(Stage& s) {
  if (!s.grant("keep Grant", "mute Pend")) return {};
  if (!s.sees(s.b(), "takeover.idle.seal", s.take_over())) return {};
  return at(s.stands(s.b(), "destination.any.grant_sealed", s.moment), s.b());
}
Who grant_without_copy(Stage& s) {
  if (!s.grant()) return {};
  s.kill_agent(s.b());
  s.lose_copy(s.b());
  s.script(s.b(), "hold destination.any.grant_without_copy " + std::to_string(s.moment));
  s.start_agent(s.b());
  return at(s.stands(s.b(), "destination.any.grant_without_copy", s.moment), s.b());
}

// It accepted, died before it ran, and cannot run it at first.
Who run_again(Stage& s) {
  if (!s.stands(s.b(), "destination.spare.grant", 1, s.move(s.b()))) return {};
  s.crash(s.b(), "fail Run");
  return at(s.stands(s.b(), "destination.taken.repeat", s.moment, {}, "fail Run"), s.b());
}

}  // namespace

std::vector<Case> destination_cases() {
  return {
      moving("destination.idle.prepare", "", "", Victim::kPeerAgent),
      {"destination.spare.prepare_again", prepare_again},
      {"destination.incoming.prepare_newer", newer_at_incoming},
      {"destination.spare.prepare_newer", newer_at_spare},
      {"destination.incoming.loaded_sealed", loaded_sealed},
      moving("destination.incoming.loaded", "", "", Victim::kQemu),
      {"destination.incoming.failed", broken_stream},
      {"destination.incoming.qemu_gone", incoming_gone},
      {"destination.spare.qemu_gone", spare_gone},
      moving("destination.spare.repeat", "", "lose StreamLoaded"),
      moving("destination.incoming.cancel", "", "fail Send"),
      {"destination.spare.cancel", spare_cancel},
      {"destination.spare.ran_elsewhere", ran_elsewhere},
      // The row of a source that has handed over; `a` is where it was.
      {"any.discarding.discarded",
       [](Stage& s) {
         return at(s.stands(s.a(), "any.discarding.discarded", s.moment, s.move(s.b())), s.a());
       }},
      {"any.discarding.discarded_sealed", discarded_sealed},
      moving("destination.any.grant_again", "", "lose Ack\nlose RouteAt"),
      moving("destination.spare.grant", "", "", Victim::kPeerQemu),
      {"destination.any.grant_sealed", grant_sealed},
      {"destination.any.grant_without_copy", grant_without_copy},
      moving("destination.taken.ran", "", "", Victim::kControl),
      moving("destination.taken.run_failed", "fail Run"),
      {"destination.taken.repeat", run_again},
      moving("destination.unaccepting.discarded", "fail Run"),
  };
}

}  // namespace godwit::handover
