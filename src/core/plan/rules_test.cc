// Goal: each named rule does what it says. Method: a small scenario per rule; the plans, played by
// a cloud that does everything at once, are compared as text.
#include <gtest/gtest.h>

#include "core/plan/test_world.h"

namespace godwit::plan {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

TestWorld three_pools() {
  TestWorld w;
  w.offer("c8i.large", "a", 30'000, 100'000);
  w.offer("c8i.large", "b", 35'000, 100'000);
  w.offer("m8i.large", "a", 45'000, 120'000, 8192);
  return w;
}

void refuse_all_spot(TestWorld& w, Duration how_long) {
  for (auto& [key, offering] : w.offerings)
    if (key.capacity == fleet::CapacityType::kSpot) offering.refused_until = w.now + how_long;
}

TEST(Rules, StartsOnTheCheapestSoundOfferingAndPacks) {
  TestWorld w = three_pools();
  w.want("web", 2);
  w.want("db", 1, 1024);
  EXPECT_EQ("\n" + w.settle(), R"(
launch n-t-1 c8i.large/a spot at 0.030000 $/h, at most 0.100000 $/h, start for db-1, web-1
launch n-t-2 m8i.large/a spot at 0.045000 $/h, at most 0.120000 $/h, start for web-2
launch n-t-3 c8i.large/b spot at 0.035000 $/h, at most 0.100000 $/h, escape for web-1
place db-1 on n-t-1, start
place web-1 on n-t-1, start
place web-2 on n-t-2, start
)");
}

TEST(Rules, SpreadsAGroupAsItsSpecSays) {
  for (const auto spread : {fleet::Spread::kNode, fleet::Spread::kPool, fleet::Spread::kZone}) {
    TestWorld w = three_pools();
    w.want("web", 2);
    w.group("web").spread = spread;
    w.settle();
    const fleet::Node &a = w.node(w.guest("web-1").on->value),
                      &b = w.node(w.guest("web-2").on->value);
    EXPECT_NE(a.id, b.id);
    if (spread == fleet::Spread::kPool && a.offering.capacity == fleet::CapacityType::kSpot) {
      EXPECT_NE(a.offering, b.offering);
    }
    if (spread == fleet::Spread::kZone) {
      EXPECT_NE(a.offering.pool.zone, b.offering.pool.zone);
    }
    // Two zones for three guests: the third has no place, and is told why.
    w.want("web", 3);
    w.settle();
    const Plan plan = make_plan(w);
    EXPECT_EQ(plan.unplaceable.size(), spread == fleet::Spread::kZone ? 1u : 0u);
    if (spread == fleet::Spread::kZone) {
      EXPECT_EQ(plan.unplaceable.at({"web-3"}),
                "none of 6 offerings takes it; 6: the group's spread");
    }
  }
}

TEST(Rules, MovesToACheaperPoolAndShowsTheTerms) {
  TestWorld w = three_pools();
  w.want("web", 2);
  w.settle();
  w.now += minutes(30);
  w.offer("c8i.large", "c", 15'000, 100'000);
  EXPECT_EQ("\n" + to_text(make_plan(w)), R"(
launch n-t-3 c8i.large/c spot at 0.015000 $/h, at most 0.100000 $/h, cheaper for web-1, web-2
    saving 0.240000 $
    pause -0.000332 $
    interruption 0.000000 $
    transfer -0.021460 $
    double pay -0.000587 $
move web-1 from n-t-1 to n-t-3, cheaper
    saving 0.240000 $
    pause -0.000332 $
    interruption 0.000000 $
    transfer -0.021460 $
    double pay -0.000587 $
move web-2 from n-t-1 to n-t-3, cheaper
    saving 0.240000 $
    pause -0.000332 $
    interruption 0.000000 $
    transfer -0.021460 $
    double pay -0.000587 $
escape web-1: n-t-2
escape web-2: n-t-2
slack n-t-1: 69 s
slack c8i.large/a: 69 s
)");
  w.settle();
  EXPECT_EQ(w.node(w.guest("web-1").on->value).offering, w.spot("c8i.large", "c"));
}

TEST(Rules, LeavesGuestsAloneThatMovedLatelyOrWouldSaveTooLittle) {
  TestWorld w = three_pools();
  w.want("web", 2);
  w.settle();
  w.now += minutes(5);
  w.offer("c8i.large", "c", 15'000, 100'000);
  EXPECT_EQ(w.settle(), "");
  w.now += minutes(30);
  w.offerings.at(w.spot("c8i.large", "c")).rate = {34'000};
  EXPECT_EQ(w.settle(), "");
}

TEST(Rules, TakesAnotherOfferingAfterACapacityError) {
  TestWorld w = three_pools();
  w.want("web", 1);
  const Plan first = make_plan(w);
  const Launch launch = std::get<Launch>(first.actions.at(0));
  w.apply(first);
  // The launch is refused: its node is gone from the world, and the pool rests.
  w.guest("web-1").on.reset();
  w.nodes.erase(launch.node);
  w.offerings.at(launch.offering).refused_until = w.now + minutes(3);
  EXPECT_EQ("\n" + w.settle(), R"(
launch n-t-3 m8i.large/a spot at 0.045000 $/h, at most 0.120000 $/h, escape for web-1
place web-1 on n-t-2, start
)");
}

TEST(Rules, FallsBackToOnDemandAndReturnsWhenSpotHasProvenItself) {
  TestWorld w = three_pools();
  w.want("web", 2);
  refuse_all_spot(w, minutes(3));
  EXPECT_EQ("\n" + w.settle(), R"(
launch n-t-1 c8i.large/a on-demand at 0.100000 $/h, capacity for web-1, web-2
place web-1 on n-t-1, start
place web-2 on n-t-1, start
)");
  w.now += minutes(12);  // Sound for nine minutes.
  EXPECT_EQ(w.settle(), "");
  EXPECT_EQ(make_plan(w).look_again, kStart + minutes(13));
  w.now += minutes(1);
  EXPECT_EQ("\n" + w.settle(), R"(
launch n-t-2 c8i.large/a spot at 0.030000 $/h, at most 0.100000 $/h, return for web-1, web-2
launch n-t-3 c8i.large/b spot at 0.035000 $/h, at most 0.100000 $/h, escape for web-1, web-2
move web-1 from n-t-1 to n-t-2, return
move web-2 from n-t-1 to n-t-2, return
)");
  w.now += minutes(3);
  EXPECT_EQ("\n" + w.settle(), R"(
terminate n-t-1: nobody needs it
)");
}

TEST(Rules, OnNoticeGuestsGoToTheirFirstEscapeAtOnce) {
  TestWorld w = three_pools();
  w.want("web", 2);
  w.settle();
  w.now += minutes(90);  // After the first hour, which would be refunded.
  const std::string node = w.guest("web-1").on->value;
  const NodeId escape = w.guest("web-1").escapes.at(0);
  w.notice(node);
  EXPECT_EQ("\n" + w.settle(), R"(
launch n-t-3 m8i.large/a spot at 0.045000 $/h, at most 0.120000 $/h, escape for web-1, web-2
move web-1 from n-t-1 to n-t-2, notice
move web-2 from n-t-1 to n-t-2, notice
terminate n-t-1: empty and under notice
)");
  EXPECT_EQ(w.guest("web-1").on, escape);
}

TEST(Rules, OnNoticeWithoutReadyRoomLaunchesAndKeepsToIt) {
  TestWorld w = three_pools();
  w.want("web", 1);
  w.settle();
  for (auto& [id, node] : w.nodes)
    if (w.guest("web-1").on != id) node.phase = fleet::Phase::kCordoned;
  w.notice(w.guest("web-1").on->value);
  const Plan plan = make_plan(w);
  EXPECT_EQ("\n" + w.actions_of(plan), R"(
launch n-t-3 c8i.large/b spot at 0.035000 $/h, at most 0.100000 $/h, notice for web-1
launch n-t-4 m8i.large/a spot at 0.045000 $/h, at most 0.120000 $/h, escape for web-1
move web-1 from n-t-1 to n-t-3, notice
)");
  const Launch launch = std::get<Launch>(plan.actions.at(0));
  w.next_node = plan.next_node;
  for (const Action& a : plan.actions)
    if (const auto* l = std::get_if<Launch>(&a))
      w.nodes[l->node] = {.id = l->node, .offering = l->offering, .launched = w.now};
  w.guest("web-1").wanted = launch.node;
  EXPECT_EQ(w.actions_of(make_plan(w)), "");
}

TEST(Rules, TakesOverWhereALostNodesGuestsFit) {
  TestWorld w = three_pools();
  w.want("web", 2);
  w.settle();
  const NodeId lost = *w.guest("web-1").on;
  w.offerings.at(w.node(lost.value).offering).lost_at = w.now;
  w.nodes.erase(lost);
  EXPECT_EQ("\n" + w.settle(), R"(
launch n-t-3 m8i.large/a spot at 0.045000 $/h, at most 0.120000 $/h, escape for web-1, web-2
place web-1 on n-t-2, loss
place web-2 on n-t-2, loss
)");
}

TEST(Rules, DrainsANodeAndSparesACordonedOne) {
  TestWorld w = three_pools();
  w.want("web", 2);
  w.settle();
  fleet::Node& node = w.node(w.guest("web-1").on->value);
  node.phase = fleet::Phase::kCordoned;
  EXPECT_EQ(w.settle(), "");
  w.want("more", 1);
  w.settle();
  EXPECT_NE(w.guest("more-1").on, node.id);
  node.phase = fleet::Phase::kDraining;
  EXPECT_EQ("\n" + w.settle(), R"(
launch n-t-4 c8i.large/a spot at 0.030000 $/h, at most 0.100000 $/h, escape for web-2
move web-1 from n-t-1 to n-t-3, drain
move web-2 from n-t-1 to n-t-2, drain
terminate n-t-1: drained
)");
}

TEST(Rules, WaitsBelowTheMaximumIfTheGroupSaysSo) {
  TestWorld w = three_pools();
  w.want("web", 1);
  w.group("web").maximum_price = MicroUsdPerHour{3'000};  // An eighth of a node: 24,000.
  w.group("web").above_maximum = fleet::AboveMaximum::kWait;
  EXPECT_EQ("\n" + to_text(make_plan(w)), R"(
unplaceable web-1: none of 6 offerings takes it; 6: above the maximum price
)");
  w.group("web").above_maximum = fleet::AboveMaximum::kOnDemand;
  EXPECT_EQ("\n" + w.settle(), R"(
launch n-t-1 c8i.large/a on-demand at 0.100000 $/h, capacity for web-1
place web-1 on n-t-1, start
)");
}

TEST(Rules, KeepsAWantedNodeThatIsStillLaunching) {
  TestWorld w = three_pools();
  w.want("web", 1);
  w.nodes[{"n-t-1"}] = {.id = {"n-t-1"}, .offering = w.spot("c8i.large", "b"), .launched = w.now};
  w.nodes[{"n-t-2"}] = {.id = {"n-t-2"}, .offering = w.spot("m8i.large", "a"), .launched = w.now};
  w.next_node = 3;
  w.guest("web-1").wanted = {"n-t-1"};
  EXPECT_EQ(w.settle(), "");
}

TEST(Rules, CallsOffAMoveThatWasWantedAndIsNoLongerSound) {
  TestWorld w = three_pools();
  w.want("web", 1);
  w.settle();
  const NodeId to{"n-t-9"};
  w.nodes[to] = {.id = to, .offering = w.spot("m8i.large", "a"), .launched = w.now};
  w.next_node = 10;
  w.guest("web-1").wanted = to;
  EXPECT_EQ(w.settle(), "");
  w.notice(to.value);
  EXPECT_EQ("\n" + w.settle(), R"(
stay web-1 on n-t-1: n-t-9 is no place for it now
abandon n-t-9: the provider ends it, and will not charge for it
)");
}

TEST(Rules, RebalancesAGroupWhoseSpreadIsBroken) {
  TestWorld w = three_pools();
  w.want("web", 2);
  w.settle();
  EXPECT_EQ(w.guest("web-1").on, w.guest("web-2").on);
  w.group("web").spread = fleet::Spread::kPool;  // The spec is changed.
  w.now += minutes(5);
  // Who moved lately is left alone; but their escapes must not be in one pool either.
  EXPECT_EQ("\n" + w.settle(), R"(
launch n-t-3 m8i.large/a spot at 0.045000 $/h, at most 0.120000 $/h, escape for web-2
)");
  w.now += minutes(20);
  const Plan plan = make_plan(w);
  EXPECT_EQ("\n" + to_text(plan), R"(
move web-2 from n-t-1 to n-t-2, rebalance
    saving 0.000000 $
    pause -0.000166 $
    transfer -0.010720 $
    double pay 0.000000 $
    not c8i.large/b spot: 0.000000 $/h more for the same guests
    not m8i.large/a spot: 0.000000 $/h more for the same guests
    not c8i.large/a on-demand: 0.055000 $/h more for the same guests
escape web-1: n-t-3
escape web-2: n-t-3
slack n-t-1: 80 s
slack n-t-2: 80 s
slack c8i.large/a: 80 s
slack c8i.large/b: 80 s
)");
  w.apply(plan);
  EXPECT_NE(w.node(w.guest("web-1").on->value).offering,
            w.node(w.guest("web-2").on->value).offering);
  w.now += minutes(60);
  w.settle();
  EXPECT_NE(w.node(w.guest("web-1").on->value).offering,
            w.node(w.guest("web-2").on->value).offering);
}

TEST(Rules, DoesNotRebalanceWhereNoSoundPlaceIs) {
  TestWorld w = three_pools();
  w.want("web", 3, 512);
  w.settle();
  w.group("web").spread = fleet::Spread::kZone;
  w.now += minutes(60);
  for (int minute = 0; minute < 30; ++minute) {
    w.settle();
    w.now += minutes(1);
  }
  // Zones a and b: two stay together, and nobody goes to and fro.
  std::map<std::string, int> zones;
  for (const auto& [id, guest] : w.guests) ++zones[w.node(guest.on->value).offering.pool.zone];
  EXPECT_EQ(zones, (std::map<std::string, int>{{"a", 2}, {"b", 1}}));
  EXPECT_EQ(w.settle(), "");
}

TEST(Rules, ConsolidatesHalfEmptyNodes) {
  TestWorld w = three_pools();
  w.want("web", 6);  // Two on a node, by vCPUs.
  w.settle();
  w.now += minutes(30);
  for (const char* id : {"web-1", "web-3"}) w.guests.erase({id});
  w.settle();
  w.now += minutes(30);
  w.settle();
  std::set<NodeId> used;
  for (const auto& [id, guest] : w.guests) used.insert(*guest.on);
  EXPECT_EQ(used.size(), 2u);
}

TEST(Rules, EndsNodesThatNobodyNeedsAfterAGrace) {
  TestWorld w = three_pools();
  w.want("web", 1);
  w.settle();
  w.guests.clear();
  w.settle();
  for (auto& [id, node] : w.nodes) node.idle_since = w.now;
  EXPECT_EQ(w.settle(), "");
  EXPECT_LE(make_plan(w).look_again, w.now + minutes(2));
  w.now += minutes(2);
  w.settle();
  EXPECT_TRUE(w.nodes.empty());
}

TEST(Rules, LeavesANodeToTheProviderWhereTheEndIsRefunded) {
  for (const bool first_hour : {true, false}) {
    TestWorld w = three_pools();
    w.want("web", 1);
    w.settle();
    w.now += minutes(first_hour ? 30 : 90);
    const NodeId node = *w.guest("web-1").on;
    w.notice(node.value);
    w.settle();
    ASSERT_EQ(w.nodes.contains(node), first_hour);
    if (!first_hour) continue;
    EXPECT_EQ(w.node(node.value).phase, fleet::Phase::kAbandoned);
    w.now += minutes(4);  // The provider did not keep its word.
    w.settle();
    EXPECT_FALSE(w.nodes.contains(node));
  }
}

TEST(Rules, PacksNoMoreThanCanEscapeInsideANotice) {
  TestWorld w = three_pools();
  for (auto& [key, offering] : w.offerings) offering.on_demand = {300'000};
  for (auto& [key, offering] : w.offerings)
    if (key.capacity == fleet::CapacityType::kOnDemand) offering.rate = {300'000};
  w.want("big", 2, 512);
  for (auto& [id, guest] : w.guests) guest.bytes = 3'000'000'000;  // 60 of 90 s each.
  w.settle();
  EXPECT_NE(w.guest("big-1").on, w.guest("big-2").on);
  const Plan plan = make_plan(w);
  for (const auto& [node, slack] : plan.slack) EXPECT_EQ(slack, (Slack{30, true}));
  w.guest("big-1").bytes = 6'000'000'000;  // Its overlay grew.
  EXPECT_FALSE(make_plan(w).warnings.empty());
}

}  // namespace
}  // namespace godwit::plan
