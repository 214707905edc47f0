// What a guest's share of a node costs, and the node rate at which it reaches the maximum price.
//
// A guest's share is the node's rate times the guest's part of the node's bottleneck: the resource
// of which the guests planned there take the largest part together. What is left idle is headroom,
// paid by the fleet; so shares never add up to more than the node's rate.
//
// How a group's maximum becomes a node's: the ceiling of a guest on a node is the highest node rate
// at which its share is at most its maximum. It falls when the packing gets looser for that guest's
// bottleneck. It is never above the on-demand rate of the node's type, which is also the ceiling of
// a guest without a maximum. The ceiling of a
// node is the lowest of its guests; its bid, where Policy says kMaximum, the highest of them at
// launch, since a bid below somebody's ceiling would end the instance under a guest that may stay.
#pragma once

#include <cstdint>
#include <optional>

#include "base/money.h"

namespace godwit::fleet {

struct Resources {
  std::int64_t memory_mib = 0, vcpus = 0;
  auto operator<=>(const Resources&) const = default;
  Resources& operator+=(const Resources& other) {
    memory_mib += other.memory_mib;
    vcpus += other.vcpus;
    return *this;
  }
  Resources& operator-=(const Resources& other) {
    memory_mib -= other.memory_mib;
    vcpus -= other.vcpus;
    return *this;
  }
};
bool fits(const Resources& need, const Resources& free);

// `taken` is what all guests planned on the node need, this one included; capacity > 0 in both.
MicroUsdPerHour share(MicroUsdPerHour rate, const Resources& need, const Resources& taken,
                      const Resources& capacity);  // Rounded up.
MicroUsdPerHour ceiling(std::optional<MicroUsdPerHour> maximum, MicroUsdPerHour on_demand,
                        const Resources& need, const Resources& taken, const Resources& capacity);

}  // namespace godwit::fleet
