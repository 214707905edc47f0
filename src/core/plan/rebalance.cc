#include "core/plan/rebalance.h"

#include "core/plan/escape.h"
#include "core/plan/guards.h"
#include "core/plan/improve.h"

namespace godwit::plan {
namespace {

bool may_go(const Draft& draft, GuestNo no) {
  const State& s = draft.state;
  const GuestFacts& guest = s.guest(no);
  const SlotNo at = s.target[no];
  return at != kNone && guest.on == at && !draft.decided.contains(no) &&
         guest.guest->since_on + s.world().policy.stay_min <= s.world().now &&
         spread_broken(s, s.slots[at], no);
}

std::vector<Term> terms_of(const Draft& draft, GuestNo no, const Slot& from, Cost before) {
  const State& s = draft.state;
  const fleet::World& world = s.world();
  const fleet::Policy& policy = world.policy;
  const Slot& to = s.slots[s.target[no]];
  const std::int64_t bytes = s.guest(no).bytes;
  const std::int64_t fresh = to.node ? 0 : to.rate();
  return {{"saving", {over(before.rate - cost_when_settled(s).rate, policy.expected_stay, world)}},
          {"pause", {-pause_cost(1, policy)}},
          {"transfer", {to.zone == from.zone ? 0 : -transfer_cost(bytes, policy)}},
          {"double pay", {-over(fresh, policy.launch + leave_time(bytes, policy), world)}}};
}

}  // namespace

bool rebalance(Draft& draft) {
  State& s = draft.state;
  if (!quiet(s.world())) return false;
  for (GuestNo no = static_cast<GuestNo>(s.target.size()); no-- > 0;) {
    if (!may_go(draft, no)) continue;
    const Slot from = s.slots[s.target[no]];
    const Cost before = cost_when_settled(s);
    s.take(no);
    if (!place_below_maximum(draft, no, fleet::Reason::kRebalance)) {
      s.put(no, from.no);
      continue;
    }
    const std::vector<Term> terms = terms_of(draft, no, from, before);
    draft.decided[no].terms = terms;
    if (!s.slots[s.target[no]].node) draft.launched[s.target[no]].terms = terms;
    ensure_escapes(s);
    return true;
  }
  return false;
}

}  // namespace godwit::plan
