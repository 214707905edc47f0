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
                    .from = CutName{.epoch = {number, 3}, .attempt = {NodeId{"i-4/b"}, 5}}}};
}

inline bool same_rows(const Rows& a, const Rows& b) {
  return a.guests == b.guests && a.nodes == b.nodes && a.version == b.version;
}

// Goal: a control plane finds what the last one committed, whole, and loses against a newer one.
// Method: control planes come and go on one store, which is empty at first.
inline void check_store_contract(const OpenStore& open) {
  const GuestId a{"web/1"}, b{"db \"\xc3\xa9\"\n../2"};
  const NodeId n{"i-1/b 'x'"};
  Rows want;
  const auto expect = [&](Store& store, const char* why) {
    const auto rows = store.load();
    ASSERT_TRUE(rows) << why << ": " << to_string(rows.error());
    EXPECT_TRUE(same_rows(*rows, want)) << why << ", version " << rows->version;
  };
  expect(*open(), "empty at first");

  // All of a step, at once.
  const std::vector<RowWrite> first{GuestWrite{a, full_guest_row(5)}, GuestWrite{b, GuestRow{}},
                                    NodeWrite{n, NodeRow{"10.0.1.10", true}}};
  want = {.guests = {{a, full_guest_row(5)}, {b, GuestRow{}}},
          .nodes = {{n, {"10.0.1.10", true}}},
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
                                   NodeWrite{n, std::nullopt}, NodeWrite{n, NodeRow{"10.0.2.10"}}};
  EXPECT_TRUE(young->commit(2, last));
  want = {.guests = {{a, full_guest_row(6)}}, .nodes = {{n, {"10.0.2.10"}}}, .version = 3};
  expect(*open(), "removals");
}

}  // namespace godwit::ports
