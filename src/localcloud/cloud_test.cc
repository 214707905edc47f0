// The cloud's rules as a script of calls with times; nothing is real here.
#include "localcloud/cloud.h"

#include <gtest/gtest.h>

#include "localcloud/text.h"

namespace godwit::localcloud {
namespace {

using namespace std::chrono;

const Time kStart = sys_days{2026y / November / 24};
const Pool kPool{"c8i.large", "us-east-1a"};

Config small() {
  Config config;
  config.catalog.zones = {"us-east-1a", "us-east-1b"};
  config.catalog.types["c8i.large"] = {"c8i.large", 2, 4096, "x86_64", {90'000}, true};
  config.catalog.types["c5.large"] = {"c5.large", 2, 4096, "x86_64", {85'000}, false};
  config.launch_bucket = {20, 2};
  return config;
}

// 0.03, from minute 10 on 0.10 (above on-demand), from minute 20 on 0.03.
Market three_prices() {
  return Market(
      {{kPool, {{kStart, {30'000}}, {kStart + 10min, {100'000}}, {kStart + 20min, {30'000}}}},
       {{"c5.large", "us-east-1a"}, {{kStart, {20'000}}}}});
}

LaunchSpec spot(std::string token = "") {
  return {.type = "c8i.large",
          .zone = "us-east-1a",
          .image = "ami-1",
          .spot = true,
          .client_token = token,
          .digest = "same"};
}

std::string refusal(const Outcome<std::vector<const Instance*>>& outcome) {
  return outcome ? "ok" : outcome.error().code;
}

TEST(Cloud, LifeOfAnOnDemandInstance) {
  Cloud cloud(small(), three_prices(), kStart);
  LaunchSpec spec = spot();
  spec.spot = false;
  const auto run = cloud.run(spec, false, kStart + 1500ms);
  ASSERT_TRUE(run);
  const std::string id = (*run)[0]->id;
  EXPECT_EQ(id.size(), 19u);
  EXPECT_EQ(cloud.find(id)->launched, kStart + 1s);
  EXPECT_EQ(cloud.take_effects(), (std::vector<Effect>{{Effect::Kind::kBoot, id}}));
  // Not seen for a second.
  EXPECT_EQ(cloud.find_shown(id, kStart + 2499ms), nullptr);
  EXPECT_NE(cloud.find_shown(id, kStart + 2500ms), nullptr);
  EXPECT_TRUE(cloud.shown(kStart + 2s).empty());
  EXPECT_EQ(cloud.next_due(), kStart + 21500ms);
  cloud.advance(kStart + 21499ms);
  EXPECT_EQ(cloud.find(id)->state, InstanceState::kPending);
  cloud.advance(kStart + 30s);
  EXPECT_EQ(cloud.find(id)->state, InstanceState::kRunning);
  cloud.terminate(id, kStart + 60s);
  cloud.terminate(id, kStart + 61s);
  EXPECT_EQ(cloud.find(id)->state, InstanceState::kShuttingDown);
  EXPECT_EQ(cloud.find(id)->ended, kStart + 60s);
  EXPECT_EQ(cloud.take_effects(), (std::vector<Effect>{{Effect::Kind::kKill, id}}));
  cloud.advance(kStart + 65s);
  EXPECT_EQ(cloud.find(id)->state, InstanceState::kTerminated);
  EXPECT_NE(cloud.find_shown(id, kStart + 1h), nullptr);
  EXPECT_EQ(cloud.find_shown(id, kStart + 1h + 65s), nullptr);
  // 59 s used, 60 s charged: 0.09 x 60 / 3600.
  const auto bill = cloud.bill(kStart + 2h);
  ASSERT_EQ(bill.size(), 1u);
  EXPECT_EQ(bill[0].charge, (Charge{59, {1500}}));
}

// The price passes the default maximum (on-demand) at minute 10: notice, and two minutes later the
// end, in the first hour and so for free. One call far in the future shows the same as many.
TEST(Cloud, PriceInterruptsWithNotice) {
  for (const bool often : {false, true}) {
    Cloud cloud(small(), three_prices(), kStart);
    const std::string id = (*cloud.run(spot(), false, kStart))[0]->id;
    const std::string request = cloud.find(id)->spot_request;
    if (often)
      for (Time t = kStart; t < kStart + 11min; t += 7s) cloud.advance(t);
    cloud.advance(kStart + 11min);
    ASSERT_TRUE(cloud.find(id)->interruption);
    EXPECT_EQ(cloud.find(id)->interruption->noticed, kStart + 10min);
    EXPECT_EQ(cloud.find(id)->interruption->at, kStart + 12min);
    EXPECT_EQ(cloud.find(id)->state, InstanceState::kRunning);
    EXPECT_EQ(cloud.find_request(request)->status, "marked-for-termination");
    cloud.advance(kStart + 30min);
    EXPECT_EQ(cloud.find(id)->state, InstanceState::kTerminated);
    EXPECT_EQ(cloud.find(id)->ended, kStart + 12min);
    EXPECT_EQ(cloud.find_request(request)->state, "closed");
    EXPECT_EQ(cloud.find_request(request)->status, "instance-terminated-by-price");
    EXPECT_EQ(cloud.bill(kStart + 30min)[0].charge, (Charge{720, {0}}));
  }
}

TEST(Cloud, MaximumPriceTooLowAndHighEnough) {
  Cloud cloud(small(), three_prices(), kStart);
  LaunchSpec spec = spot();
  spec.max_price = MicroUsdPerHour{29'999};
  EXPECT_EQ(refusal(cloud.run(spec, false, kStart)), "SpotMaxPriceTooLow");
  spec.max_price = MicroUsdPerHour{100'000};
  const std::string id = (*cloud.run(spec, false, kStart))[0]->id;
  cloud.advance(kStart + 1h);
  EXPECT_EQ(cloud.find(id)->state, InstanceState::kRunning);
}

TEST(Cloud, OverridePriceHoldsUntilSetAgain) {
  Cloud cloud(small(), three_prices(), kStart);
  const std::string id = (*cloud.run(spot(), false, kStart))[0]->id;
  EXPECT_EQ(cloud.set_price(kPool, MicroUsdPerHour{40'000}, kStart + 5min + 1ms).value(),
            kStart + 5min + 1s);
  cloud.advance(kStart + 15min);  // The series would be above the maximum.
  EXPECT_FALSE(cloud.find(id)->interruption);
  EXPECT_EQ(cloud.market().price(kPool, kStart + 15min), MicroUsdPerHour{40'000});
  EXPECT_EQ(cloud.market().price(kPool, kStart + 5min), MicroUsdPerHour{30'000});
  EXPECT_EQ(cloud.market().changes(kPool, kStart + 1min, kStart + 15min),
            (std::vector<PriceChange>{{kStart, {30'000}}, {kStart + 5min + 1s, {40'000}}}));
  ASSERT_TRUE(cloud.set_price(kPool, std::nullopt, kStart + 15min));
  cloud.advance(kStart + 16min);
  ASSERT_TRUE(cloud.find(id)->interruption);
  EXPECT_EQ(cloud.find(id)->interruption->noticed, kStart + 15min + 1s);
  EXPECT_EQ(cloud.set_price({"x", "y"}, std::nullopt, kStart + 16min).error().code,
            Code::kNotFound);
}

TEST(Cloud, CapacityAndQuota) {
  Config config = small();
  config.spot_vcpus_max = 8;
  config.on_demand_vcpus_max = 4;
  config.pool_capacity = 3;
  Cloud cloud(config, three_prices(), kStart);
  LaunchSpec spec = spot();
  spec.min_count = spec.max_count = 4;
  EXPECT_EQ(refusal(cloud.run(spec, false, kStart)), "InsufficientInstanceCapacity");
  spec.min_count = 1;
  EXPECT_EQ(cloud.run(spec, false, kStart)->size(), 3u);
  EXPECT_EQ(refusal(cloud.run(spot(), false, kStart)), "InsufficientInstanceCapacity");
  ASSERT_TRUE(cloud.set_capacity(kPool, true, std::nullopt, kStart));
  EXPECT_EQ(refusal(cloud.run(spot(), false, kStart)), "ok");
  EXPECT_EQ(refusal(cloud.run(spot(), false, kStart)), "MaxSpotInstanceCountExceeded");
  // Two are taken back: equal maximum prices, so the youngest.
  ASSERT_TRUE(cloud.set_capacity(kPool, true, 2, kStart + 1s));
  const auto all = cloud.all();
  ASSERT_EQ(all.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(all[i]->interruption.has_value(), i >= 2) << i;
  spec.spot = false;
  spec.min_count = spec.max_count = 3;
  EXPECT_EQ(refusal(cloud.run(spec, false, kStart + 1s)), "VcpuLimitExceeded");
  spec.min_count = spec.max_count = 2;
  ASSERT_TRUE(cloud.set_capacity(kPool, false, 1, kStart + 1s));
  EXPECT_EQ(refusal(cloud.run(spec, false, kStart + 1s)), "InsufficientInstanceCapacity");
}

TEST(Cloud, ClientTokenIsIdempotent) {
  Cloud cloud(small(), three_prices(), kStart);
  const std::string id = (*cloud.run(spot("t1"), false, kStart))[0]->id;
  EXPECT_EQ((*cloud.run(spot("t1"), false, kStart + 10s))[0]->id, id);
  EXPECT_EQ(cloud.all().size(), 1u);
  LaunchSpec other = spot("t1");
  other.digest = "different";
  EXPECT_EQ(refusal(cloud.run(other, false, kStart + 10s)), "IdempotentParameterMismatch");
  EXPECT_NE((*cloud.run(spot("t2"), false, kStart + 10s))[0]->id, id);
  // Also when it is over: the same, terminated instance again.
  cloud.terminate(id, kStart + 20s);
  EXPECT_EQ((*cloud.run(spot("t1"), false, kStart + 30s))[0]->id, id);
}

TEST(Cloud, RefusalsChangeNothing) {
  Cloud cloud(small(), three_prices(), kStart);
  EXPECT_EQ(refusal(cloud.run(spot("t"), true, kStart)), "DryRunOperation");
  LaunchSpec spec = spot();
  spec.zone = "us-east-1b";
  EXPECT_EQ(refusal(cloud.run(spec, false, kStart)), "Unsupported");
  spec = spot();
  spec.type = "c5.large";
  spec.nested = true;
  EXPECT_EQ(refusal(cloud.run(spec, false, kStart)), "Unsupported");
  EXPECT_TRUE(cloud.all().empty());
  EXPECT_TRUE(cloud.take_effects().empty());
  // The bucket of launched instances: 20 at once, then 2 a second.
  spec = spot();
  spec.min_count = spec.max_count = 19;
  EXPECT_EQ(refusal(cloud.run(spec, false, kStart)), "ok");
  spec.min_count = spec.max_count = 4;
  EXPECT_EQ(refusal(cloud.run(spec, false, kStart)), "RequestLimitExceeded");
  EXPECT_EQ(refusal(cloud.run(spec, false, kStart + 1499ms)), "RequestLimitExceeded");
  EXPECT_EQ(refusal(cloud.run(spec, false, kStart + 1500ms)), "ok");
}

TEST(Cloud, ReclaimCancelAndEnds) {
  Config config = small();
  config.notices_lost_percent = 100;
  Cloud cloud(config, three_prices(), kStart);
  const std::string a = (*cloud.run(spot(), false, kStart))[0]->id;
  const std::string b = (*cloud.run(spot(), false, kStart))[0]->id;
  ASSERT_TRUE(cloud.reclaim(a, true, kStart + 30s));
  EXPECT_FALSE(cloud.find(a)->interruption->told);  // All notices are lost here.
  EXPECT_EQ(cloud.reclaim(a, true, kStart + 30s).error().code, Code::kFailedPrecondition);
  ASSERT_TRUE(cloud.reclaim(a, false, kStart + 31s));
  EXPECT_EQ(cloud.find(a)->ended, kStart + 31s);
  EXPECT_EQ(cloud.reclaim("i-none", true, kStart + 31s).error().code, Code::kNotFound);
  const std::string request = cloud.find(b)->spot_request;
  EXPECT_EQ(cloud.cancel_spot_request(request, kStart + 40s)->state, "cancelled");
  EXPECT_EQ(cloud.find_request(request)->status, "request-canceled-and-instance-running");
  EXPECT_EQ(cloud.cancel_spot_request("sir-none", kStart + 40s), nullptr);
  ASSERT_TRUE(cloud.end(b, EndReason::kItself, kStart + 50s));
  EXPECT_EQ(cloud.end(b, EndReason::kItself, kStart + 50s).error().code, Code::kFailedPrecondition);
  EXPECT_EQ(cloud.find_request(request)->state, "cancelled");
  EXPECT_EQ(cloud.find_request(request)->status, "instance-terminated-by-user");
  // Ended by EC2 in the first hour: free. Ended by itself: 50 s, charged as 60 s at 0.03.
  const auto bill = cloud.bill(kStart + 1h);
  EXPECT_EQ(bill[0].charge, (Charge{31, {0}}));
  EXPECT_EQ(bill[1].charge, (Charge{50, {500}}));
}

TEST(Cloud, AddressesAreOfTheZoneAndNotGivenTwice) {
  Cloud cloud(small(), three_prices(), kStart);
  LaunchSpec spec = spot();
  spec.spot = false;
  spec.zone = "us-east-1b";
  const auto first = *(*cloud.run(spec, false, kStart))[0];
  EXPECT_EQ(first.address, "10.0.16.10");
  EXPECT_EQ((*cloud.run(spec, false, kStart))[0]->address, "10.0.16.11");
  cloud.terminate(first.id, kStart + 1s);
  EXPECT_EQ((*cloud.run(spec, false, kStart + 2s))[0]->address, "10.0.16.12");
  EXPECT_EQ((*cloud.run(spec, false, kStart + 7s))[0]->address, "10.0.16.10");
}

}  // namespace
}  // namespace godwit::localcloud
