#include "core/fleet/share.h"

#include <algorithm>

#include "base/check.h"

namespace godwit::fleet {
namespace {

struct Part {
  std::int64_t of = 0, capacity = 1;
};

// The guest's part of the bottleneck. Ties go to memory, which is never overcommitted.
Part part(const Resources& need, const Resources& taken, const Resources& capacity) {
  CHECK(capacity.memory_mib > 0 && capacity.vcpus > 0);
  const bool by_vcpus = taken.vcpus * capacity.memory_mib > taken.memory_mib * capacity.vcpus;
  return by_vcpus ? Part{need.vcpus, capacity.vcpus} : Part{need.memory_mib, capacity.memory_mib};
}

}  // namespace

bool fits(const Resources& need, const Resources& free) {
  return need.memory_mib <= free.memory_mib && need.vcpus <= free.vcpus;
}

MicroUsdPerHour share(MicroUsdPerHour rate, const Resources& need, const Resources& taken,
                      const Resources& capacity) {
  const Part p = part(need, taken, capacity);
  return {(rate.value * p.of + p.capacity - 1) / p.capacity};
}

MicroUsdPerHour ceiling(std::optional<MicroUsdPerHour> maximum, MicroUsdPerHour on_demand,
                        const Resources& need, const Resources& taken, const Resources& capacity) {
  if (!maximum) return on_demand;
  const Part p = part(need, taken, capacity);
  // Rounded down, so that the share at the ceiling, rounded up, does not pass the maximum.
  if (p.of == 0) return on_demand;
  return std::min(on_demand, MicroUsdPerHour{maximum->value * p.capacity / p.of});
}

}  // namespace godwit::fleet
