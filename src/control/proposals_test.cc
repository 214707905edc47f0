// Plans that are shown and not followed, and what watchers are told of moves and offerings. Method:
// the small world of test_fleet.h.
#include "control/test_fleet.h"

namespace godwit::control {
namespace {

// What is shown is what would be done, and nothing is done.
TEST_F(Fleet, ShowsAPlanWithoutFollowingIt) {
  const auto refused = request(ports::ReadPlan{{[] {
    ports::GroupSpec other = spec();
    other.image_sha256 = std::string(64, 'c');
    return other;
  }()}});
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  const auto answer = request(ports::ReadPlan{{spec(2)}});
  ASSERT_TRUE(answer) << to_string(answer.error());
  const auto& plan = std::get<ports::PlanView>(*answer);
  ASSERT_EQ(plan.guests.size(), 2U);
  EXPECT_EQ(plan.guests[0].reason, "start");
  EXPECT_FALSE(plan.guests[0].from);
  ASSERT_FALSE(plan.nodes.empty());
  EXPECT_EQ(plan.nodes[0].change, "launch");
  EXPECT_EQ(plan.guests[0].to, plan.nodes[0].node);
  EXPECT_EQ(plan.nodes[0].zone, "a");
  EXPECT_FALSE(plan.guests[0].rejected.empty());
  EXPECT_GT(plan.guests[0].share.value, 0);
  EXPECT_LE(plan.guests[0].share.value + plan.guests[1].share.value, plan.nodes[0].rate.value);
  pass(seconds{120});
  EXPECT_TRUE(instances.empty());
  EXPECT_TRUE(disk.rows.guests.empty());
  // The same that is done when it is applied.
  ASSERT_TRUE(request(ports::ApplyGroup{spec(2)}));
  pass(seconds{60});
  EXPECT_EQ(runs.at(GuestId{"web-1"}).node, *plan.guests[0].to);
  const auto after = request(ports::ReadPlan{});
  for (const auto& guest : std::get<ports::PlanView>(*after).guests) {
    EXPECT_EQ(guest.reason, "keep");
    EXPECT_EQ(guest.from, guest.to);
  }
}

// Watchers see a move begin and end, and a price that changes.
TEST_F(Fleet, TellsWatchersOfMovesAndOfferings) {
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  pass(seconds{60});
  const GuestId web{"web-1"};
  published.clear();
  ASSERT_TRUE(request(ports::DrainNode{runs.at(web).node, false}));
  pass(seconds{10});
  std::vector<ports::MoveView::State> states;
  for (const ports::Change& change : published)
    if (const auto* move = std::get_if<ports::MoveView>(&change.body))
      states.push_back(move->state);
  ASSERT_GE(states.size(), 2U);
  EXPECT_EQ(states.front(), ports::MoveView::State::kUnderWay);
  EXPECT_EQ(states.back(), ports::MoveView::State::kDone);
  published.clear();
  price("b", 51'000);
  pass(seconds{120});
  int offerings = 0;
  for (const ports::Change& change : published)
    if (const auto* offering = std::get_if<ports::OfferingView>(&change.body)) {
      ++offerings;
      EXPECT_EQ(offering->zone, "b");
      EXPECT_EQ(offering->rate.value, 51'000);
    }
  EXPECT_EQ(offerings, 1);
}

}  // namespace
}  // namespace godwit::control
