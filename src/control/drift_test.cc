// Goal: a late plan does no harm. Method: one world and one action of each kind; each row changes
// one thing between then and now, and says which actions still hold.
#include "control/drift.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace godwit::control {
namespace {

using std::chrono::seconds;

const fleet::OfferingKey kPool{{"m.large", "a"}, fleet::CapacityType::kSpot};
const GuestId kWeb{"web-1"}, kOther{"other-1"};
const NodeId kFrom{"n-1"}, kTo{"n-2"}, kIdle{"n-3"}, kDrained{"n-4"}, kNew{"n-5"};

fleet::World world() {
  fleet::World w{.now = Time{seconds{1000}}};
  w.offerings[kPool] = {.key = kPool, .rate = {40'000}, .memory_mib = 2048};
  w.groups[GroupId{"web"}] = {.id = GroupId{"web"}};
  for (const NodeId& id : {kFrom, kTo, kIdle, kDrained})
    w.nodes[id] = {.id = id, .offering = kPool, .phase = fleet::Phase::kReady, .memory_mib = 2048};
  w.nodes[kDrained].phase = fleet::Phase::kDraining;
  for (const GuestId& id : {kWeb, kOther})
    w.guests[id] = {
        .id = id, .group = GroupId{"web"}, .memory_mib = 256, .on = kFrom, .wanted = kFrom};
  return w;
}

struct Row {
  std::string what;
  std::function<void(fleet::World&)> change;
  std::string holds;  // Of L(aunch) P(lace on it) M(ove) S(tay) T(erminate) D(rained: terminate).
};

std::string held(const Row& row) {
  const fleet::World then = world();
  fleet::World now = then;
  row.change(now);
  Drift drift(then, now);
  const std::vector<std::pair<char, plan::Action>> actions{
      {'L', plan::Launch{.node = kNew, .offering = kPool, .rate = {}, .bid = {}, .guests = {kWeb}}},
      {'P', plan::Place{kWeb, kNew}},
      {'M', plan::Move{.guest = kWeb, .from = kFrom, .to = kTo}},
      {'S', plan::Stay{kWeb, kFrom, ""}},
      {'T', plan::Terminate{kIdle, ""}},
      {'D', plan::Terminate{kDrained, ""}}};
  std::string all;
  for (const auto& [name, action] : actions)
    if (drift.holds(action)) all += name;
  return all;
}

TEST(Drift, OnlyWhatAChangeTouchesIsDropped) {
  using World = fleet::World;
  const std::vector<Row> rows{
      {"nothing", [](World&) {}, "LPMSTD"},
      {"time", [](World& w) { w.now += seconds{5}; }, "LPMSTD"},
      {"the guest arrived elsewhere", [](World& w) { w.guests[kWeb].on = kTo; }, "D"},
      {"a user sent it elsewhere", [](World& w) { w.guests[kWeb].wanted = kIdle; }, "D"},
      {"its agent moves it", [](World& w) { w.guests[kWeb].moving_to = kIdle; }, "D"},
      {"it was deleted", [](World& w) { w.guests.erase(kWeb); }, "D"},
      {"another guest was made", [](World& w) { w.guests[GuestId{"new"}] = {}; }, "LPMSD"},
      {"its group may pay less",
       [](World& w) { w.groups[GroupId{"web"}].maximum_price = MicroUsdPerHour{1}; }, "D"},
      {"another guest comes to the destination", [](World& w) { w.guests[kOther].wanted = kTo; },
       "LPSD"},
      {"another guest comes to the drained node",
       [](World& w) { w.guests[kOther].moving_to = kDrained; }, "LPMS"},
      {"the destination died", [](World& w) { w.nodes.erase(kTo); }, "LPSD"},
      {"the destination is under notice", [](World& w) { w.nodes[kTo].notice = w.now; }, "LPSD"},
      {"the destination is cordoned",
       [](World& w) { w.nodes[kTo].phase = fleet::Phase::kCordoned; }, "LPSD"},
      {"the destination's agent is away", [](World& w) { w.nodes[kTo].reachable = false; }, "LPSD"},
      {"the destination is smaller", [](World& w) { w.nodes[kTo].memory_mib = 1024; }, "LPSD"},
      {"the idle node is cordoned",
       [](World& w) { w.nodes[kIdle].phase = fleet::Phase::kCordoned; }, "LPMSD"},
      {"the drained node is wanted again",
       [](World& w) { w.nodes[kDrained].phase = fleet::Phase::kReady; }, "LPMS"},
      {"the source is under notice", [](World& w) { w.nodes[kFrom].notice = w.now; }, "LPMSD"},
      {"the pool is dearer", [](World& w) { w.offerings[kPool].rate = {40'001}; }, "STD"},
      {"the pool is cheaper", [](World& w) { w.offerings[kPool].rate = {39'999}; }, "LPMSTD"},
      {"the pool refused", [](World& w) { w.offerings[kPool].refused_until = w.now; }, "MSTD"},
      {"the pool lost an instance", [](World& w) { w.offerings[kPool].lost_at = w.now; }, "MSTD"},
  };
  for (const Row& row : rows) EXPECT_EQ(held(row), row.holds) << row.what;
}

// A node that was being launched and has joined meanwhile takes its guests.
TEST(Drift, ANodeThatHasJoinedIsWhatWasWaitedFor) {
  fleet::World then = world();
  then.nodes[kTo].phase = fleet::Phase::kLaunching;
  then.nodes[kTo].memory_mib = 0;
  fleet::World now = world();
  EXPECT_TRUE(Drift(then, now).holds(plan::Place{kWeb, kTo}));
  now.nodes[kTo].memory_mib = 2047;  // Less than its offering has promised.
  EXPECT_FALSE(Drift(then, now).holds(plan::Place{kWeb, kTo}));
}

}  // namespace
}  // namespace godwit::control
