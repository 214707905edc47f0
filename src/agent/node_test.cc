// The agent among others: the fleet it knows, the state it tells, the routes it gives and takes,
// and its way out when the provider gives notice. Method: one whole agent, events in, commands out.
#include <gtest/gtest.h>

#include <format>
#include <memory>
#include <string>
#include <vector>

#include "agent/agent.h"

namespace godwit::agent {
namespace {

using ports::ContainerState;
using std::chrono::seconds;

const NodeId kSelf{"n0"}, kOther{"n1"}, kFar{"n2"}, kStranger{"n9"};
constexpr Time kNow{std::chrono::hours{1}};
const ports::PeerAddress kSelfAt{"10.0.1.10", 7001}, kOtherAt{"10.0.2.10", 7001},
    kFarAt{"10.0.3.10", 7001};

template <class T>
std::vector<T> of(const Step& step) {
  std::vector<T> found;
  for (const Command& command : step.commands)
    if (const T* c = std::get_if<T>(&command)) found.push_back(*c);
  return found;
}

// "receiver:guest" of each mail with such a body.
template <class T>
std::string mails(const Step& step) {
  std::string text;
  for (const Mail& mail : of<Mail>(step))
    if (std::holds_alternative<T>(mail.message.body))
      text += std::format("{}{}:{}", text.empty() ? "" : " ", mail.message.to.value,
                          mail.message.guest.value);
  return text;
}
template <class T>
T mailed(const Step& step) {
  for (const Mail& mail : of<Mail>(step))
    if (const T* body = std::get_if<T>(&mail.message.body)) return *body;
  ADD_FAILURE() << "no such mail";
  return {};
}

class AgentAmongOthers : public testing::Test {
 protected:
  AgentAmongOthers() { start({.nodes = nodes_, .gateway = kGatewayAt}); }

  Step start(ports::Fleet fleet) {
    agent_ = std::make_unique<Agent>(config_, [] { return std::string(64, 'a'); });
    return agent_->restart({}, std::move(fleet), now_);
  }
  Step on(Event event) { return agent_->on(event, now_); }
  Step told(const std::string& guest, ports::Body body, NodeId from = ports::kControl) {
    return on(ports::Message{{guest}, std::move(from), kSelf, std::move(body)});
  }
  Step qemu(const std::string& guest, ports::HypervisorAnswer answer) {
    return on(ports::HypervisorEvent{{guest}, std::move(answer)});
  }
  // Time passes up to then, with all that is due on the way.
  std::vector<Step> pass(Duration time) {
    std::vector<Step> steps;
    const Time end = now_ + time;
    for (;;) {
      Step step = on(Woken{});
      const auto wake = step.wake;
      steps.push_back(std::move(step));
      if (!wake || *wake > end) break;
      now_ = std::max(now_, *wake);
    }
    now_ = end;
    return steps;
  }
  Step run(const std::string& guest, ports::NodeNames set = {kSelf, kOther, kFar}) {
    ports::Take take{.generation = 1, .set = std::move(set)};
    take.machine.address = "100.64.0.7";
    take.machine.memory_mib = 256;
    told(guest, take);
    on(TapMade{{guest}, "tap0"});
    qemu(guest, ports::Started{});
    return qemu(guest, ports::Running{});
  }
  // The attempt that began in this step ends by the other end's words; the guest runs on.
  Step refused(const std::string& guest, const Step& began) {
    NodeId to;
    for (const Mail& mail : of<Mail>(began))
      if (std::holds_alternative<ports::Prepare>(mail.message.body)) to = mail.message.to;
    Step step = told(guest, ports::NotReady{mailed<ports::Prepare>(began).attempt, "full"}, to);
    const Step ran = qemu(guest, ports::Running{});
    step.commands.insert(step.commands.end(), ran.commands.begin(), ran.commands.end());
    return step;
  }
  static ports::NoticeTold notice(Time at) {
    return {ports::InterruptionNotice{ports::InterruptionNotice::Action::kTerminate, at}};
  }
  static ports::NoticeTold no_notice() { return {std::optional<ports::InterruptionNotice>{}}; }

