// What users ask is answered once, from what is known.
#include <gtest/gtest.h>

#include <format>
#include <string>
#include <vector>

#include "control/control.h"

namespace godwit::control {
namespace {

const Time kNow{std::chrono::hours{1}};
const NodeId kA{"i-a/boot"}, kB{"i-b/boot"};
const GuestId kGuest{"web-1"};

ports::Answer ask(Control& control, ports::RequestBody body) {
  const Step step = control.on(ports::Request{7, "user", std::move(body)}, kNow);
  std::vector<const Reply*> replies;
  for (const Command& command : step.commands)
    if (const auto* reply = std::get_if<Reply>(&command)) replies.push_back(reply);
  EXPECT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies.at(0)->request, 7U);
  return replies.at(0)->answer;
}

template <class T>
T answered(Control& control, ports::RequestBody body) {
  const ports::Answer answer = ask(control, std::move(body));
  EXPECT_TRUE(answer) << to_string(answer.error());
  return std::get<T>(*answer);
}

// A guest on kA by its own report; kB is another of its nodes.
void add_guest(Control& control) {
  control.restart({}, kNow);
  for (const NodeId& node : {kA, kB}) control.on(NodeJoined{node, "10.0.0.1"}, kNow);
  control.on(AgentSeen{kA, true}, kNow);
  control.on(CreateGuest{kGuest, kA, {kA, kB}, {.address = "100.64.0.7"}, {}}, kNow);
}
void report(Control& control) {
  const ports::Report runs{ports::RoleName::kHolds, {1, 0}, {1, 0}, 0, {}, false};
  control.on(ports::Message{kGuest, kA, ports::kControl, runs}, kNow);
}

TEST(Requests, AGuestIsStartingUntilItIsReported) {
  Control control;
  add_guest(control);
  auto guests = answered<ports::Listing<ports::GuestView>>(control, ports::ListGuests{});
  ASSERT_EQ(guests.items.size(), 1U);
  EXPECT_EQ(guests.items[0].phase, ports::GuestPhase::kStarting);
  EXPECT_FALSE(guests.items[0].node);
  report(control);
  guests = answered<ports::Listing<ports::GuestView>>(control, ports::ListGuests{});
  EXPECT_EQ(guests.items[0].phase, ports::GuestPhase::kRunning);
  EXPECT_EQ(guests.items[0].node, kA);
}

TEST(Requests, NodesSayWhoIsThere) {
  Control control;
  add_guest(control);
  report(control);
  control.on(Certified{kB}, kNow);
  const auto nodes = answered<ports::Listing<ports::NodeView>>(control, ports::ListNodes{});
  ASSERT_EQ(nodes.items.size(), 2U);
  EXPECT_EQ(nodes.items[0].phase, ports::NodePhase::kReady);
  EXPECT_EQ(nodes.items[0].guests, std::vector<GuestId>{kGuest});
  EXPECT_EQ(nodes.items[1].phase, ports::NodePhase::kDead);
}

TEST(Requests, WhatDoesNotExistIsNotFound) {
  Control control;
  add_guest(control);
  EXPECT_EQ(ask(control, ports::ListGuests{GuestId{"x"}, {}}).error().code, Code::kNotFound);
  EXPECT_EQ(ask(control, ports::ListNodes{NodeId{"x"}}).error().code, Code::kNotFound);
  EXPECT_EQ(ask(control, ports::MigrateGuest{GuestId{"x"}, kB}).error().code, Code::kNotFound);
}

TEST(Requests, AMoveIsOrderedOrRefusedWithAReason) {
  Control control;
  add_guest(control);
  EXPECT_FALSE(ask(control, ports::MigrateGuest{kGuest, kB})) << "nobody is known to run it";
  report(control);
  const auto moving = answered<ports::GuestView>(control, ports::MigrateGuest{kGuest, kB});
  EXPECT_EQ(moving.phase, ports::GuestPhase::kMoving);
  EXPECT_EQ(moving.moving, kB);
  EXPECT_FALSE(ask(control, ports::MigrateGuest{kGuest, kA})) << "it is there already";
  EXPECT_FALSE(ask(control, ports::MigrateGuest{kGuest, NodeId{"i-c/boot"}})) << "not of its nodes";
}

std::vector<std::string> refusals(const Step& step) {
  std::vector<std::string> whys;
  for (const Command& command : step.commands)
    if (const auto* refused = std::get_if<Refused>(&command)) whys.push_back(refused->why);
  return whys;
}

// What is refused leaves no trace: the guest that exists keeps its machine, one that is not born is
// not listed.
TEST(Wishes, ARefusedCreationChangesNothing) {
  Control control;
  add_guest(control);
  const CreateGuest again{kGuest, kB, {kB}, {.address = "100.64.0.99"}, {}};
  EXPECT_EQ(refusals(control.on(again, kNow)), std::vector<std::string>{"it exists already"});
  EXPECT_EQ(control.guests().at(kGuest).row().machine.address, "100.64.0.7");
  const GuestId other{"web-2"};
  EXPECT_EQ(refusals(control.on(CreateGuest{other, kA, {kB}, {.address = "100.64.0.9"}, {}}, kNow))
                .size(),
            1U);
  ports::NodeNames many;
  for (int n = 0; n < 40; ++n) many.insert(NodeId{std::format("i-{}/boot", n)});
  EXPECT_EQ(refusals(control.on(CreateGuest{other, *many.begin(), many, {}, {}}, kNow)).size(), 1U);
  EXPECT_FALSE(control.guests().contains(other));
  EXPECT_EQ(refusals(control.on(MoveGuest{other, kA}, kNow)).size(), 1U);
}

// A guest that outlives a hundred nodes, each followed by the next and then dead.
TEST(Wishes, AGuestOutlivesManyNodes) {
  Control control;
  add_guest(control);
  report(control);
  NodeId at = kA;
  for (int n = 0; n < 100; ++n) {
    const NodeId next{std::format("i-{}/boot", n)};
    EXPECT_TRUE(refusals(control.on(AllowNodes{kGuest, {at, next}}, kNow)).empty()) << n;
    const std::uint32_t generation = control.guests().at(kGuest).row().owner.generation;
    const ports::EpochName held{generation, 1};
    control.on(ports::Message{kGuest, next, ports::kControl,
                              ports::Report{ports::RoleName::kHolds, held, held, 1, {}, false}},
               kNow);
    control.on(Certified{at}, kNow);
    EXPECT_EQ(control.guests().at(kGuest).holder(), next);
    at = next;
  }
}

// The destination of a move dies; its source still holds when it is asked, and then grants to the
// dead.
TEST(Wishes, AGrantToTheDeadIsTakenOver) {
  Control control;
  add_guest(control);
  report(control);
  Step step = control.on(Certified{kB}, kNow);
  report(control);
  const auto generation = [&] { return control.guests().at(kGuest).row().owner.generation; };
  const auto before = generation();
  Time now = kNow;
  for (int i = 0; i < 10 && generation() == before; ++i) {
    ASSERT_TRUE(step.wake);
    now = *step.wake;
    ASSERT_LT(now, kNow + std::chrono::seconds{10}) << "it is asked too seldom";
    step = control.on(Woken{}, now);
    for (const Command& command : step.commands) {
      const auto* mail = std::get_if<Mail>(&command);
      if (!mail || !std::holds_alternative<ports::AskReport>(mail->message.body)) continue;
      EXPECT_EQ(mail->message.to, kA);
      const ports::Report granted{ports::RoleName::kGranted, {1, 1}, {1, 0}, 1, {}, false};
      control.on(ports::Message{kGuest, kA, ports::kControl, granted}, now);
    }
  }
  EXPECT_GT(generation(), before);
}

// Of two users who take the same name, one is refused, and nothing changes.
TEST(Requests, AGroupThatShallBeNewIsNotChanged) {
  Config config;
  config.provider = ProviderConfig{};
  config.image_bytes = [](const std::string&) { return std::optional<std::uint64_t>{1}; };
  Control control{config};
  control.restart({}, kNow);
  ports::ApplyGroup wish;
  wish.spec.name = GroupId{"web"};
  wish.spec.image_sha256 = std::string(64, 'a');
  wish.spec.container.argv = {"x"};
  wish.new_only = true;
  EXPECT_EQ(answered<ports::GroupView>(control, wish).spec.count, 1U);
  wish.spec.count = 2;
  EXPECT_EQ(ask(control, wish).error().code, Code::kAlreadyExists);
  const auto groups = answered<ports::Listing<ports::GroupView>>(control, ports::ListGroups{});
  ASSERT_EQ(groups.items.size(), 1U);
  EXPECT_EQ(groups.items[0].spec.count, 1U);
  wish.new_only = false;
  EXPECT_EQ(answered<ports::GroupView>(control, wish).spec.count, 2U);
}

}  // namespace
}  // namespace godwit::control
