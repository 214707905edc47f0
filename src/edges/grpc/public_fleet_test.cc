// Moves, offerings and the ledger over real calls: every field arrives as it was meant, what is
// computed for readers agrees with the stamps, and money stays exact.
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <limits>

#include "edges/grpc/public_codec.h"
#include "edges/grpc/public_rig.h"
#include "godwit/v1/services.grpc.pb.h"

namespace godwit::grpc_edge {
namespace {

constexpr Time kNoon{std::chrono::seconds{1'700'000'000}};

ports::MoveView full_move() {
  return {.number = 7,
          .guest = GuestId{"web-1"},
          .reason = "cheaper",
          .source = NodeId{"n-a-1"},
          .destination = NodeId{"n-a-2"},
          .live = true,
          .state = ports::MoveView::State::kDone,
          .began = kNoon,
          .ended = kNoon + std::chrono::microseconds{2'345'678},
          .stopped_us = 1'700'000'002'000'000,
          .resumed_us = 1'700'000'002'183'412,
          .bytes = 123,
          .bytes_while_stopped = 45,
          .why = "saves 0.01 dollars",
          .terms = {{"saving", -0.0123456}, {"pause", 0.000001}},
          .rejected = {{"stay", "dearer", 0.5}}};
}

template <class Stub, class Asked, class Reply>
grpc::Status call(std::unique_ptr<Stub> stub,
                  grpc::Status (Stub::*method)(grpc::ClientContext*, const Asked&, Reply*),
                  const Asked& asked, Reply& reply) {
  grpc::ClientContext context;
  return ((*stub).*method)(&context, asked, &reply);
}

TEST(PublicFleet, AMoveArrivesWhole) {
  Rig rig;
  rig.script.answer = [](const ports::Request&) -> ports::Answer {
    return ports::Listing<ports::MoveView>{{full_move()}, 9};
  };
  v1::ListMovesRequest asked;
  asked.set_guest("web-1");
  asked.set_number(7);
  v1::MoveList list;
  const auto status =
      call(v1::Moves::NewStub(rig.channel("user/alice")), &v1::Moves::Stub::List, asked, list);
  ASSERT_TRUE(status.ok()) << to_string(status);
  const auto& request = std::get<ports::ListMoves>(rig.script.requests.at(0).body);
  EXPECT_EQ(request.guest, GuestId{"web-1"});
  EXPECT_EQ(request.number, 7u);
  EXPECT_EQ(request.limit, 100u);
  ASSERT_EQ(list.moves_size(), 1);
  EXPECT_EQ(list.version(), 9u);
  const v1::Move& move = list.moves(0);
  EXPECT_EQ(move.number(), 7u);
  EXPECT_EQ(move.guest(), "web-1");
  EXPECT_EQ(move.reason(), "cheaper");
  EXPECT_EQ(move.source(), "n-a-1");
  EXPECT_EQ(move.destination(), "n-a-2");
  EXPECT_TRUE(move.live());
  EXPECT_EQ(move.state(), v1::Move::DONE);
  EXPECT_EQ(move.began().seconds(), 1'700'000'000);
  EXPECT_EQ(move.ended().nanos(), 345'678'000);
  EXPECT_EQ(move.stopped_us(), 1'700'000'002'000'000);
  EXPECT_EQ(move.resumed_us(), 1'700'000'002'183'412);
  EXPECT_DOUBLE_EQ(move.total_ms(), 2345.678);
  EXPECT_DOUBLE_EQ(move.downtime_ms(), 183.412);
  EXPECT_EQ(move.bytes(), 123u);
  EXPECT_EQ(move.bytes_while_stopped(), 45u);
  EXPECT_EQ(move.why(), "saves 0.01 dollars");
  ASSERT_EQ(move.terms_size(), 2);
  EXPECT_EQ(move.terms(0).name(), "saving");
  EXPECT_EQ(move.terms(0).micro_usd(), -12'346);  // Rounded to the nearest, half away from zero.
  EXPECT_EQ(move.terms(1).micro_usd(), 1);
  ASSERT_EQ(move.rejected_size(), 1);
  EXPECT_EQ(move.rejected(0).what(), "stay");
  EXPECT_EQ(move.rejected(0).why(), "dearer");
  EXPECT_EQ(move.rejected(0).micro_usd(), 500'000);
}

TEST(PublicFleet, WhatIsNotOverOrNotSeenHasNoLength) {
  ports::MoveView view = full_move();
  view.state = ports::MoveView::State::kUnderWay;
  view.ended.reset();
  view.resumed_us = 0;
  v1::Move wire;
  to_wire(view, wire);
  EXPECT_EQ(wire.state(), v1::Move::UNDER_WAY);
  EXPECT_FALSE(wire.has_ended() || wire.has_total_ms() || wire.has_downtime_ms());
  EXPECT_FALSE(std::get<ports::ListMoves>(*from_wire(v1::ListMovesRequest{})).number);
}

// A score may be without bound or no number at all; the wire takes neither.
TEST(PublicFleet, ScoresBeyondMoneyStayOnTheWire) {
  using Limits = std::numeric_limits<double>;
  ports::MoveView view;
  view.terms = {{"a", Limits::infinity()}, {"b", -Limits::max()}, {"c", Limits::quiet_NaN()}};
  v1::Move wire;
  to_wire(view, wire);
  EXPECT_EQ(wire.terms(0).micro_usd(), 1'000'000'000'000'000);
  EXPECT_EQ(wire.terms(1).micro_usd(), -1'000'000'000'000'000);
  EXPECT_EQ(wire.terms(2).micro_usd(), 0);
}

TEST(PublicFleet, AnIntentArrivesWhole) {
  Rig rig;
  rig.script.answer = [](const ports::Request& request) -> ports::Answer {
    if (!std::holds_alternative<ports::ListIntents>(request.body)) return internal("not that");
    return ports::Listing<ports::IntentView>{
        {{NodeId{"n-1"}, "launch", "m5.large", "r-a", true, 2, "", "start of web"},
         {NodeId{"n-2"}, "terminate", "m5.large", "r-b", false, 0, "i-2", ""}},
        4};
  };
  v1::IntentList list;
  const auto status = call(v1::Intents::NewStub(rig.channel("user/alice")),
                           &v1::Intents::Stub::List, v1::ListIntentsRequest{}, list);
  ASSERT_TRUE(status.ok()) << to_string(status);
  ASSERT_EQ(list.intents_size(), 2);
  EXPECT_EQ(list.version(), 4u);
  const v1::Intent& launch = list.intents(0);
  EXPECT_EQ(launch.node(), "n-1");
  EXPECT_EQ(launch.kind(), "launch");
  EXPECT_EQ(launch.instance_type(), "m5.large");
  EXPECT_EQ(launch.zone(), "r-a");
  EXPECT_TRUE(launch.spot());
  EXPECT_EQ(launch.attempt(), 2u);
  EXPECT_EQ(launch.why(), "start of web");
  EXPECT_EQ(list.intents(1).instance(), "i-2");
}

TEST(PublicFleet, AnOfferingArrivesWhole) {
  Rig rig;
  rig.script.answer = [](const ports::Request& request) -> ports::Answer {
    if (!std::holds_alternative<ports::ListOfferings>(request.body)) return internal("not that");
    return ports::Listing<ports::OfferingView>{
        {{"aws", "r", "r-a", "m5.large", true, 2, 8192, {34'500}, {96'000}, false, "no capacity"}},
        3};
  };
  v1::OfferingList list;
  const auto status = call(v1::Offerings::NewStub(rig.channel("user/alice")),
                           &v1::Offerings::Stub::List, v1::ListOfferingsRequest{}, list);
  ASSERT_TRUE(status.ok()) << to_string(status);
  ASSERT_EQ(list.offerings_size(), 1);
  EXPECT_EQ(list.version(), 3u);
  const v1::Offering& offering = list.offerings(0);
  EXPECT_EQ(offering.cloud(), "aws");
  EXPECT_EQ(offering.region(), "r");
  EXPECT_EQ(offering.zone(), "r-a");
  EXPECT_EQ(offering.instance_type(), "m5.large");
  EXPECT_TRUE(offering.spot());
  EXPECT_EQ(offering.vcpus(), 2u);
  EXPECT_EQ(offering.memory_mib(), 8192u);
  EXPECT_EQ(offering.rate_micro_usd_per_hour(), 34'500);
  EXPECT_EQ(offering.on_demand_micro_usd_per_hour(), 96'000);
  EXPECT_FALSE(offering.sound());
  EXPECT_EQ(offering.why(), "no capacity");
}

TEST(PublicFleet, TheLedgerIsExact) {
  Rig rig;
  rig.script.answer = [](const ports::Request& request) -> ports::Answer {
    if (!std::holds_alternative<ports::ReadLedger>(request.body)) return internal("not that");
    ports::LedgerView view{.from = kNoon,
                           .until = kNoon + std::chrono::seconds{90},
                           .paid = {9'007'199'254'740'993},  // No double holds it.
                           .on_demand = {9'007'199'254'740'995},
                           .items = {},
                           .on_demand_of = "one m5.large"};
    view.items.push_back({"i-1", NodeId{"n-a-1"}, true, "m5.large", "r-a", kNoon, {}, 60, {575}});
    view.items.push_back({"i-2",
                          NodeId{"n-a-2"},
                          false,
                          "c5.large",
                          "r-b",
                          kNoon,
                          kNoon + std::chrono::seconds{61},
                          61,
                          {1'440}});
    return view;
  };
  v1::LedgerSummary ledger;
  const auto status = call(v1::Ledger::NewStub(rig.channel("user/alice")), &v1::Ledger::Stub::Get,
                           v1::GetLedgerRequest{}, ledger);
  ASSERT_TRUE(status.ok()) << to_string(status);
  EXPECT_EQ(ledger.paid_micro_usd(), 9'007'199'254'740'993);
  EXPECT_EQ(ledger.on_demand_micro_usd(), 9'007'199'254'740'995);
  EXPECT_EQ(ledger.saving_micro_usd(), 2);
  EXPECT_GT(ledger.saving_percent(), 0);
  EXPECT_EQ(ledger.on_demand_of(), "one m5.large");
  EXPECT_EQ(ledger.until().seconds() - ledger.from().seconds(), 90);
  ASSERT_EQ(ledger.items_size(), 2);
  EXPECT_EQ(ledger.items(0).instance(), "i-1");
  EXPECT_EQ(ledger.items(0).node(), "n-a-1");
  EXPECT_TRUE(ledger.items(0).spot());
  EXPECT_FALSE(ledger.items(0).has_end());
  EXPECT_EQ(ledger.items(0).seconds(), 60);
  EXPECT_EQ(ledger.items(0).cost_micro_usd(), 575);
  EXPECT_EQ(ledger.items(1).instance_type(), "c5.large");
  EXPECT_EQ(ledger.items(1).zone(), "r-b");
  EXPECT_EQ(ledger.items(1).end().seconds(), 1'700'000'061);
}

TEST(PublicFleet, APlanIsShownWhole) {
  ports::PlanView view{.at = kNoon, .guests = {}, .nodes = {}, .warnings = {"web-1 has no escape"}};
  view.guests.push_back({.guest = GuestId{"web-1"},
                         .from = NodeId{"n-f-1"},
                         .to = NodeId{"n-f-2"},
                         .reason = "cheaper",
                         .why = "",
                         .share = {1'250},
                         .terms = {{"saving", -0.24}},
                         .rejected = {{"m.large/b spot", "gains 0.1 $ less", 0}}});
  view.guests.push_back({.guest = GuestId{"web-2"},
                         .from = {},
                         .to = {},
                         .reason = "none",
                         .why = "no offering takes it",
                         .share = {},
                         .terms = {},
                         .rejected = {}});
  view.nodes.push_back({.node = NodeId{"n-f-2"},
                        .change = "launch",
                        .instance_type = "m.large",
                        .zone = "a",
                        .spot = true,
                        .rate = {40'000},
                        .guests = {GuestId{"web-1"}},
                        .reason = "cheaper",
                        .why = "",
                        .terms = {},
                        .rejected = {}});
  v1::Plan wire;
  to_wire(view, wire);
  EXPECT_EQ(wire.at().seconds(), 1'700'000'000);
  ASSERT_EQ(wire.guests_size(), 2);
  EXPECT_EQ(wire.guests(0).from(), "n-f-1");
  EXPECT_EQ(wire.guests(0).to(), "n-f-2");
  EXPECT_EQ(wire.guests(0).share_micro_usd_per_hour(), 1'250);
  ASSERT_EQ(wire.guests(0).terms_size(), 1);
  EXPECT_EQ(wire.guests(0).terms(0).micro_usd(), -240'000);
  EXPECT_EQ(wire.guests(0).rejected(0).what(), "m.large/b spot");
  EXPECT_TRUE(wire.guests(1).to().empty());
  EXPECT_EQ(wire.guests(1).why(), "no offering takes it");
  ASSERT_EQ(wire.nodes_size(), 1);
  EXPECT_EQ(wire.nodes(0).change(), "launch");
  EXPECT_EQ(wire.nodes(0).rate_micro_usd_per_hour(), 40'000);
  EXPECT_EQ(wire.nodes(0).guests(0), "web-1");
  EXPECT_EQ(wire.warnings(0), "web-1 has no escape");
}

TEST(PublicFleet, WhatAPlanSupposesIsChecked) {
  v1::GetPlanRequest request;
  ASSERT_TRUE(from_wire(request));
  request.add_specs()->set_name("web");  // No image.
  EXPECT_EQ(from_wire(request).error().code, Code::kInvalidArgument);
}

TEST(PublicFleet, NothingToCompareWithHasNoPercentage) {
  v1::LedgerSummary wire;
  to_wire(ports::LedgerView{.paid = {5}}, wire);
  EXPECT_EQ(wire.saving_micro_usd(), -5);
  EXPECT_FALSE(wire.has_saving_percent());
}

}  // namespace
}  // namespace godwit::grpc_edge
