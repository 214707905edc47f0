// The control plane with a provider: from a spec to running guests, through refusals, deaths and
// its own restarts, in the small world of test_fleet.h.
#include "control/test_fleet.h"

namespace godwit::control {
namespace {

// A spec leads to an instance in the cheapest pool, and the guest runs there.
TEST_F(Fleet, StartsAGroupOnTheCheapestSpot) {
  const auto applied = request(ports::ApplyGroup{spec()});
  ASSERT_TRUE(applied) << to_string(applied.error());
  pass(seconds{60});
  ASSERT_TRUE(runs.contains(GuestId{"web-1"}));
  EXPECT_EQ(zone_of("web-1"), "a");
  const ports::GuestView view = guest("web-1");
  EXPECT_EQ(view.phase, ports::GuestPhase::kRunning) << view.why;
  EXPECT_EQ(view.node, runs.at(GuestId{"web-1"}).node);
  EXPECT_EQ(starts, 1);
  // Room for its escape is elsewhere than in its pool.
  EXPECT_GE(runs.at(GuestId{"web-1"}).set.size(), 2U);
  EXPECT_TRUE(moves().empty());
}

// Nothing is started twice or leaks, wherever the control plane dies between intent and result.
TEST_F(Fleet, GoesOnFromItsRowsAfterEachLostAnswer) {
  for (int lost = 0; lost < 8; ++lost) {
    SCOPED_TRACE(lost);
    ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
    // So many answers come, then the control plane dies with what it has asked in flight: the cloud
    // has done it.
    for (int i = 0; i < lost && !asked.empty(); ++i) {
      const AskCloud ask = asked.front();
      asked.erase(asked.begin());
      tell(ports::CloudEvent{ask.number, answer(ask.what)});
    }
    for (const AskCloud& ask : asked) (void)answer(ask.what);
    start();
    pass(seconds{120});
    ASSERT_TRUE(runs.contains(GuestId{"web-1"}));
    std::set<std::string> nodes;
    for (const auto& [id, known] : instances) {
      if (known.ended) continue;
      EXPECT_TRUE(nodes.insert(known.seen.tags.at(kNodeTag)).second) << "two for one node";
      EXPECT_TRUE(disk.rows.nodes.contains(NodeId{known.seen.tags.at(kNodeTag)})) << id;
    }
    ASSERT_TRUE(request(ports::DeleteGroup{GroupId{"web"}}));
    pass(std::chrono::minutes{20});
    EXPECT_EQ(living(), 0U) << "nothing is paid for without guests";
    EXPECT_TRUE(disk.rows.groups.empty());
    EXPECT_TRUE(runs.empty());
  }
}

// What the provider has not been seen to have done is shown.
TEST_F(Fleet, ShowsItsIntents) {
  const auto intents = [&] {
    const auto answer = request(ports::ListIntents{});
    return std::get<ports::Listing<ports::IntentView>>(*answer).items;
  };
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  const auto asked_for = intents();
  ASSERT_FALSE(asked_for.empty());
  EXPECT_EQ(asked_for[0].kind, "launch");
  EXPECT_EQ(asked_for[0].zone, "a");
  EXPECT_TRUE(asked_for[0].spot);
  pass(seconds{60});
  EXPECT_TRUE(intents().empty());
}

// An instance joins, and then the control plane dies before the answer of its launch was recorded:
// the token is gone, so the launch cannot be asked for again.
TEST_F(Fleet, KeepsWhoJoinedBeforeItsLaunchWasAnswered) {
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  for (int i = 0; i < 20 && instances.empty() && !asked.empty(); ++i) {
    const AskCloud ask = asked.front();
    asked.erase(asked.begin());
    const ports::CloudAnswer said = answer(ask.what);
    if (!std::holds_alternative<ports::Launch>(ask.what)) tell(ports::CloudEvent{ask.number, said});
  }
  ASSERT_EQ(instances.size(), 1U);
  join("i-1");
  const NodeId node{instances.at("i-1").seen.tags.at(kNodeTag)};
  start();
  pass(seconds{60});
  ASSERT_TRUE(disk.rows.nodes.contains(node)) << "it is a node still";
  EXPECT_EQ(disk.rows.nodes.at(node).instance, "i-1");
  EXPECT_FALSE(instances.at("i-1").ended);
  EXPECT_TRUE(runs.contains(GuestId{"web-1"}));
}

TEST_F(Fleet, PassesOverAPoolWithoutCapacity) {
  full.insert({{"m.large", "a"}, ports::CapacityType::kSpot});
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  pass(seconds{60});
  ASSERT_TRUE(runs.contains(GuestId{"web-1"}));
  EXPECT_EQ(zone_of("web-1"), "c");
}

TEST_F(Fleet, FallsBackToOnDemand) {
  full.insert({{"m.large", "a"}, ports::CapacityType::kSpot});
  for (const char* zone : {"b", "c"}) full.insert({{"m.large", zone}, ports::CapacityType::kSpot});
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  pass(seconds{60});
  ASSERT_TRUE(runs.contains(GuestId{"web-1"}));
  const auto at = instance_of(runs.at(GuestId{"web-1"}).node);
  EXPECT_EQ(at->second.seen.capacity, ports::CapacityType::kOnDemand);
}

// A node that dies without notice: its guest is started again elsewhere, and that is said.
TEST_F(Fleet, StartsAgainWhatANodeTookAlong) {
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  pass(seconds{60});
  const NodeId first = runs.at(GuestId{"web-1"}).node;
  kill(first);
  pass(seconds{120});
  ASSERT_TRUE(runs.contains(GuestId{"web-1"}));
  EXPECT_NE(runs.at(GuestId{"web-1"}).node, first);
  EXPECT_EQ(starts, 2);
  ASSERT_EQ(moves().size(), 1U);
  EXPECT_FALSE(moves().front().live);
  EXPECT_EQ(moves().front().reason, "loss");
  EXPECT_EQ(moves().front().source, first);
}

// Also if the control plane dies while the guest is started again: its memory is lost, and no
// restart of ours makes that a live move.
TEST_F(Fleet, TellsALossAsOneAfterItsOwnRestart) {
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  pass(seconds{60});
  const NodeId first = runs.at(GuestId{"web-1"}).node;
  instance_of(first)->second.ended = true;
  runs.clear();
  tell(Certified{first});
  for (int i = 0;
       i < 20 && disk.rows.guests.at(GuestId{"web-1"}).owner.kind != ports::GenerationKind::kTaken;
       ++i) {
    ASSERT_FALSE(mails.empty());
    const ports::Message m = mails.front();
    mails.erase(mails.begin());
    carry(m);
  }
  mails.clear();  // The TAKE with them.
  start();
  pass(seconds{60});
  ASSERT_EQ(moves().size(), 1U);
  EXPECT_FALSE(moves().front().live);
  EXPECT_EQ(moves().front().reason, "loss");
}

TEST_F(Fleet, MovesByHandAndDrains) {
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  pass(seconds{60});
  const NodeId first = runs.at(GuestId{"web-1"}).node;
  const auto dry = request(ports::DrainNode{first, true});
  ASSERT_TRUE(dry) << to_string(dry.error());
  ASSERT_EQ(std::get<ports::DrainView>(*dry).moves.size(), 1U);
  pass(seconds{5});
  EXPECT_EQ(runs.at(GuestId{"web-1"}).node, first) << "a dry run changes nothing";
  ASSERT_TRUE(request(ports::DrainNode{first, false}));
  pass(std::chrono::minutes{10});
  EXPECT_NE(runs.at(GuestId{"web-1"}).node, first);
  EXPECT_EQ(starts, 1) << "moved live";
  ASSERT_FALSE(moves().empty());
  EXPECT_EQ(moves().front().reason, "drain");
  EXPECT_EQ(moves().front().state, ports::MoveView::State::kDone);
  EXPECT_TRUE(instance_of(first)->second.ended) << "an empty drained node ends";
}

// A cordon does not stop a drain.
TEST_F(Fleet, DrainsOnWhenTheNodeIsCordonedMeanwhile) {
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  pass(seconds{60});
  const NodeId first = runs.at(GuestId{"web-1"}).node;
  ASSERT_TRUE(request(ports::DrainNode{first, false}));
  ASSERT_TRUE(request(ports::CordonNode{first}));
  EXPECT_TRUE(disk.rows.nodes.at(first).draining);
  ASSERT_TRUE(request(ports::UncordonNode{first}));
  EXPECT_FALSE(disk.rows.nodes.at(first).draining);
}

// An instance whose agent never says what it has is replaced, like one that never joins.
TEST_F(Fleet, ReplacesNodesThatAreOfNoUse) {
  joins = false;
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  settle();
  const std::size_t before = instances.size();
  ASSERT_GT(before, 0U);
  ASSERT_TRUE(request(ports::JoinNode{"hash-1", "key"}));  // And then is silent.
  pass(std::chrono::minutes{6});
  EXPECT_TRUE(instance_of(NodeId{"n-f-1"})->second.ended);
  EXPECT_GT(instances.size(), before);
}

// A guest goes, and may go, only where its image is; that it is brought there is said beforehand.
TEST_F(Fleet, LetsGuestsGoOnlyWhereTheirImagesAre) {
  images_come = false;
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  pass(seconds{60});
  const GuestId web{"web-1"};
  ASSERT_TRUE(runs.contains(web)) << "a cold start brings its image itself";
  const NodeId first = runs.at(web).node;
  EXPECT_EQ(runs.at(web).set, ports::NodeNames{first});
  const std::vector<NodeId> preparing = guest("web-1").preparing;
  ASSERT_FALSE(preparing.empty());
  const NodeId& escape = preparing.front();
  EXPECT_NE(escape, first);
  EXPECT_EQ(images.at(escape), std::set<std::string>{kBase});
  const auto node = request(ports::ListNodes{.node = escape});
  EXPECT_EQ(std::get<ports::Listing<ports::NodeView>>(*node).items.front().preparing,
            std::vector<GuestId>{web});
  EXPECT_FALSE(control->plan().slack.at(first).reserved) << "an escape that is not of use yet";
  ASSERT_TRUE(request(ports::MigrateGuest{web, escape}));
  pass(seconds{60});
  EXPECT_EQ(runs.at(web).node, first);

  images_come = true;
  say(escape);
  pass(seconds{10});
  EXPECT_EQ(runs.at(web).node, escape) << "it was wanted there all the time";
  EXPECT_EQ(starts, 1);
  for (const auto& [id, wanted] : images) say(id);
  pass(seconds{60});
  EXPECT_TRUE(guest("web-1").preparing.empty());
  EXPECT_GE(runs.at(web).set.size(), 2U);
  EXPECT_TRUE(control->plan().slack.at(runs.at(web).node).reserved);

  // After a restart nothing is given up while nodes have not yet said what they have.
  const ports::NodeNames set = runs.at(web).set;
  start();
  pass(seconds{60});
  EXPECT_EQ(runs.at(web).set, set);
}

// What happened is known after a restart: events and moves with their numbers.
TEST_F(Fleet, KeepsItsJournalOverARestart) {
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  pass(seconds{60});
  const NodeId first = runs.at(GuestId{"web-1"}).node;
  ASSERT_TRUE(request(ports::DrainNode{first, false}));
  pass(std::chrono::minutes{10});
  ASSERT_FALSE(moves().empty());
  const ports::MoveView move = moves().front();
  tell(ports::Message{GuestId{"web-1"}, move.destination, ports::kControl,
                      ports::Moved{.attempt = {first, 1},
                                   .done = true,
                                   .stopped_us = 5,
                                   .resumed_us = 9,
                                   .bytes = 7,
                                   .epoch = move.epoch}});
  pass(seconds{2});
  const auto told = [&] {
    return std::get<ports::Listing<ports::EventView>>(*request(ports::ListEvents{.limit = 1000}))
        .items;
  };
  const auto events = told();
  const auto before = moves();
  ASSERT_FALSE(before.empty());
  EXPECT_EQ(before.front().bytes, 7U);
  EXPECT_EQ(before.front().resumed_us - before.front().stopped_us, 4);
  start();
  EXPECT_EQ(moves(), before);
  const auto after = told();
  ASSERT_GE(after.size(), events.size());
  EXPECT_TRUE(std::ranges::equal(events, std::span(after).first(events.size())));
}

// A steady fleet writes nothing.
TEST_F(Fleet, WritesNothingWhileNothingHappens) {
  ASSERT_TRUE(request(ports::ApplyGroup{spec(3)}));
  pass(std::chrono::minutes{30});
  const std::uint64_t before = disk.rows.version;
  pass(std::chrono::minutes{30});
  EXPECT_EQ(disk.rows.version, before);
}

TEST_F(Fleet, RefusesWhatCannotBeAndChangesNothing) {
  const std::uint64_t before = disk.rows.version;
  ports::GroupSpec other = spec();
  other.image_sha256 = std::string(64, 'c');
  EXPECT_EQ(request(ports::ApplyGroup{other}).error().code, Code::kFailedPrecondition);
  EXPECT_EQ(request(ports::DeleteGroup{GroupId{"none"}}).error().code, Code::kNotFound);
  EXPECT_EQ(request(ports::DrainNode{NodeId{"none"}}).error().code, Code::kNotFound);
  EXPECT_EQ(request(ports::CordonNode{NodeId{"none"}}).error().code, Code::kNotFound);
  EXPECT_EQ(request(ports::JoinNode{"hash-77", "k"}).error().code, Code::kPermissionDenied);
  EXPECT_EQ(disk.rows.version, before);
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  pass(seconds{60});
  other = spec();
  other.memory_mib = 1024;
  EXPECT_EQ(request(ports::ApplyGroup{other}).error().code, Code::kFailedPrecondition);
}

// A token is good for one key.
TEST_F(Fleet, LetsATokenBeUsedByOneKeyAlone) {
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  joins = false;
  settle();
  ASSERT_FALSE(instances.empty());
  EXPECT_TRUE(request(ports::JoinNode{"hash-1", "key"}));
  EXPECT_TRUE(request(ports::JoinNode{"hash-1", "key"})) << "its answer may have been lost";
  const std::uint64_t before = disk.rows.version;
  // A thief's, one that was never drawn, and what the row of a node without a token has.
  for (const char* token : {"hash-1", "hash-99", ""}) {
    const auto refused = request(ports::JoinNode{token, "thief"});
    ASSERT_FALSE(refused) << token;
    EXPECT_EQ(refused.error().code, Code::kPermissionDenied) << token;
    EXPECT_TRUE(refused.error().message.contains("token")) << refused.error().message;
  }
  EXPECT_EQ(disk.rows.version, before);
}

}  // namespace
}  // namespace godwit::control
