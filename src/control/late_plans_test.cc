// Plans that come back after the world has changed: none does harm, and each is made anew. Method:
// a solver that answers when it is told to, in the small world of test_fleet.h.
#include "control/test_fleet.h"

namespace godwit::control {
namespace {

bool noted(const std::vector<std::string>& notes, const std::string& text) {
  return std::ranges::any_of(notes,
                             [&](const std::string& note) { return note.starts_with(text); });
}

// While a plan was made its guest was moved by hand: the user's wish stands.
TEST_F(Fleet, AMoveThatWasPlannedBeforeTheGuestWentElsewhereIsDropped) {
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  pass(seconds{60});
  const GuestId web{"web-1"};
  const NodeId first = runs.at(web).node;
  NodeId second;
  for (const NodeId& node : runs.at(web).set)
    if (node != first) second = node;
  ASSERT_TRUE(request(ports::DrainNode{second, true}));
  slow_solver = true;
  tell(ports::Request{++requests, "user", ports::DrainNode{first, false}});
  solve_one();  // What the drain would do; then the plan that does it.
  ASSERT_TRUE(request(ports::MigrateGuest{web, second}));
  settle();
  EXPECT_EQ(runs.at(web).node, second);
  ASSERT_TRUE(unsolved);
  tell(Solved{unsolved->version - 1, {}});  // Of an older one: nothing happens.
  notes.clear();
  slow_solver = false;
  solve();
  EXPECT_TRUE(noted(notes, "move web-1 to ")) << notes.size();
  pass(seconds{200});
  EXPECT_EQ(runs.at(web).node, second);
  EXPECT_EQ(moves().size(), 1U);
  EXPECT_EQ(moves().front().reason, "manual");
  EXPECT_TRUE(instance_of(first)->second.ended) << "the drain goes on";
}

// While a plan was made its destination died.
TEST_F(Fleet, AMoveToANodeThatIsGoneIsPlannedAnew) {
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  pass(seconds{60});
  const GuestId web{"web-1"};
  const NodeId first = runs.at(web).node;
  ASSERT_TRUE(request(ports::DrainNode{first, true}));
  slow_solver = true;
  tell(ports::Request{++requests, "user", ports::DrainNode{first, false}});
  solve_one();
  ASSERT_TRUE(unsolved);
  const plan::Plan late = plan::make_plan(unsolved->world);
  const auto move = std::ranges::find_if(late.actions, [](const plan::Action& action) {
    return std::holds_alternative<plan::Move>(action);
  });
  ASSERT_NE(move, late.actions.end());
  const NodeId to = std::get<plan::Move>(*move).to;
  ASSERT_NE(instance_of(to), instances.end()) << "it goes to a node that is there";
  kill(to);
  tell(Certified{to});
  notes.clear();
  slow_solver = false;
  solve();
  EXPECT_TRUE(noted(notes, "move web-1 to " + to.value));
  pass(seconds{200});
  EXPECT_NE(runs.at(web).node, first);
  EXPECT_FALSE(instance_of(runs.at(web).node)->second.ended);
  EXPECT_EQ(starts, 1) << "it has moved, it was not started again";
}

// While a plan was made its pool became dearer than the ceiling.
TEST_F(Fleet, ALaunchInAPoolThatHasBecomeDearerIsPlannedAnew) {
  slow_solver = true;
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  ASSERT_TRUE(unsolved);
  now += seconds{1};  // A pool has one price at a time.
  price("a", 200'000);
  pass(seconds{61});  // Prices are read.
  EXPECT_TRUE(instances.empty());
  notes.clear();
  slow_solver = false;
  solve();
  EXPECT_TRUE(noted(notes, "launch "));
  EXPECT_TRUE(noted(notes, "place web-1 on ")) << "nor waits it for a node that will not be";
  pass(seconds{60});
  EXPECT_EQ(zone_of("web-1"), "c");
  for (const auto& [id, instance] : instances) EXPECT_NE(instance.seen.zone, "a");
}

// The control plane dies while a plan is made, and its successor plans for itself: an answer to the
// dead one means nothing to it.
TEST_F(Fleet, AnAnswerToAnEarlierProcessIsNotAdopted) {
  slow_solver = true;
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  ASSERT_TRUE(unsolved);
  const Solve old = *unsolved;
  now += seconds{1};
  start();
  ASSERT_TRUE(instances.empty());
  tell(Solved{old.version, plan::make_plan(old.world)});
  settle();
  EXPECT_TRUE(instances.empty());
  slow_solver = false;
  solve();
  pass(seconds{60});
  EXPECT_EQ(starts, 1);
}

// A notice and the loss of all agents come at once, as after a stop of the control plane: the guest
// has escaped meanwhile, unheard, to a node that nobody seems to need.
TEST_F(Fleet, ANodeThatAGuestMayHaveEscapedToIsNotEnded) {
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  pass(std::chrono::minutes{20});
  const GuestId web{"web-1"};
  const NodeId first = runs.at(web).node;
  NodeId second;
  for (const NodeId& node : runs.at(web).set)
    if (node != first) second = node;
  joins = false;
  slow_solver = true;
  tell(ports::Message{{},
                      first,
                      ports::kControl,
                      ports::NodeState{.boot_id = "boot",
                                       .address = "10.0.0.1",
                                       .port = 7001,
                                       .memory_mib = 2048,
                                       .vcpus = 2,
                                       .notice = now + seconds{110},
                                       .images = images[first]}});
  runs.at(web).node = second;
  ++runs.at(web).epoch.hop;
  tell(AgentSeen{first, false});
  tell(AgentSeen{second, false});
  slow_solver = false;
  solve();
  settle();
  instance_of(first)->second.ended = true;
  pass(seconds{20});
  ASSERT_FALSE(instance_of(second)->second.ended);
  attach(second);
  report(web, second);
  joins = true;
  pass(seconds{200});
  EXPECT_EQ(starts, 1) << "it was not lost";
}

}  // namespace
}  // namespace godwit::control
