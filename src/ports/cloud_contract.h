// What every Cloud promises, as one test text: run on the fake and on the real edges. For tests
// only.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "ports/cloud.h"

namespace godwit::ports {

// A provider with the type "c8i.large" (nests; zones a and b) and "c5.large" (does not nest; spot
// in zone a alone), an image, prices of all three pools, and a hand on what the provider does by
// itself.
struct CloudRig {
  Cloud& cloud;
  std::string image, zone_a, zone_b;
  std::function<CloudAnswer(std::uint64_t)> answer;  // Waits for it.
  std::function<void()> pass;                        // Lets the provider get on: time passes.
  std::function<void(const market::Pool&, int)> set_capacity;  // -1: without limit.
  std::function<void(const std::string&)> interrupt;
  std::uint64_t commands = 0;

  CloudAnswer ask(CloudCommand what) {
    cloud.submit(++commands, std::move(what));
    return answer(commands);
  }
  template <class Wanted>
  Wanted ask_for(CloudCommand what) {
    const CloudAnswer got = ask(std::move(what));
    if (const auto* failed = std::get_if<CloudFailed>(&got))
      ADD_FAILURE() << to_string(failed->error);
    const auto* wanted = std::get_if<Wanted>(&got);
    EXPECT_TRUE(wanted);
    return wanted ? *wanted : Wanted{};
  }
  CloudFailed refusal_of(CloudCommand what) {
    const CloudAnswer got = ask(std::move(what));
    const auto* failed = std::get_if<CloudFailed>(&got);
    EXPECT_TRUE(failed) << "not refused";
    return failed ? *failed : CloudFailed{CloudRefusal::kOutage, {Code::kInternal, "not refused"}};
  }
  // Until `state` is reached; every look before that must give no certificate.
  Examined await(const std::string& instance, InstanceState state) {
    for (int i = 0; i < 600; ++i, pass()) {
      auto examined = ask_for<Examined>(Examine{instance});
      if (examined.instance && examined.instance->state == state) return examined;
      EXPECT_FALSE(examined.certificate);
    }
    ADD_FAILURE() << instance << " does not get on";
    return {};
  }
  Launch spot(std::string token) const {
    return {.client_token = std::move(token), .type = "c8i.large", .zone = zone_a, .image = image};
  }
};

inline void expect_launch_is_told_apart_by_its_token(CloudRig& rig) {
  Launch launch = rig.spot("token-1");
  launch.nested = true;
  launch.max_price = MicroUsdPerHour{80'000};
  launch.user_data = std::string("#!/bin/sh\n\0\xff", 12);
  launch.tags = {{"godwit", "one & <two>"}, {"name", "a b+c%d"}};
  const CloudInstance first = rig.ask_for<Launched>(launch).instance;
  EXPECT_FALSE(first.id.empty());
  EXPECT_EQ(first.type, "c8i.large");
  EXPECT_EQ(first.zone, rig.zone_a);
  EXPECT_EQ(first.capacity, CapacityType::kSpot);
  EXPECT_EQ(first.tags, launch.tags);
  EXPECT_EQ(first.client_token, "token-1");
  EXPECT_EQ(rig.ask_for<Launched>(launch).instance.id, first.id);
  Launch other = launch;
  other.user_data += "x";
  const CloudFailed mismatch = rig.refusal_of(other);
  EXPECT_EQ(mismatch.refusal, CloudRefusal::kMismatch);
  EXPECT_EQ(mismatch.error.code, Code::kFailedPrecondition);
  other.client_token = "token-2";
  EXPECT_NE(rig.ask_for<Launched>(other).instance.id, first.id);
  EXPECT_EQ(rig.await(first.id, InstanceState::kRunning).instance->launched, first.launched);
  const auto listed = rig.ask_for<Listed>(ListInstances{"godwit", "one & <two>"}).instances;
  EXPECT_EQ(listed.size(), 2u);
  EXPECT_TRUE(std::ranges::is_sorted(listed, {}, &CloudInstance::id));
  EXPECT_TRUE(std::ranges::contains(listed, first.id, &CloudInstance::id));
  EXPECT_TRUE(rig.ask_for<Listed>(ListInstances{"godwit", "three"}).instances.empty());
}

inline void expect_only_terminated_is_certified(CloudRig& rig) {
  for (const EndedBy by : {EndedBy::kUser, EndedBy::kProvider}) {
    Launch launch = rig.spot(by == EndedBy::kUser ? "dies-1" : "dies-2");
    const std::string id = rig.ask_for<Launched>(launch).instance.id;
    EXPECT_FALSE(rig.await(id, InstanceState::kRunning).certificate);
    if (by == EndedBy::kUser) {
      EXPECT_TRUE(rig.ask_for<Terminating>(Terminate{id}).known);
      EXPECT_TRUE(rig.ask_for<Terminating>(Terminate{id}).known);  // Twice is harmless.
    } else {
      rig.interrupt(id);
    }
    const Examined dead = rig.await(id, InstanceState::kTerminated);
    ASSERT_TRUE(dead.certificate);
    EXPECT_EQ(dead.certificate->instance, id);
    EXPECT_EQ(dead.certificate->end.by, by);
    EXPECT_EQ(dead.certificate->end.reason, by == EndedBy::kUser
                                                ? "Client.UserInitiatedShutdown"
                                                : "Server.SpotInstanceTermination");
    ASSERT_TRUE(dead.certificate->end.at);
    EXPECT_GE(*dead.certificate->end.at, dead.instance->launched);
    // The token's instance is gone, and the token does not make another one.
    EXPECT_EQ(rig.ask_for<Launched>(launch).instance.id, id);
  }
  // An instance that nobody knows has no certificate either.
  const Examined unknown = rig.ask_for<Examined>(Examine{"i-0123456789abcdef0"});
  EXPECT_FALSE(unknown.instance);
  EXPECT_FALSE(unknown.certificate);
  EXPECT_FALSE(rig.ask_for<Terminating>(Terminate{"i-0123456789abcdef0"}).known);
}

inline void expect_refusals_say_what_to_do(CloudRig& rig) {
  const auto expect = [&](const Launch& launch, CloudRefusal refusal, Code code) {
    const CloudFailed failed = rig.refusal_of(launch);
    EXPECT_EQ(failed.refusal, refusal) << to_string(failed.error);
    EXPECT_EQ(failed.error.code, code) << to_string(failed.error);
  };
  rig.set_capacity({"c8i.large", rig.zone_b}, 0);
  Launch launch = rig.spot("refused-1");
  launch.zone = rig.zone_b;
  expect(launch, CloudRefusal::kPool, Code::kResourceExhausted);
  rig.set_capacity({"c8i.large", rig.zone_b}, -1);
  launch.client_token = "refused-1b";  // A new attempt.
  rig.ask_for<Launched>(launch);

  launch = rig.spot("refused-2");
  launch.max_price = MicroUsdPerHour{1};
  expect(launch, CloudRefusal::kPrice, Code::kResourceExhausted);
  launch = rig.spot("refused-3");
  launch.type = "c5.large";
  launch.nested = true;
  expect(launch, CloudRefusal::kOffering, Code::kFailedPrecondition);
  launch.nested = false;
  launch.zone = rig.zone_b;
  launch.client_token = "refused-4";
  expect(launch, CloudRefusal::kOffering, Code::kFailedPrecondition);
  launch = rig.spot("refused-5");
  launch.type = "no.such";
  expect(launch, CloudRefusal::kRequest, Code::kInvalidArgument);
  launch = rig.spot("refused-6");
  launch.image = "ami-0123456789abcdef0";
  expect(launch, CloudRefusal::kRequest, Code::kNotFound);
  launch = rig.spot("refused-7");
  launch.user_data.assign(16 * 1024 + 1, 'x');
  expect(launch, CloudRefusal::kRequest, Code::kInvalidArgument);
  expect(rig.spot(""), CloudRefusal::kRequest, Code::kInvalidArgument);
}

inline void expect_offerings_and_prices(CloudRig& rig, Time now) {
  const auto types = rig.ask_for<TypesRead>(ReadTypes{{"c8i.large", "c5.large"}}).types;
  ASSERT_EQ(types.size(), 2u);
  EXPECT_EQ(types[0].name, "c5.large");
  EXPECT_FALSE(types[0].nests);
  EXPECT_TRUE(std::ranges::contains(types[0].zones, rig.zone_a));
  EXPECT_TRUE(types[1].nests);
  EXPECT_EQ(types[1].vcpus, 2);
  EXPECT_EQ(types[1].memory_mib, 4096);
  EXPECT_EQ(types[1].architecture, "x86_64");
  EXPECT_EQ(types[1].zones, (std::vector{rig.zone_a, rig.zone_b}));
  EXPECT_EQ(types[1].capacity_types, (std::vector{CapacityType::kSpot, CapacityType::kOnDemand}));
  EXPECT_EQ(rig.refusal_of(ReadTypes{{"no.such"}}).refusal, CloudRefusal::kRequest);

  const auto prices = rig.ask_for<PricesRead>(ReadPrices{now, {}}).changes;
  EXPECT_EQ(prices.size(), 3u);
  const auto some = rig.ask_for<PricesRead>(ReadPrices{now, {"c5.large"}}).changes;
  ASSERT_EQ(some.size(), 1u);
  const auto& [pool, changes] = *some.begin();
  EXPECT_EQ(pool, (market::Pool{"c5.large", rig.zone_a}));
  ASSERT_FALSE(changes.empty());  // The one in effect at that time comes too.
  EXPECT_EQ(changes[0].price, (MicroUsdPerHour{10'000}));
  EXPECT_LE(changes[0].at, now);
}

inline void expect_cloud_contract(CloudRig& rig, Time now) {
  expect_launch_is_told_apart_by_its_token(rig);
  expect_only_terminated_is_certified(rig);
  expect_refusals_say_what_to_do(rig);
  expect_offerings_and_prices(rig, now);
}

}  // namespace godwit::ports
