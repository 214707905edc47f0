// The control plane's rows. Its table's first row is a case of every stage: the guest's birth.
#include "tests/kills/cases.h"

namespace godwit::handover {
namespace {

using Who = std::optional<int>;

// The control plane stands at the row, once these orders of a and b, and this wish, led there.
Case row(const char* row, std::function<Stage::Wish(Stage&)> wish, const char* orders_of_a = "",
         const char* orders_of_b = "", Victim victim = Victim::kSelf) {
  return {row,
          [=](Stage& s) -> Who {
            s.script(s.a(), orders_of_a);
            s.script(s.b(), orders_of_b);
            return s.stands(kPlane, row, s.moment, wish(s)) ? Who{kPlane} : std::nullopt;
          },
          victim};
}

// The guest passed on, and its source did not hear of it.
Who proof(Stage& s) {
  s.script(s.a(), "lose Ack\nlose RouteAt");
  if (!s.sees(kPlane, "control.any.report", s.move(s.b()))) return {};
  s.script(s.b(), "mute Report");
  return s.stands(kPlane, "control.takeover.proof", s.moment, s.take_over()) ? Who{kPlane}
                                                                             : std::nullopt;
}

Case granted(const char* row, bool source_is_lost) {
  return {row, [=](Stage& s) -> Who {
            if (!s.grant("lose Grant")) return {};
            const auto wish = source_is_lost ? s.lose_qemu(s.a()) : s.take_over();
            return s.stands(kPlane, row, s.moment, wish) ? Who{kPlane} : std::nullopt;
          }};
}

// A node leaves the set.
Case leaving(const char* row) {
  return {row, [=](Stage& s) -> Who {
            if (!s.widen()) return {};
            return s.stands(kPlane, row, s.moment, s.allow({0, 1})) ? Who{kPlane} : std::nullopt;
          }};
}

}  // namespace

std::vector<Case> control_cases() {
  const auto move = [](Stage& s) { return s.move(s.b()); };
  const auto order = [](Stage& s) { return s.other_set(); };
  const auto takeover = [](Stage& s) { return s.take_over(); };
  const auto lose = [](Stage& s) { return s.lose_qemu(s.a()); };
  return {
      row("control.any.report", move),
      row("control.order.order", order),
      row("control.order.repeat", order, "mute Report"),
      row("control.any.takeover", takeover),
      row("control.takeover.holder_lives", takeover, "", "", Victim::kQemu),
      {"control.takeover.proof", proof},
      granted("control.takeover.take_pend", false),
      granted("control.takeover.take_spare", true),
      row("control.takeover.take_none", lose),
      row("control.takeover.repeat", takeover, "mute Report", "mute Not"),
      row("control.taken.repeat", lose, "lose Take"),
      leaving("control.any.ask_clear"),
      leaving("control.any.shrink"),
  };
}

}  // namespace godwit::handover
