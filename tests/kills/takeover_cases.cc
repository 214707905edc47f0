// Takeovers on the agents' side, and what agents find after their own restart.
#include "tests/kills/cases.h"

namespace godwit::handover {
namespace {

using Who = std::optional<int>;

Who at(bool stands, int who) { return stands ? Who{who} : std::nullopt; }

// The source has granted and is gone; the destination, which did not hear the grant, has the copy.
Who spare_take(Stage& s, const char* row) {
  const bool again = std::string(row) == "takeover.any.take_again_copy";
  const std::string deaf = again ? "lose Grant\nmute Report" : "lose Grant";
  if (!s.grant(deaf)) return {};
  return at(s.stands(s.b(), row, s.moment, s.lose_qemu(s.a()), deaf), s.b());
}

// The guest starts cold where it was.
Who booting(Stage& s, const char* row, const char* orders = "") {
  return at(s.stands(s.a(), row, s.moment, s.lose_qemu(s.a()), orders), s.a());
}

// A node leaves the set, and then the reach.
Who clear(Stage& s) {
  if (!s.widen()) return {};
  return at(s.stands(2, "takeover.idle.ask_clear", s.moment, s.allow({0, 1})), 2);
}

// The agent dies at `row` at this moment, and finds when it is back what `found` says.
struct Restart {
  const char* row;
  int moment;
  const char* found;
  bool at_source = true;
  const char* orders = "";
  const char* orders_of_peer = "";
  enum class Wish { kMove, kLose } wish = Wish::kMove;
  bool without_qemu = false;
};

Case restart(const Restart& r) {
  return {r.found, [r](Stage& s) -> Who {
            const int who = r.at_source ? s.a() : s.b();
            s.script(r.at_source ? s.b() : s.a(), r.orders_of_peer);
            const auto wish = r.wish == Restart::Wish::kMove ? s.move(s.b()) : s.lose_qemu(s.a());
            if (!s.stands(who, r.row, r.moment, wish, r.orders)) return {};
            if (r.without_qemu) s.lose_qemu(who)();
            const std::string next =
                std::string("hold ") + r.found + " " + std::to_string(s.moment);
            s.crash(who, next);
            return at(s.stands(who, r.found, s.moment), who);
          }};
}

// Its copy was still coming when the agent died.
Who found_incoming(Stage& s) {
  if (!s.stands(s.a(), "source.precopy.stopped", 0, s.move(s.b()))) return {};
  s.kill_agent(s.b());
  s.script(s.b(), "hold restart.idle.incoming " + std::to_string(s.moment));
  s.start_agent(s.b());
  return at(s.stands(s.b(), "restart.idle.incoming", s.moment), s.b());
}

}  // namespace

std::vector<Case> takeover_cases() {
  using enum Restart::Wish;
  const auto asked = [](const char* row, bool at_a) -> Case {
    return {row, [=](Stage& s) {
              const int who = at_a ? s.a() : s.b();
              return at(s.stands(who, row, s.moment, s.take_over()), who);
            }};
  };
  const auto cold = [](const char* row, const char* orders = "") -> Case {
    return {row, [=](Stage& s) { return booting(s, row, orders); }};
  };
  return {
      restart({"source.still.move", 1, "restart.holds.running"}),
      restart({"source.precopy.stopped", 2, "restart.holds.sending"}),
      restart(
          {"source.stopped.failed", 0, "restart.holds.completed", true, "late Completed Continue"}),
      restart({"destination.spare.grant", 1, "restart.holds.loaded", false}),
      restart({"takeover.booting.booted", 0, "restart.holds.prelaunch", true, "", "", kLose}),
      restart({"source.still.move", 0, "restart.holds.none", true, "", "", kMove, true}),
      restart({"source.granted.repeat", 0, "restart.granted.completed", true, "", "keep Grant"}),
      restart({"source.granted.repeat", 2, "restart.granted.none", true, "", "keep Grant", kMove,
               true}),
      restart({"destination.incoming.loaded", 0, "restart.idle.loaded", false}),
      restart({"source.granted.ack", 1, "restart.idle.completed"}),
      restart({"takeover.booting.failed", 1, "restart.idle.prelaunch", true, "late Started Boot",
               "", kLose}),
      {"restart.idle.incoming", found_incoming},
      asked("takeover.idle.seal", false),
      {"takeover.incoming.seal",
       [](Stage& s) -> Who {
         s.script(s.a(), "lose Ready");
         if (!s.sees(s.b(), "destination.idle.prepare", s.move(s.b()))) return {};
         return at(s.stands(s.b(), "takeover.incoming.seal", s.moment, s.take_over()), s.b());
       }},
      {"takeover.spare.take", [](Stage& s) { return spare_take(s, "takeover.spare.take"); }},
      {"takeover.any.take_again_copy",
       [](Stage& s) { return spare_take(s, "takeover.any.take_again_copy"); }},
      cold("takeover.idle.take_from_none"),
      cold("takeover.booting.booted"),
      cold("takeover.booting.failed", "fail Boot"),
      // It is repeated while the guest starts.
      cold("takeover.any.take_again", "keep Started"),
      {"takeover.idle.ask_clear", clear},
      {"takeover.any.ask_report",
       [](Stage& s) {
         s.script(s.a(), "hold takeover.any.ask_report " + std::to_string(s.moment));
         s.restart_plane();
         return at(s.stands(s.a(), "takeover.any.ask_report", s.moment), s.a());
       }},
  };
}

}  // namespace godwit::handover
