// Goal: what holds in every plan, whatever happens. Method: seeded random fleets live through
// random prices, refusals, notices, losses, drains and new guests; after each event the laws are
// checked on the plan and on the world after it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/random.h"
#include "core/fleet/share.h"
#include "core/plan/guards.h"
#include "core/plan/state.h"
#include "core/plan/test_world.h"

namespace godwit::plan {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

const std::string kTypes[] = {"c8i.large", "m8i.large", "m8i.xlarge"};
const std::string kZones[] = {"a", "b", "c"};

TestWorld random_world(Random& random) {
  TestWorld w;
  for (const std::string& zone : kZones)
    for (std::size_t t = 0; t < 3; ++t) {
      const std::int64_t on_demand = 100'000 + 60'000 * static_cast<std::int64_t>(t);
      w.offer(kTypes[t], zone, on_demand * (20 + static_cast<std::int64_t>(random.below(40))) / 100,
              on_demand, 4096u << t, 2u << t);
    }
  w.want("free", 1 + static_cast<int>(random.below(4)), 512);
  w.want("wide", 1 + static_cast<int>(random.below(3)), 1024);
  w.group("wide").spread = static_cast<fleet::Spread>(1 + random.below(3));
  w.want("poor", 1 + static_cast<int>(random.below(3)), 1024);
  w.group("poor").maximum_price = MicroUsdPerHour{20'000};
  if (random.below(2)) w.billing.kind = market::BillingRule::Kind::kAuction;
  if (random.below(2)) w.policy.bid = fleet::Bid::kMaximum;
  return w;
}

void happen(TestWorld& w, Random& random) {
  w.now += seconds(30 + random.below(1200));
  const std::string type = kTypes[random.below(3)], zone = kZones[random.below(3)];
  fleet::Offering& spot = w.offerings.at(TestWorld::spot(type, zone));
  std::vector<NodeId> nodes;
  for (const auto& [id, node] : w.nodes)
    if (node.phase == fleet::Phase::kReady) nodes.push_back(id);
  const NodeId some = nodes.empty() ? NodeId{} : nodes[random.below(nodes.size())];
  switch (random.below(8)) {
    case 0:
      spot.refused_until = w.now + minutes(random.below(30));
      break;
    case 1:
      if (!nodes.empty() && w.node(some.value).offering.capacity == fleet::CapacityType::kSpot)
        w.notice(some.value);
      break;
    case 2:
      if (!nodes.empty()) w.nodes.erase(some);
      break;
    case 3:
      if (!nodes.empty()) w.node(some.value).phase = fleet::Phase::kDraining;
      break;
    case 4:
      w.want("free", 1 + static_cast<int>(random.below(5)), 512);
      break;
    default:
      w.price(type, zone,
              std::max<std::int64_t>(1'000, spot.rate.value * (70 + random.below(70)) / 100));
  }
  std::erase_if(w.nodes,
                [&](const auto& n) { return n.second.notice && *n.second.notice <= w.now; });
}

fleet::Resources taken_on(const TestWorld& w, const NodeId& node) {
  fleet::Resources taken;
  for (const auto& [id, guest] : w.guests)
    if (guest.on == node) taken += need_of(guest);
  return taken;
}

void expect_room(const TestWorld& w) {
  for (const auto& [id, node] : w.nodes)
    EXPECT_TRUE(fleet::fits(taken_on(w, id), {node.memory_mib, node.vcpus})) << id.value;
}

void expect_spread(const TestWorld& w) {
  std::set<std::string> seen;
  for (const auto& [id, guest] : w.guests) {
    if (guest.group.value != "wide" || !guest.on || !w.nodes.contains(*guest.on)) continue;
    const fleet::OfferingKey& o = w.nodes.at(*guest.on).offering;
    const fleet::Spread spread = w.groups.at(guest.group).spread;
    const bool pool = spread == fleet::Spread::kPool && o.capacity == fleet::CapacityType::kSpot;
    const std::string where = spread == fleet::Spread::kZone ? o.pool.zone
                              : pool                         ? o.pool.type + o.pool.zone
                                                             : guest.on->value;
    EXPECT_TRUE(seen.insert(where).second) << id.value << " " << where;
  }
}

// Invariant 3: now, and where only seconds are billed nothing else is paid.
void expect_ceilings(const TestWorld& w) {
  for (const auto& [id, guest] : w.guests) {
    if (!guest.on || !w.nodes.contains(*guest.on)) continue;
    const fleet::Node& node = w.nodes.at(*guest.on);
    const fleet::Offering& o = w.offerings.at(node.offering);
    if (o.key.capacity != fleet::CapacityType::kSpot) continue;
    const MicroUsdPerHour ceiling =
        fleet::ceiling(group_of(guest, w).maximum_price, o.on_demand, need_of(guest),
                       taken_on(w, node.id), {node.memory_mib, node.vcpus});
    if (!bills_periods(w.billing)) {
      EXPECT_LE(o.rate, ceiling) << id.value;
    }
    if (node.bid) {
      EXPECT_LE(o.rate, *node.bid) << id.value;
    }
  }
}

void expect_escapes(const TestWorld& w, const Plan& plan) {
  for (const auto& [id, nodes] : plan.escapes) {
    const fleet::OfferingKey& on = w.nodes.at(*w.guests.at(id).on).offering;
    for (const NodeId& node : nodes) EXPECT_NE(w.nodes.at(node).offering, on);
  }
  // All of a pool at once.
  for (const auto& [pool, slack] : plan.pool_slack) {
    std::map<NodeId, fleet::Resources> in;
    for (const auto& [id, nodes] : plan.escapes) {
      const fleet::Guest& guest = w.guests.at(id);
      const fleet::OfferingKey& on = w.nodes.at(*guest.on).offering;
      if (slack.reserved && on.pool == pool) in[nodes.at(0)] += need_of(guest);
    }
    for (auto& [node, need] : in) {
      need += taken_on(w, node);
      EXPECT_TRUE(fleet::fits(need, {w.nodes.at(node).memory_mib, w.nodes.at(node).vcpus}));
    }
  }
}

bool only_ends(const Plan& plan) {
  return std::ranges::all_of(plan.actions, [](const Action& a) {
    return std::holds_alternative<Terminate>(a) || std::holds_alternative<Abandon>(a);
  });
}

TEST(Laws, HoldInEveryPlan) {
  const std::uint64_t seeds = std::getenv("GODWIT_ALL") ? 300 : 15;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Random random(seed);
    TestWorld w = random_world(random);
    for (int event = 0; event < 25; ++event) {
      SCOPED_TRACE(std::format("seed {} event {}", seed, event));
      const Plan plan = make_plan(w);
      w.apply(plan);
      expect_room(w);
      expect_spread(w);
      expect_ceilings(w);
      // plan(apply(plan)): nothing is left to do but to end what was emptied.
      Plan last = make_plan(w);
      EXPECT_TRUE(only_ends(last)) << to_text(plan) << "then\n" << to_text(last);
      w.apply(last);
      last = make_plan(w);
      EXPECT_TRUE(last.actions.empty()) << to_text(last);
      expect_escapes(w, last);
      EXPECT_EQ(last, make_plan(w));
      if (HasFailure()) return;
      happen(w, random);
    }
  }
}

TEST(Laws, TheOrderOfInputDoesNotMatter) {
  Random random(7);
  const TestWorld w = random_world(random);
  TestWorld reversed;
  reversed.policy = w.policy;
  reversed.billing = w.billing;
  for (auto it = w.offerings.rbegin(); it != w.offerings.rend(); ++it)
    reversed.offerings.insert(*it);
  for (auto it = w.groups.rbegin(); it != w.groups.rend(); ++it) reversed.groups.insert(*it);
  for (auto it = w.guests.rbegin(); it != w.guests.rend(); ++it) reversed.guests.insert(*it);
  EXPECT_EQ(make_plan(w), make_plan(reversed));
}

// No ping-pong: with prices alone changing, a guest moves for money at most once in stay_min, and
// each such move has a positive sum of terms.
TEST(Laws, HysteresisBoundsTheMovesOverARandomWalkOfPrices) {
  std::size_t moves = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Random random(seed);
    TestWorld w = random_world(random);
    w.settle();
    std::map<GuestId, Time> moved;
    for (int step = 0; step < 120; ++step) {
      w.now += minutes(1);
      const std::string type = kTypes[random.below(3)], zone = kZones[random.below(3)];
      const std::int64_t rate = w.offerings.at(TestWorld::spot(type, zone)).rate.value;
      w.price(type, zone, std::max<std::int64_t>(5'000, rate * (80 + random.below(41)) / 100));
      const Plan plan = make_plan(w);
      for (const Action& action : plan.actions) {
        const auto* move = std::get_if<Move>(&action);
        if (!move || move->reason == fleet::Reason::kMaxPrice) continue;
        std::int64_t sum = 0;
        for (const Term& term : move->terms) sum += term.amount.value;
        EXPECT_GT(sum, 0);
        const bool returns = move->reason == fleet::Reason::kReturn;
        if (moved.contains(move->guest) && !returns) {
          EXPECT_GE(w.now - moved[move->guest], w.policy.stay_min);
        }
        moved[move->guest] = w.now;
        ++moves;
      }
      w.apply(plan);
    }
  }
  RecordProperty("moves", static_cast<int>(moves));
  EXPECT_GT(moves, 0u);
}

}  // namespace
}  // namespace godwit::plan
