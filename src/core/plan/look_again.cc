#include "core/plan/look_again.h"

#include <algorithm>
#include <chrono>

#include "core/plan/guards.h"
#include "core/plan/state.h"

namespace godwit::plan {
namespace {

class Earliest {
 public:
  explicit Earliest(Time now) : now_(now) {}
  void at(Time time) {
    if (time > now_ && (!found_ || time < *found_)) found_ = time;
  }
  std::optional<Time> found() const { return found_; }

 private:
  const Time now_;
  std::optional<Time> found_;
};

void add_offering(const fleet::Offering& o, const fleet::Policy& policy, Earliest& next) {
  // It becomes sound when the last of these is over, and proven some time later.
  Time sound{};
  if (o.refused_until) sound = std::max(sound, *o.refused_until);
  if (o.lost_at) sound = std::max(sound, *o.lost_at + policy.loss_backoff);
  if (o.below_since) sound = std::max(sound, *o.below_since);
  next.at(sound);
  next.at(sound + policy.return_after);
}

void add_node(const fleet::Node& node, std::int64_t bytes, const fleet::World& world,
              Earliest& next) {
  const fleet::Policy& policy = world.policy;
  next.at(node.launched + policy.quiet_after);
  if (node.idle_since) {
    next.at(*node.idle_since + policy.idle_after);
    next.at(*node.idle_since + policy.stay_min);
  }
  if (node.notice) next.at(*node.notice + std::chrono::minutes(1));
  if (!bills_periods(world.billing)) return;
  const Time end = period_end(node.launched, world.billing, world.now);
  const Duration leave = leave_time(bytes, policy);
  for (const Duration lead : {policy.launch + leave, leave, policy.leave_margin})
    next.at(end - lead);
  next.at(end);
}

}  // namespace

std::optional<Time> look_again(const fleet::World& world) {
  Earliest next(world.now);
  std::map<NodeId, std::int64_t> bytes;
  for (const auto& [id, guest] : world.guests) {
    if (!guest.on) continue;
    bytes[*guest.on] += bytes_of(guest);
    next.at(guest.since_on + world.policy.stay_min);
    next.at(guest.since_on + world.policy.quiet_after);
  }
  for (const auto& [key, offering] : world.offerings) add_offering(offering, world.policy, next);
  for (const auto& [id, node] : world.nodes) add_node(node, bytes[id], world, next);
  return next.found();
}

}  // namespace godwit::plan
