// Goal: plans are made beside the caller, each is answered once, and an owner that goes away is
// told nothing more and waits for nobody. Method: real threads, a small world and a large one.
#include "edges/runtime/solver.h"

#include <gtest/gtest.h>

#include <atomic>
#include <format>
#include <future>
#include <memory>

namespace godwit::runtime {
namespace {

fleet::World world(int guests) {
  fleet::World w{.now = Time{std::chrono::hours{1000}}, .incarnation = "f"};
  for (const char* zone : {"a", "b", "c"}) {
    const fleet::OfferingKey key{{"m.large", zone}, fleet::CapacityType::kSpot};
    w.offerings[key] = {.key = key,
                        .rate = {40'000},
                        .on_demand = {100'000},
                        .memory_mib = 8192,
                        .vcpus = 4,
                        .below_since = Time{}};
  }
  w.groups[GroupId{"g"}] = {.id = GroupId{"g"}};
  for (int i = 0; i < guests; ++i) {
    const GuestId id{std::format("g-{:05}", i)};
    w.guests[id] = {.id = id, .group = GroupId{"g"}, .memory_mib = 512};
  }
  return w;
}

TEST(Solver, AnswersWithTheVersionAndThePlanOfTheWorld) {
  std::promise<control::Solved> answered;
  std::atomic<std::thread::id> by;
  Solver solver([&](control::Solved solved) {
    by = std::this_thread::get_id();
    answered.set_value(std::move(solved));
  });
  const fleet::World w = world(3);
  solver.submit({7, w});
  const control::Solved solved = answered.get_future().get();
  EXPECT_EQ(solved.version, 7U);
  EXPECT_EQ(solved.plan, plan::make_plan(w));
  EXPECT_FALSE(solved.plan.actions.empty());
  EXPECT_NE(by.load(), std::this_thread::get_id());
}

// Ended before, while and after it is at work: whoever waits for the answer is gone by then.
TEST(Solver, TellsNothingOnceItIsEnded) {
  for (int round = 0; round < 20; ++round) {
    auto owner = std::make_unique<std::atomic<int>>(0);
    {
      Solver solver([told = owner.get()](const control::Solved&) { ++*told; });
      solver.submit({1, world(round * 20)});
      for (int spin = 0; spin < round * 50; ++spin) std::this_thread::yield();
    }
    EXPECT_LE(*owner, 1);
    owner.reset();  // Told now, this is a use of freed memory.
  }
}

}  // namespace
}  // namespace godwit::runtime
