// The fake keeps the port's contract, and has the misfortunes that it is told to have.
#include "ports/fake_cloud.h"

#include <chrono>

#include "ports/cloud_contract.h"

namespace godwit::ports {
namespace {

using namespace std::chrono;

class FakeCloudTest : public ::testing::Test, public EventSink<CloudEvent> {
 protected:
  FakeCloudTest() {
    const std::vector both{CapacityType::kSpot, CapacityType::kOnDemand};
    cloud.types["c8i.large"] = {"c8i.large", 2, 4096, "x86_64", true, false, both, {"a", "b"}};
    cloud.types["c5.large"] = {"c5.large", 2, 4096, "x86_64", false, false, both, {"a"}};
    cloud.images = {"ami-1"};
    cloud.now = sys_days{2026y / November / 24};
    cloud.prices[{"c8i.large", "a"}] = {{cloud.now - 2h, {30'000}}, {cloud.now - 1h, {31'000}}};
    cloud.prices[{"c8i.large", "b"}] = {{cloud.now - 2h, {20'000}}};
    cloud.prices[{"c5.large", "a"}] = {{cloud.now - 2h, {10'000}}, {cloud.now + 1h, {11'000}}};
  }
  void offer(CloudEvent event) override { answers[event.command] = std::move(event.answer); }

  FakeCloud cloud{*this};
  std::map<std::uint64_t, CloudAnswer> answers;
  CloudRig rig{.cloud = cloud,
               .image = "ami-1",
               .zone_a = "a",
               .zone_b = "b",
               .answer = [this](std::uint64_t command) { return answers.at(command); },
               .pass =
                   [this] {
                     cloud.now += 1s;
                     cloud.advance();
                   },
               .set_capacity =
                   [this](const market::Pool& pool, int count) {
                     if (count < 0)
                       cloud.capacity.erase(pool);
                     else
                       cloud.capacity[pool] = count;
                   },
               .interrupt = [this](const std::string& id) { cloud.interrupt(id); }};
};

TEST_F(FakeCloudTest, KeepsTheContract) { expect_cloud_contract(rig, cloud.now); }

TEST_F(FakeCloudTest, HidesNewInstancesAndHasAQuota) {
  cloud.hides_new = true;
  cloud.spot_count_max = 1;
  const auto id = rig.ask_for<Launched>(rig.spot("1")).instance.id;
  EXPECT_FALSE(rig.ask_for<Examined>(Examine{id}).instance);
  EXPECT_FALSE(rig.ask_for<Terminating>(Terminate{id}).known);
  EXPECT_EQ(cloud.instances().at(id).state, InstanceState::kPending);
  EXPECT_EQ(rig.refusal_of(rig.spot("2")).refusal, CloudRefusal::kQuota);
  cloud.hides_new = false;
  EXPECT_TRUE(rig.ask_for<Examined>(Examine{id}).instance);
}

TEST_F(FakeCloudTest, FailsOnceAndChangesNothing) {
  cloud.fail_next = CloudFailed{CloudRefusal::kThrottled, {Code::kUnavailable, "slow down"}};
  EXPECT_EQ(rig.refusal_of(rig.spot("1")).refusal, CloudRefusal::kThrottled);
  EXPECT_TRUE(cloud.instances().empty());
  rig.ask_for<Launched>(rig.spot("1"));
}

TEST_F(FakeCloudTest, ShowsPricesSinceATimeAndTheOneInEffect) {
  const market::Pool pool{"c8i.large", "a"};
  const auto changes = [&](Time since) {
    return rig.ask_for<PricesRead>(ReadPrices{since}).changes.at(pool).size();
  };
  EXPECT_EQ(changes(cloud.now - 3h), 2u);
  EXPECT_EQ(changes(cloud.now - 90min), 2u);
  EXPECT_EQ(changes(cloud.now - 1h), 1u);
}

}  // namespace
}  // namespace godwit::ports
