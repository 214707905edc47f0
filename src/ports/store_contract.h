// What every Store must do, as a test that its implementations include.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <vector>

#include "ports/record_contract.h"
#include "ports/store.h"

namespace godwit::ports {

// Opens the one store anew, as the next control plane does.
using OpenStore = std::function<std::unique_ptr<Store>()>;

// A row with every field away from its default.
inline GuestRow full_guest_row(std::uint32_t number) {
  const GuestRecord record = full_record(number);
  return {.machine = record.machine,
          .container = record.container,
          .owner = {.generation = number,
                    .kind = GenerationKind::kTaken,
                    .set = {NodeId{"i-1/b"}, NodeId{"i-2/b"}},
                    .reach = {NodeId{"i-3/b"}},
                    .reported = {number, UINT32_MAX},
                    .holder = NodeId{"i-1/b"},
                    .taker = NodeId{"i-2/b"},
                    .from = CutName{.epoch = {number, 3}, .attempt = {NodeId{"i-4/b"}, 5}}},
          .group = GroupId{"web"},
          .wanted = NodeId{"i-2/b"},
          .reason = "cheaper",
          .born = Time{Duration{1}},
          .ended = Time{Duration{-2}}};
}
inline NodeRow full_node_row() {
  return {.address = "10.0.1.10",
          .dead = true,
          .stage = NodeStage::kAbandoned,
          .type = "m5.large",
          .zone = "us-east-1a",
          .spot = true,
          .max_price = {85'000},
          .attempt = 3,
          .token = "t",
          .token_sha256 = "ts",
          .key_sha256 = "ks",
          .instance = "i-1",
          .boot_id = "b",
          .port = 7001,
          .memory_mib = 2048,
          .vcpus = 2,
          .cordoned = true,
          .draining = true,
          .launched = Time{std::chrono::seconds{5}},
          .ended = Time{std::chrono::seconds{6}},
          .ended_by_provider = true,
          .why = "start"};
}
inline GroupRow full_group_row() {
  GroupSpec spec{.name = GroupId{"web"},
                 .count = 3,
                 .image_sha256 = "ab",
                 .container = *full_record(1).container,
                 .memory_mib = 512,
                 .vcpus = 2,
                 .ports = {{80, 8080}, {443, 0}},
                 .maximum_price = MicroUsdPerHour{50'000},
                 .above_maximum = AboveMaximum::kWait,
                 .spread = Spread::kZone,
                 .egress = Egress::kNode,
                 .clouds = {{"aws"}, {"azure"}},
                 .regions = {{"us-east-1"}, {}},
                 .zones = {{}, {"us-east-1e"}},
                 .families = {{"c5", "m5"}, {}},
                 .update = UpdateStrategy::kRolling,
                 .volumes = {{"v", "/var", 4}},
                 .disruption = {2, {"Sat 02:00-04:00 UTC"}}};
  return {std::move(spec), 7, true};
}

inline EventView full_event(std::uint64_t number) {
  return {.number = number,
          .at = Time{Duration{-7}},
          .group = GroupId{"web"},
          .guest = GuestId{"web/1"},
          .node = NodeId{"i-1/b"},
          .reason = "notice",
          .text = "120 s \xc3\xa9 \"x\"\n"};
}
inline MoveView full_move(std::uint64_t number) {
  return {.number = number,
          .guest = GuestId{"web/1"},
          .reason = "cheaper",
          .source = NodeId{"i-1/b"},
          .destination = NodeId{"i-2/b"},
          .live = false,
          .state = MoveView::State::kFailed,
          .began = Time{Duration{5}},
          .ended = Time{Duration{6}},
          .stopped_us = -1,
          .resumed_us = INT64_MAX,
          .bytes = UINT32_MAX + std::uint64_t{1},
          .bytes_while_stopped = 9,
          .why = "w",
          .terms = {{"saving", -0.1}, {"pause", 1e-6}},
          .rejected = {{"m5.large spot us-east-1a", "dearer", 0.3}},
          .epoch = {3, 4},
          .attempt = {NodeId{"i-1/b"}, 5}};
}

inline bool same_rows(const Rows& a, const Rows& b) {
  return a.guests == b.guests && a.nodes == b.nodes && a.groups == b.groups && a.fleet == b.fleet &&
         a.events == b.events && a.moves == b.moves && a.version == b.version;
}

// Goal: a control plane finds what the last one committed, whole, and loses against a newer one.
// Method: control planes come and go on one store, which is empty at first.
inline void check_store_contract(const OpenStore& open) {
  const GuestId a{"web/1"}, b{"db \"\xc3\xa9\"\n../2"};
  const NodeId n{"i-1/b 'x'"};
  const GroupId g{"g"};
  Rows want;
  const auto expect = [&](Store& store, const char* why) {
    const auto rows = store.load();
    ASSERT_TRUE(rows) << why << ": " << to_string(rows.error());
    EXPECT_TRUE(same_rows(*rows, want)) << why << ", version " << rows->version;
  };
  expect(*open(), "empty at first");

  // All of a step, at once.
  const std::vector<RowWrite> first{GuestWrite{a, full_guest_row(5)}, GuestWrite{b, GuestRow{}},
                                    NodeWrite{n, full_node_row()}, GroupWrite{g, full_group_row()},
                                    FleetWrite{{4, 5}}};
  want = {.guests = {{a, full_guest_row(5)}, {b, GuestRow{}}},
          .nodes = {{n, full_node_row()}},
          .groups = {{g, full_group_row()}},
          .fleet = {4, 5},
          .version = 1};
  const auto old = open();
  EXPECT_TRUE(old->commit(0, first)) << "without a load before";
  expect(*open(), "first commit");

  // The loser's rows are not there, not one of them; a second try does not help it.
  const auto young = open();
  for (const std::uint64_t stale : {0U, 2U}) {
    const Status lost = young->commit(stale, std::vector<RowWrite>{GuestWrite{b, std::nullopt}});
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().code, Code::kAborted);
    expect(*open(), "after a lost race");
  }

  // Two planes take turns: who loaded before the other's commit loses.
  EXPECT_TRUE(young->commit(1, std::vector<RowWrite>{GuestWrite{a, full_guest_row(6)}}));
  const Status lost = old->commit(1, std::vector<RowWrite>{NodeWrite{n, std::nullopt}});
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Code::kAborted);
  want.guests[a] = full_guest_row(6);
  want.version = 2;
  expect(*old, "the old plane reads the young one's");
  expect(*young, "and so does the young one");

  // Removal; what is not there is removed, too; of two writes to one row the later counts.
  const std::vector<RowWrite> last{GuestWrite{b, std::nullopt}, GuestWrite{b, std::nullopt},
                                   NodeWrite{n, std::nullopt},  NodeWrite{n, NodeRow{"10.0.2.10"}},
                                   GroupWrite{g, std::nullopt}, FleetWrite{{6, 5}}};
  EXPECT_TRUE(young->commit(2, last));
  want = {.guests = {{a, full_guest_row(6)}},
          .nodes = {{n, {"10.0.2.10"}}},
          .groups = {},
          .fleet = {6, 5},
          .version = 3};
  expect(*open(), "removals");
}

// What is written again replaces; the oldest give way.
inline void check_journal_contract(const OpenStore& open) {
  Rows want;
  const auto expect = [&](const std::vector<RowWrite>& writes, const char* why) {
    ASSERT_TRUE(open()->commit(want.version++, writes)) << why;
    const auto rows = open()->load();
    ASSERT_TRUE(rows) << why << ": " << to_string(rows.error());
    EXPECT_TRUE(same_rows(*rows, want)) << why;
  };
  MoveView again = full_move(1);
  again.why = "later";
  want.events = {{1, full_event(1)}, {2, {.number = 2}}};
  want.moves = {{1, again}, {2, {.number = 2}}};
  expect({EventWrite{full_event(1)}, EventWrite{{.number = 2}}, MoveWrite{full_move(1)},
          MoveWrite{again}, MoveWrite{{.number = 2}}},
         "journal");
  const std::uint64_t far = kJournalKept + 1;
  want.events = {{2, {.number = 2}}, {far, {.number = far}}};
  want.moves = {{2, {.number = 2}}, {far, {.number = far}}};
  expect({EventWrite{{.number = far}}, MoveWrite{{.number = far}}}, "so much is kept");
}

}  // namespace godwit::ports
