#include "core/plan/retire.h"

#include <algorithm>
#include <chrono>
#include <format>
#include <optional>

#include "core/plan/escape.h"
#include "core/plan/guards.h"

namespace godwit::plan {
namespace {

using fleet::Phase;

// A provider that announced an end is a little late at times.
constexpr Duration kNoticeLate = std::chrono::minutes(1);

bool empty(const State& state, const Slot& slot) {
  return slot.residents.empty() && slot.lingering == fleet::Resources{} &&
         std::ranges::none_of(state.facts->guests,
                              [&](const GuestFacts& g) { return g.moving_to == slot.no; });
}

bool needed_in(State state, SlotNo no) {
  const std::size_t before = uncovered(state, Rooms::kReady);
  state.slots[no].gone = true;
  return uncovered(state, Rooms::kReady, before) > before;
}

// When all is settled, or for where the guests are now and shall be: what stands in for a ready
// node must be ready itself.
bool needed(const State& state, const State& in_the_end, const Slot& slot) {
  if (in_the_end.has(slot.no)) return true;
  if (slot.node->phase == Phase::kLaunching) return false;
  return needed_in(state, slot.no) || needed_in(where_guests_run(state, false), slot.no);
}

std::optional<Action> end_of(const State& state, const State& in_the_end, const Slot& slot) {
  const fleet::World& world = state.world();
  const fleet::Node& node = *slot.node;
  const bool late = node.notice && *node.notice + kNoticeLate <= world.now;
  const bool window = in_window(node, world.policy.leave_margin, world);
  if (node.phase == Phase::kAbandoned) {
    if (late) return Terminate{node.id, "the provider did not end it"};
    if (!node.notice && window) return Terminate{node.id, "its paid period ends"};
    return std::nullopt;
  }
  if (node.notice) {
    if (will_be_refunded(node, world.billing) && !late)
      return Abandon{node.id, "the provider ends it, and will not charge for it"};
    return Terminate{node.id, "empty and under notice"};
  }
  if (node.phase == Phase::kDraining) return Terminate{node.id, "drained"};
  if (node.phase == Phase::kCordoned || !node.idle_since || !window) return std::nullopt;
  if (*node.idle_since + world.policy.idle_after > world.now) return std::nullopt;
  if (needed(state, in_the_end, slot)) return std::nullopt;
  return Terminate{node.id, "nobody needs it"};
}

}  // namespace

std::vector<Action> retire(State& state) {
  std::vector<std::pair<std::int64_t, SlotNo>> order;  // The most expensive first.
  for (const Slot& slot : state.there())
    if (slot.node && !slot.key->pool.type.empty() && slot.node->phase != Phase::kTerminating &&
        empty(state, slot))
      order.emplace_back(-slot.rate(), slot.no);
  if (order.empty()) return {};
  std::ranges::sort(order);
  const State in_the_end = settled(state);
  std::map<SlotNo, Action> ends;
  for (const auto& [rate, no] : order)
    if (std::optional<Action> end = end_of(state, in_the_end, state.slots[no])) {
      ends.emplace(no, std::move(*end));
      state.slots[no].gone = true;
    }
  std::vector<Action> actions;
  for (auto& [no, end] : ends) actions.push_back(std::move(end));
  return actions;
}

}  // namespace godwit::plan
