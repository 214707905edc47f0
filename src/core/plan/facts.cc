#include "core/plan/facts.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "core/plan/guards.h"

namespace godwit::plan {
namespace {

bool chosen(const fleet::Group& group, const fleet::Offering& offering) {
  return admits(group.clouds, offering.cloud) && admits(group.regions, offering.region) &&
         admits(group.zones, offering.key.pool.zone) && admits(group.families, offering.family);
}

double value_of(const fleet::Guest& guest, const fleet::World& world) {
  double least = 0;
  for (const auto& [key, o] : world.offerings) {
    if (o.memory_mib < guest.memory_mib || o.vcpus < guest.vcpus) continue;
    const double part = std::max(static_cast<double>(guest.memory_mib) / o.memory_mib,
                                 static_cast<double>(guest.vcpus) / o.vcpus);
    const double rate = static_cast<double>(o.rate.value) * part;
    if (least == 0 || rate < least) least = rate;
  }
  return std::max(least, 1.0);
}

}  // namespace

fleet::Resources need_of(const fleet::Guest& guest) { return {guest.memory_mib, guest.vcpus}; }

std::int64_t bytes_of(const fleet::Guest& guest) {
  return guest.bytes > 0 ? guest.bytes : std::int64_t{guest.memory_mib} << 20;
}

const fleet::Group& group_of(const fleet::Guest& guest, const fleet::World& world) {
  static const fleet::Group kNoWishes;
  const auto found = world.groups.find(guest.group);
  return found == world.groups.end() ? kNoWishes : found->second;
}

Facts::Facts(const fleet::World& w) : world(w) {
  for (const auto& [id, node] : world.nodes) nodes.push_back(&node);
  add_offerings();
  std::map<GroupId, std::uint32_t> numbers;
  add_groups(numbers);
  add_guests(numbers);
}

void Facts::add_offerings() {
  const auto number = [this](const market::Pool& pool) {
    const auto [at, fresh] =
        pool_numbers.try_emplace(pool, static_cast<PoolNo>(pool_numbers.size()));
    if (fresh) pools.push_back(pool);
    zone_numbers.try_emplace(pool.zone, static_cast<std::uint32_t>(zone_numbers.size()));
    return at->second;
  };
  for (const auto& [key, o] : world.offerings) {
    OfferingFacts facts{.offering = &o,
                        .no = static_cast<std::uint32_t>(offerings.size()),
                        .pool = number(key.pool),
                        .sound_since = sound_since(o, world),
                        .entry = entry_ceiling(o, world)};
    facts.zone = zone_numbers.at(key.pool.zone);
    facts.lost_lately = o.lost_at && *o.lost_at + world.policy.loss_backoff > world.now;
    offerings.push_back(facts);
  }
  for (const fleet::Node* node : nodes) number(node->offering.pool);
}

void Facts::add_groups(std::map<GroupId, std::uint32_t>& numbers) {
  for (const auto& [id, group] : world.groups) {
    numbers.emplace(id, static_cast<std::uint32_t>(numbers.size()));
    for (const OfferingFacts& o : offerings) allowed.push_back(chosen(group, *o.offering));
  }
  // Guests of no group, that is, without wishes.
  allowed.resize(allowed.size() + offerings.size(), true);
  members.resize(numbers.size() + 1);
}

void Facts::add_guests(const std::map<GroupId, std::uint32_t>& numbers) {
  std::map<std::tuple<std::uint32_t, fleet::Resources, std::int64_t>, std::uint32_t> known;
  std::vector<double> values;
  for (const auto& [id, guest] : world.guests) {
    const auto group = numbers.find(guest.group);
    GuestFacts facts{.guest = &guest, .group = &group_of(guest, world)};
    facts.group_no =
        group == numbers.end() ? static_cast<std::uint32_t>(numbers.size()) : group->second;
    facts.need = need_of(guest);
    facts.bytes = bytes_of(guest);
    if (guests.empty()) least_need = facts.need;
    least_need.memory_mib = std::min(least_need.memory_mib, facts.need.memory_mib);
    least_need.vcpus = std::min(least_need.vcpus, facts.need.vcpus);
    if (guest.on) facts.on = node(*guest.on);
    if (guest.wanted) facts.wanted = node(*guest.wanted);
    if (guest.moving_to) facts.moving_to = node(*guest.moving_to);
    for (const NodeId& escape : guest.escapes)
      if (const SlotNo no = node(escape); no != kNone) facts.escapes.push_back(no);
    const auto [kind, fresh] = known.try_emplace({facts.group_no, facts.need, facts.bytes}, kinds);
    if (fresh) ++kinds;
    facts.kind = kind->second;
    if (fresh) values.push_back(value_of(guest, world));
    facts.value = values[facts.kind];
    members[facts.group_no].push_back(static_cast<GuestNo>(guests.size()));
    guests.push_back(std::move(facts));
  }
  std::vector<GuestNo> order(guests.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, [this](GuestNo a, GuestNo b) {
    return guests[a].need > guests[b].need;  // By memory, then vCPUs.
  });
  for (std::uint32_t rank = 0; rank < order.size(); ++rank) guests[order[rank]].rank = rank;
}

SlotNo Facts::node(const NodeId& id) const {
  const auto at = std::ranges::lower_bound(nodes, id, {}, &fleet::Node::id);
  return at != nodes.end() && (*at)->id == id ? static_cast<SlotNo>(at - nodes.begin()) : kNone;
}

GuestNo Facts::guest(const GuestId& id) const {
  const auto at = std::ranges::lower_bound(
      guests, id, {}, [](const GuestFacts& g) -> const GuestId& { return g.guest->id; });
  return at != guests.end() && at->guest->id == id ? static_cast<GuestNo>(at - guests.begin())
                                                   : kNone;
}

}  // namespace godwit::plan
