// What the rules look up again and again, by number instead of by name: made once for a plan, so
// that a trial costs no string. Numbers are positions, in order of name or key.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/fleet/fleet.h"
#include "core/fleet/share.h"

namespace godwit::plan {

using GuestNo = std::uint32_t;
using SlotNo = std::uint32_t;  // Nodes of the world, then launches in their order: state.h.
using PoolNo = std::uint32_t;  // Of type and zone; the spot one and the on-demand one.
inline constexpr std::uint32_t kNone = ~std::uint32_t{0};

struct OfferingFacts {
  const fleet::Offering* offering = nullptr;
  std::uint32_t no = 0;
  PoolNo pool = 0;
  std::uint32_t zone = 0;
  std::optional<Time> sound_since;  // As in guards.h.
  bool lost_lately = false;         // Inside Policy::loss_backoff: its nodes take nobody.
  std::int64_t entry = 0;           // A guest may enter if its ceiling is at least this.
};

struct GuestFacts {
  const fleet::Guest* guest = nullptr;
  const fleet::Group* group = nullptr;
  std::uint32_t group_no = 0;
  fleet::Resources need;
  std::int64_t bytes = 0;
  // Nodes of the world. kNone also where the name is of none.
  SlotNo on = kNone, wanted = kNone, moving_to = kNone;
  std::vector<SlotNo> escapes;
  // Place in the order in which guests are packed: largest first, then by name.
  std::uint32_t rank = 0;
  // Guests of one kind need the same and have the same wishes: what refuses one refuses all, but
  // for where they run.
  std::uint32_t kind = 0;
  // In comparisons of nodes that take different guests: its part of the cheapest node, so that
  // neither memory nor vCPUs are favoured.
  double value = 0;
};

struct Facts {
  explicit Facts(const fleet::World& world);
  Facts(const Facts&) = delete;
  Facts& operator=(const Facts&) = delete;

  // The group's choices of clouds, regions, zones and families.
  bool allows(std::uint32_t group, std::uint32_t offering) const {
    return allowed[group * offerings.size() + offering];
  }
  SlotNo node(const NodeId& id) const;
  GuestNo guest(const GuestId& id) const;

  const fleet::World& world;
  std::vector<OfferingFacts> offerings;
  std::vector<const fleet::Node*> nodes;
  std::vector<GuestFacts> guests;
  std::vector<std::vector<GuestNo>> members;  // Of groups.
  std::vector<market::Pool> pools;            // By number.
  std::map<market::Pool, PoolNo> pool_numbers;
  std::map<std::string, std::uint32_t> zone_numbers;
  std::vector<bool> allowed;
  std::uint32_t kinds = 0;
  fleet::Resources least_need;  // No guest needs less of either.

 private:
  void add_offerings();
  void add_groups(std::map<GroupId, std::uint32_t>& numbers);
  void add_guests(const std::map<GroupId, std::uint32_t>& numbers);
};

fleet::Resources need_of(const fleet::Guest& guest);
std::int64_t bytes_of(const fleet::Guest& guest);
const fleet::Group& group_of(const fleet::Guest& guest, const fleet::World& world);

}  // namespace godwit::plan