  const ports::PeerAddress kGatewayAt{"10.0.9.10", 7002};
  const std::map<NodeId, ports::PeerAddress> nodes_{
      {kSelf, kSelfAt}, {kOther, kOtherAt}, {kFar, kFarAt}};
  Config config_{.self = kSelf,
                 .address = "10.0.1.10",
                 .port = 7001,
                 .boot_id = "b1",
                 .memory_mib = 1024,
                 .vcpus = 2,
                 .ask_notice = seconds{5}};
  Time now_ = kNow;
  std::unique_ptr<Agent> agent_;
};

// --- What it knows and says of nodes

TEST_F(AgentAmongOthers, TheFleetIsTheControlPlanesWordAndReplacesTheOneBefore) {
  const ports::Fleet first{.nodes = nodes_, .gateway = kGatewayAt};
  const Step started = start(first);
  ASSERT_EQ(of<SetFleet>(started).size(), 1u);
  EXPECT_EQ(of<SetFleet>(started)[0].fleet, first);
  const ports::Fleet next{.nodes = {{kSelf, kSelfAt}, {kFar, kFarAt}}, .gateway = {}};
  EXPECT_TRUE(of<SetFleet>(told("", next, kOther)).empty()) << "not an agent's";
  const Step news = told("", next);
  ASSERT_EQ(of<SetFleet>(news).size(), 1u);
  EXPECT_EQ(of<SetFleet>(news)[0].fleet, next);
  EXPECT_TRUE(agent_->guests().empty()) << "a message about no guest makes none";
  run("g1");
  EXPECT_TRUE(mailed<ports::Moved>(told("g1", ports::Move{kOther})).why.contains("no address"));
  EXPECT_EQ(mails<ports::Prepare>(told("g1", ports::Move{kFar})), "n2:g1");
}

TEST_F(AgentAmongOthers, ItSaysWhatItIsAtEachAttachAndChange) {
  const ports::NodeState state{.boot_id = "b1",
                               .address = "10.0.1.10",
                               .port = 7001,
                               .memory_mib = 1024,
                               .vcpus = 2,
                               .notice = {},
                               .notice_why = ""};
  EXPECT_EQ(mailed<ports::NodeState>(on(ControlAttached{true})), state);
  EXPECT_EQ(mails<ports::NodeState>(on(ControlAttached{false})), "");
  EXPECT_EQ(mails<ports::NodeState>(on(ControlAttached{true})), "control:");
  ports::NodeState doomed = state;
  doomed.notice = now_ + seconds{120};
  doomed.notice_why = "terminate";
  EXPECT_EQ(mailed<ports::NodeState>(on(notice(*doomed.notice))), doomed);
  EXPECT_EQ(mails<ports::NodeState>(on(notice(*doomed.notice))), "") << "the same again";
  EXPECT_EQ(mailed<ports::NodeState>(on(no_notice())), state);
}

TEST_F(AgentAmongOthers, TheProviderIsAskedAgainAndAgain) {
  int asked = 0;
  for (const Step& step : pass(seconds{60})) asked += static_cast<int>(of<AskNotice>(step).size());
  EXPECT_EQ(asked, 13) << "at the start and each 5 s";
}

// --- Notices

TEST_F(AgentAmongOthers, ANoticeMovesEveryGuestTwoAtATime) {
  for (const char* guest : {"g1", "g2", "g3", "g4"}) run(guest);
  const Step first = on(notice(now_ + seconds{120}));
  EXPECT_EQ(mails<ports::Prepare>(first), "n1:g1 n1:g2");
  EXPECT_EQ(mails<ports::Prepare>(on(Woken{})), "") << "no more than two";
  // One has granted: it needs no link any more, so the next begins.
  const auto attempt = mailed<ports::Prepare>(first).attempt;
  told("g1", ports::Ready{attempt, "10.0.2.10", 1, 2}, kOther);
  qemu("g1", ports::Stopped{});
  told("g1", ports::Switched{attempt}, kOther);
  qemu("g1", ports::MirrorClosed{});
  qemu("g1", ports::Completed{});
  EXPECT_EQ(mails<ports::Prepare>(told("g1", ports::StreamLoaded{attempt}, kOther)), "n1:g3");
}

TEST_F(AgentAmongOthers, WhatOneNodeRefusesTheNextIsAsked) {
  run("g1");
  const Step first = on(notice(now_ + seconds{120}));
  EXPECT_EQ(mails<ports::Prepare>(first), "n1:g1");
  const Step second = refused("g1", first);
  EXPECT_EQ(mails<ports::Prepare>(second), "n2:g1");
  const Step none = refused("g1", second);
  EXPECT_EQ(mails<ports::Prepare>(none), "");
  std::string again;
  for (const Step& step : pass(seconds{1})) again += mails<ports::Prepare>(step);
  EXPECT_EQ(again, "n1:g1") << "all of them once more, after a while";
}

TEST_F(AgentAmongOthers, ANodeThatDoesNotAnswerCostsTenSeconds) {
  run("g1");
  on(notice(now_ + seconds{120}));
  pass(seconds{11});
  EXPECT_EQ(mails<ports::Prepare>(qemu("g1", ports::Running{})), "n2:g1");
}

TEST_F(AgentAmongOthers, AGuestWithoutAPlaceDoesNotKeepOthersWaiting) {
  run("a1", {kSelf, kOther});
  run("a2", {kSelf, kOther});
  run("b1", {kSelf, kFar});
  const Step first = on(notice(now_ + seconds{120}));
  EXPECT_EQ(mails<ports::Prepare>(first), "n1:a1 n1:a2");
  EXPECT_EQ(mails<ports::Prepare>(refused("a1", first)), "n2:b1");
}

TEST_F(AgentAmongOthers, OnlyLivingNodesOfTheSetAreTried) {
  told("", ports::Fleet{.nodes = {{kSelf, kSelfAt}, {kFar, kFarAt}, {kStranger, kOtherAt}},
                        .gateway = {}});
  run("g1");
  run("g2", {kSelf, kOther});
  run("g3", {kSelf});
  EXPECT_EQ(mails<ports::Prepare>(on(notice(now_ + seconds{120}))), "n2:g1");
  // It comes alive; the picture says so.
  EXPECT_EQ(mails<ports::Prepare>(told("", ports::Fleet{.nodes = nodes_, .gateway = {}})), "n1:g2");
}

TEST_F(AgentAmongOthers, AMoveOfTheControlPlaneGoesFirst) {
  on(ControlAttached{true});
  run("g1");
  run("g2");
  EXPECT_EQ(mails<ports::Prepare>(on(notice(now_ + seconds{120}))), "") << "it may say where";
  EXPECT_EQ(mails<ports::Prepare>(told("g1", ports::Move{kFar})), "n2:g1");
  std::string left;
  for (const Step& step : pass(seconds{2}))
    if (mails<ports::Prepare>(step).contains("g2")) left = mails<ports::Prepare>(step);
  EXPECT_TRUE(left.contains("n1:g2")) << left;
  // Under way, but nothing was copied yet.
  const Step moved = told("g2", ports::Move{kFar});
  EXPECT_FALSE(mailed<ports::Moved>(moved).done);
  EXPECT_EQ(mails<ports::Prepare>(qemu("g2", ports::Running{})), "n2:g2");
  told("g1", ports::Move{kStranger});
  EXPECT_EQ(mails<ports::Prepare>(on(Woken{})), "") << "not of the set: nothing changes";
}

TEST_F(AgentAmongOthers, ANodeThatIsToGoTakesInNobodyAndPassesOnWhoComesLate) {
  ports::Prepare prepare{.attempt = {kOther, 1}, .epoch = {1, 0}};
  told("g1", prepare, kOther);
  on(notice(now_ + seconds{120}));
  EXPECT_EQ(mails<ports::NotReady>(told("g2", prepare, kOther)), "n1:g2");
  EXPECT_FALSE(agent_->guests().contains({"g2"}));
  EXPECT_EQ(mails<ports::NotReady>(told("g1", prepare, kOther)), "") << "it was let in before";
  on(TapMade{{"g1"}, "tap0"});
  qemu("g1", ports::Listening{1, 2});
  qemu("g1", ports::Loaded{});
  told("g1", ports::Grant{prepare.attempt, {1, 1}, {kSelf, kOther, kFar}}, kOther);
  EXPECT_EQ(mails<ports::Prepare>(qemu("g1", ports::Running{})), "n1:g1");
  on(no_notice());
  EXPECT_EQ(mails<ports::NotReady>(told("g2", prepare, kOther)), "");
}

// The source may be gone before it tells its part: the destination tells all of it, and again when
// the control plane is there.
TEST_F(AgentAmongOthers, TheDestinationTellsTheWholeStory) {
  const ports::Prepare prepare{.attempt = {kOther, 1}, .epoch = {1, 0}};
  told("g1", prepare, kOther);
  on(TapMade{{"g1"}, "tap0"});
  qemu("g1", ports::Listening{1, 2});
  qemu("g1", ports::Loaded{});
  told("g1", ports::Grant{prepare.attempt, {1, 1}, {kSelf, kOther}, 5, 7, 100, 9}, kOther);
  const auto story = mailed<ports::Moved>(qemu("g1", ports::Running{Time{Duration{11}}}));
  EXPECT_EQ(story.attempt, prepare.attempt);
  EXPECT_TRUE(story.done);
  EXPECT_EQ(story.epoch, (ports::EpochName{1, 1}));
  EXPECT_EQ(story.begun_us, 5);
  EXPECT_EQ(story.stopped_us, 7);
  EXPECT_EQ(story.resumed_us, 11);
  EXPECT_EQ(story.bytes, 100u);
  EXPECT_EQ(story.bytes_while_stopped, 9u);
  EXPECT_EQ(mailed<ports::Moved>(on(ControlAttached{true})).resumed_us, 11);
  EXPECT_EQ(mails<ports::Moved>(on(ControlAttached{false})), "");
}

// That it runs there is heard from a route before the acknowledgement: it is as good.
TEST_F(AgentAmongOthers, TheSourceGivesAndTellsWhatItKnows) {
  run("g1");
  const Step began = told("g1", ports::Move{kOther});
  const auto attempt = mailed<ports::Prepare>(began).attempt;
  told("g1", ports::Ready{attempt, "10.0.2.10", 1, 2}, kOther);
  qemu("g1", ports::Progress{90, 10});
  qemu("g1", ports::Stopped{Time{Duration{77}}});
  told("g1", ports::Switched{attempt}, kOther);
  qemu("g1", ports::MirrorClosed{});
  qemu("g1", ports::Completed{95, 4});
  const auto grant = mailed<ports::Grant>(told("g1", ports::StreamLoaded{attempt}, kOther));
  EXPECT_EQ(grant.begun_us, kNow.time_since_epoch().count());
  EXPECT_EQ(grant.stopped_us, 77);
  EXPECT_EQ(grant.bytes, 100u);
  EXPECT_EQ(grant.bytes_while_stopped, 4u);
  const auto story =
      mailed<ports::Moved>(told("g1", ports::RouteAt{"100.64.0.7", "10.0.2.10", {1, 1}}, kOther));
  EXPECT_EQ(story.attempt, attempt);
  EXPECT_TRUE(story.done);
  EXPECT_EQ(story.epoch, (ports::EpochName{1, 1}));
  EXPECT_EQ(story.bytes, 100u);
  EXPECT_EQ(mailed<ports::Moved>(on(ControlAttached{true})).stopped_us, 77);
}

TEST_F(AgentAmongOthers, ANoticeThatIsWithdrawnEndsIt) {
  run("g1");
  run("g2");
  on(ControlAttached{true});
  on(notice(now_ + seconds{120}));
  on(no_notice());
  for (const Step& step : pass(seconds{20})) EXPECT_EQ(mails<ports::Prepare>(step), "");
  // Not answered is not withdrawn.
  on(ControlAttached{false});
  EXPECT_NE(mails<ports::Prepare>(on(notice(now_ + seconds{120}))), "");
  on(ports::NoticeTold{unavailable("no answer")});
  EXPECT_TRUE(agent_->surroundings().notice);
}

// An order may name the node that is needed; attempts that only wait make way for it.
TEST_F(AgentAmongOthers, AnOrderComesBeforeAnAttemptThatOnlyWaits) {
  run("g1", {kSelf, kOther});
  EXPECT_EQ(mails<ports::Prepare>(on(notice(now_ + seconds{120}))), "n1:g1");
  const ports::Order order{2, {kSelf, kFar}};
  EXPECT_FALSE(mailed<ports::Moved>(told("g1", order)).done);
  EXPECT_EQ(mails<ports::Prepare>(qemu("g1", ports::Running{})), "") << "the order is repeated";
  EXPECT_EQ(mails<ports::Prepare>(told("g1", order)), "");
  std::string left;
  for (const Step& step : pass(seconds{1})) left += mails<ports::Prepare>(step);
  EXPECT_EQ(left, "n2:g1");
}

TEST_F(AgentAmongOthers, WhoMayNotTakeAGuestSaysSo) {
  told("g1", ports::Seal{3, {kSelf, kOther}});
  const ports::Prepare old{.attempt = {kOther, 1}, .epoch = {2, 0}};
  EXPECT_EQ(mailed<ports::NotReady>(told("g1", old, kOther)).why, "sealed");
}

// Better be prepared to go.
TEST_F(AgentAmongOthers, ANoticeThatCannotBeReadCounts) {
  run("g1");
  EXPECT_EQ(mails<ports::Prepare>(on(ports::NoticeTold{data_loss("a word")})), "n1:g1");
  EXPECT_EQ(agent_->surroundings().notice_why, "a word");
}

TEST_F(AgentAmongOthers, AFullNodeSaysSo) {
  run("g1");
  ports::Prepare prepare{.attempt = {kOther, 1}, .epoch = {1, 0}};
  prepare.machine.memory_mib = 449;  // And each takes 160 beside its own.
  const Step full = told("g2", prepare, kOther);
  EXPECT_EQ(mailed<ports::NotReady>(full).why, "no room: 1025 MiB would be taken of 1024");
  prepare.machine.memory_mib = 448;
  EXPECT_EQ(mails<ports::NotReady>(told("g2", prepare, kOther)), "");
}

// --- Images

TEST_F(AgentAmongOthers, BringsImagesOneAtATimeAndSaysWhichAreHere) {
  const auto brings = [](const Step& step) {
    std::string text;
    for (const BringImage& one : of<BringImage>(step)) text += one.sha256;
    return text;
  };
  const std::string wanted = brings(told("", ports::ImagesWanted{{"a", "b"}}));
  EXPECT_EQ(wanted, "a") << "one at a time";
  EXPECT_EQ(brings(told("", ports::ImagesWanted{{"x"}}, kOther)), "") << "not an agent's";
  Step step = on(ImageBrought{"a", {}});
  EXPECT_EQ(mailed<ports::NodeState>(step).images, std::set<std::string>{"a"});
  EXPECT_EQ(brings(step), "b");
  step = on(ImageBrought{"b", unavailable("nobody answers")});
  EXPECT_EQ(mails<ports::NodeState>(step), "");
  EXPECT_EQ(brings(step), "") << "not at once again";
  std::string again;
  for (const Step& one : pass(seconds{2})) again += brings(one);
  EXPECT_EQ(again, "b");
  on(ImageBrought{"b", unavailable("nobody answers")});
  again.clear();
  for (const Step& one : pass(seconds{3})) again += brings(one);
  EXPECT_EQ(again, "") << "later each time";
  for (const Step& one : pass(seconds{1})) again += brings(one);
  EXPECT_EQ(again, "b");

  // Another list: what is under way ends, what is here and wanted stays so.
  step = told("", ports::ImagesWanted{{"a", "c"}});
  EXPECT_EQ(brings(step), "");
  EXPECT_EQ(mails<ports::NodeState>(step), "") << "the same are here";
  step = on(ImageBrought{"b", {}});
  EXPECT_EQ(brings(step), "c");
  EXPECT_EQ(mails<ports::NodeState>(step), "") << "not wanted any more";
  EXPECT_EQ(mailed<ports::NodeState>(told("", ports::ImagesWanted{{"c"}})).images.size(), 0u);
  EXPECT_EQ(mailed<ports::NodeState>(on(ImageBrought{"c", {}})).images, std::set<std::string>{"c"});
  EXPECT_EQ(mailed<ports::NodeState>(on(ControlAttached{true})).images, std::set<std::string>{"c"});
  for (const Step& one : pass(std::chrono::minutes{5})) EXPECT_EQ(brings(one), "");
}

// --- Routes

TEST_F(AgentAmongOthers, AHolderTellsEveryNodeAndTheGatewayWhereItIs) {
  const Step ran = run("g1");
  EXPECT_EQ(mails<ports::RouteAt>(ran), "n1:g1 n2:g1 gateway:g1");
  const auto route = mailed<ports::RouteAt>(ran);
  EXPECT_EQ(route.address, "100.64.0.7");
  EXPECT_EQ(route.node_address, "10.0.1.10");
  EXPECT_EQ(route.epoch, (ports::EpochName{1, 0}));
  const Step order = told("g1", ports::Order{2, {kSelf, kOther}});
  EXPECT_EQ(mailed<ports::RouteAt>(order).epoch, (ports::EpochName{2, 0}));
  int times = 0;
  for (const Step& step : pass(seconds{60})) times += mails<ports::RouteAt>(step).empty() ? 0 : 1;
  EXPECT_EQ(times, 12);
  EXPECT_TRUE(
      of<RouteToNode>(told("g1", ports::RouteAt{"100.64.0.7", "10.0.3.10", {1, 9}}, kFar)).empty())
      << "it is here";
}

TEST_F(AgentAmongOthers, RoutesGrowOnlyUpwardsAndEndWhenNobodySaysThem) {
  const auto route = [&](const char* node, ports::EpochName epoch) {
    const auto made =
        of<RouteToNode>(told("g1", ports::RouteAt{"100.64.0.7", node, epoch}, kOther));
    return made.empty() ? "" : made[0].node_address;
  };
  EXPECT_EQ(route("10.0.2.10", {1, 1}), "10.0.2.10");
  EXPECT_EQ(route("10.0.2.10", {1, 1}), "") << "known";
  EXPECT_EQ(route("10.0.3.10", {1, 0}), "") << "older";
  EXPECT_EQ(route("10.0.3.10", {2, 0}), "10.0.3.10");
  EXPECT_TRUE(agent_->guests().empty());
  std::string removed;
  for (const Step& step : pass(seconds{66}))
    for (const RemoveRoute& r : of<RemoveRoute>(step)) removed += r.address;
  EXPECT_EQ(removed, "100.64.0.7");
  EXPECT_EQ(route("10.0.2.10", {1, 1}), "10.0.2.10");
}

// A route to where the guest was, told before it came here, ends without taking its way along.
TEST_F(AgentAmongOthers, AnOldRouteEndsQuietlyWhereTheGuestRuns) {
  told("g1", ports::RouteAt{"100.64.0.7", "10.0.2.10", {0, 9}}, kOther);
  run("g1");
  for (const Step& step : pass(seconds{66})) EXPECT_TRUE(of<RemoveRoute>(step).empty());
}

// A route is a proof that its epoch ran: the source need not wait for the ACK.
TEST_F(AgentAmongOthers, TheNewHoldersRouteReplacesTheForward) {
  run("g1");
  const auto attempt = mailed<ports::Prepare>(told("g1", ports::Move{kOther})).attempt;
  told("g1", ports::Ready{attempt, "10.0.2.10", 1, 2}, kOther);
  qemu("g1", ports::Stopped{});
  told("g1", ports::Switched{attempt}, kOther);
  qemu("g1", ports::MirrorClosed{});
  qemu("g1", ports::Completed{});
  told("g1", ports::StreamLoaded{attempt}, kOther);
  const ports::RouteAt old{"100.64.0.7", "10.0.3.10", {1, 0}};
  EXPECT_TRUE(of<RouteToNode>(told("g1", old, kFar)).empty());
  const Step ran = told("g1", ports::RouteAt{"100.64.0.7", "10.0.2.10", {1, 1}}, kOther);
  EXPECT_EQ(agent_->guests().at({"g1"}).state().place, migration::Place::kDiscarding);
  ASSERT_EQ(of<RouteToNode>(ran).size(), 1u);
  EXPECT_EQ(of<RouteToNode>(ran)[0].node_address, "10.0.2.10");
  qemu("g1", ports::Discarded{});
  const Step further = told("g1", ports::RouteAt{"100.64.0.7", "10.0.3.10", {1, 2}}, kFar);
  ASSERT_EQ(of<RouteToNode>(further).size(), 1u);
  EXPECT_EQ(of<RouteToNode>(further)[0].node_address, "10.0.3.10");
}

// --- Names

// A guest stays for years, and its set follows the nodes that come and go.
TEST_F(AgentAmongOthers, AGuestsSetsMayNameAnyNumberOfNodes) {
  run("g1");
  ports::Fleet fleet{.nodes = nodes_, .gateway = {}};
  NodeId last;
  for (std::uint32_t n = 1; n <= 100; ++n) {
    const NodeId a{std::format("x{}", 2 * n)};
    last = {std::format("x{}", 2 * n + 1)};
    const Step order = told("g1", ports::Order{n + 1, {kSelf, a, last}});
    ASSERT_EQ(order.writes.size(), 1u) << n;
    EXPECT_EQ(order.writes[0].record->set, (ports::NodeNames{kSelf, a, last}));
    fleet.nodes[last] = kFarAt;
    told("", fleet);
    if (n % 10 != 0) continue;
    const auto attempt = mailed<ports::Prepare>(told("g1", ports::Move{last})).attempt;
    told("g1", ports::NotReady{attempt, "full"}, last);
    qemu("g1", ports::Running{});
    EXPECT_EQ(agent_->guests().at({"g1"}).state().place, migration::Place::kStill);
  }
  // Its rights are as they were.
  EXPECT_EQ(mails<ports::Prepare>(told("g1", ports::Move{last})), std::format("{}:g1", last.value));
  ports::NodeNames many;
  for (int n = 0; n < 40; ++n) many.insert({std::format("y{}", n)});
  EXPECT_TRUE(told("g1", ports::Order{1000, many}).writes.empty()) << "too many at once";
}

}  // namespace
}  // namespace godwit::agent
