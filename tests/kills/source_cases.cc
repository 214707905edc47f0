// The source's rows: who holds the guest, or has given it away.
#include "tests/kills/cases.h"

namespace godwit::handover {
namespace {

using Who = std::optional<int>;

Who at(bool stands, int who) { return stands ? Who{who} : std::nullopt; }

// The source stands there during a move, with these orders.
Case moving(const char* row, const char* orders = "", Victim victim = Victim::kSelf) {
  return {
      row,
      [=](Stage& s) { return at(s.stands(s.a(), row, s.moment, s.move(s.b()), orders), s.a()); },
      victim};
}

// It has granted, and is to give the guest back: the destination cannot accept.
Who take(Stage& s) {
  if (!s.grant("keep Grant", "lose Take\nlose Refuse")) return {};
  if (!s.sees(kPlane, "control.takeover.take_pend", s.take_over())) return {};
  // The refusal comes first: it holds already when the TAKE is repeated.
  s.script(s.b(), "");
  s.script(s.a(), "lose Take");
  if (!s.sees(s.a(), "source.resuming.ran")) return {};
  return at(s.stands(s.a(), "source.still.take", s.moment), s.a());
}

// The destination's copy is gone before it accepted.
Who refused(Stage& s) {
  if (!s.grant()) return {};
  s.script(s.a(), "hold source.granted.refuse " + std::to_string(s.moment));
  s.kill_agent(s.b());
  s.lose_copy(s.b());
  s.script(s.b(), "");
  s.start_agent(s.b());
  return at(s.stands(s.a(), "source.granted.refuse", s.moment), s.a());
}

// The guest comes back before the acceptance was heard.
Who back_again(Stage& s) {
  const std::string deaf = "lose Ack\nlose RouteAt";
  s.script(s.a(), deaf);
  if (!s.sees(s.b(), "destination.taken.ran", s.move(s.b()))) return {};
  return at(s.stands(s.a(), "source.granted.prepare", s.moment, s.move(s.a()), deaf), s.a());
}

// The first of the two things that a grant needs, and then the second.
Who stream_first(Stage& s) {
  s.script(s.a(), "keep StreamLoaded");
  if (!s.sees(s.a(), "source.stopped.stream_done_first", s.move(s.b()))) return {};
  return at(s.stands(s.a(), "source.stopped.loaded", s.moment), s.a());
}
Who loaded_first(Stage& s) {
  s.script(s.a(), "keep Completed");
  if (!s.sees(s.a(), "source.stopped.loaded_first", s.move(s.b()))) return {};
  return at(s.stands(s.a(), "source.stopped.stream_done", s.moment), s.a());
}

Who nobody_answers(Stage& s) {
  s.kill_agent(s.b());
  return at(s.stands(s.a(), "source.precopy.repeat", s.moment, s.move(s.b())), s.a());
}

Case granted(const char* row, std::function<Stage::Wish(Stage&)> wish,
             Victim victim = Victim::kSelf) {
  return {row,
          [=](Stage& s) {
            if (!s.grant()) return Who{};
            return at(s.stands(s.a(), row, s.moment, wish(s)), s.a());
          },
          victim};
}

Case running(const char* row, std::function<Stage::Wish(Stage&)> wish, const char* orders = "") {
  return {row,
          [=](Stage& s) { return at(s.stands(s.a(), row, s.moment, wish(s), orders), s.a()); }};
}

}  // namespace

std::vector<Case> source_cases() {
  const auto order = [](Stage& s) { return s.other_set(); };
  const auto takeover = [](Stage& s) { return s.take_over(); };
  const auto lose = [](Stage& s) { return s.lose_qemu(s.a()); };
  const auto nothing = [](Stage&) { return Stage::Wish{}; };
  return {
      moving("source.still.move", "", Victim::kControl),
      moving("source.precopy.stopped", "", Victim::kPeerAgent),
      {"source.precopy.repeat", nobody_answers},
      moving("source.precopy.failed", "fail Send"),
      moving("source.stopped.failed", "late Completed Continue", Victim::kPeerQemu),
      moving("source.resuming.ran", "fail Send"),
      moving("source.resuming.repeat", "fail Send\nfail Resume"),
      moving("source.stopped.stream_done_first", "keep StreamLoaded", Victim::kQemu),
      {"source.stopped.loaded", stream_first},
      moving("source.stopped.loaded_first", "keep Completed"),
      {"source.stopped.stream_done", loaded_first},
      granted("source.granted.repeat", nothing, Victim::kControl),
      moving("source.granted.ack"),
      {"source.granted.prepare", back_again},
      {"source.granted.refuse", refused},
      granted("source.granted.seal", takeover),
      granted("source.granted.take", takeover),
      granted("source.granted.qemu_gone", lose),
      running("source.still.order", order),
      running("source.any.order_again", order, "mute Report"),
      {"source.still.take", take},
      running("source.any.seal", takeover),
      running("source.any.qemu_gone", lose),
  };
}

}  // namespace godwit::handover
