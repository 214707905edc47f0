// The provider keeps the port's contract against the local cloud, over HTTP with signatures, and
// bears what a real cloud does: limits, throttling, and instances that are not shown at once.
#include "edges/ec2/cloud.h"

#include "edges/ec2/local_cloud_test.h"

namespace godwit::ec2 {
namespace {

using namespace std::chrono;
using namespace ports;

Time now() { return floor<microseconds>(system_clock::now()); }

TEST_F(LocalCloudTest, KeepsTheContract) {
  start();
  make_client();
  CloudRig r = rig();
  expect_cloud_contract(r, now());
}

TEST_F(LocalCloudTest, TheQuotaIsNotThePoolsCapacity) {
  start(R"({"spot_vcpus_max": 2})");
  make_client();
  CloudRig r = rig();
  r.ask_for<Launched>(r.spot("1"));
  const CloudFailed failed = r.refusal_of(r.spot("2"));
  EXPECT_EQ(failed.refusal, CloudRefusal::kQuota);
  EXPECT_EQ(failed.error.code, Code::kResourceExhausted);
}

TEST_F(LocalCloudTest, ThrottledIsUnavailableOnceTheTriesAreUp) {
  start(R"({"buckets": {"DescribeInstances": [2, 0.001]}})");
  config_.tries = 2;
  make_client();
  CloudRig r = rig();
  for (int i = 0; i < 2; ++i) r.ask_for<Listed>(ListInstances{"a", "b"});
  const CloudFailed failed = r.refusal_of(ListInstances{"a", "b"});
  EXPECT_EQ(failed.refusal, CloudRefusal::kThrottled);
  EXPECT_EQ(failed.error.code, Code::kUnavailable);
}

TEST_F(LocalCloudTest, WhatIsNotShownIsNotAbsent) {
  start(R"({"visible_after_ms": 3600000})");
  make_client();
  CloudRig r = rig();
  const std::string id = r.ask_for<Launched>(r.spot("1")).instance.id;
  const Examined hidden = r.ask_for<Examined>(Examine{id});
  EXPECT_FALSE(hidden.instance);
  EXPECT_FALSE(hidden.certificate);
  EXPECT_FALSE(r.ask_for<Terminating>(Terminate{id}).known);
}

TEST_F(LocalCloudTest, TerminateWaitsUntilTheInstanceIsKnown) {
  start(R"({"visible_after_ms": 1500})");
  config_.visible_within = 60s;
  config_.tries = 1;  // The repetition is Terminate's own.
  make_client();
  CloudRig r = rig();
  const std::string id = r.ask_for<Launched>(r.spot("1")).instance.id;
  EXPECT_TRUE(r.ask_for<Terminating>(Terminate{id}).known);
  EXPECT_TRUE(r.await(id, InstanceState::kTerminated).certificate);
}

TEST_F(LocalCloudTest, AListIsReadToItsLastPage) {
  // 1,000 is a page; one more needs two.
  start(R"({"spot_vcpus_max": 4000, "launch_bucket": [5000, 100],
            "buckets": {"RunInstances": [5000, 100]}, "other_buckets": [5000, 100]})");
  config_.other_bucket = {5000, 100};
  config_.buckets = {{"RunInstances", {5000, 1000}}};
  make_client();
  CloudRig r = rig();
  constexpr int kMany = 1001;
  for (int i = 0; i < kMany; ++i) {
    Launch launch = r.spot(std::format("many-{}", i));
    launch.tags = {{"godwit", "many"}};
    r.ask_for<Launched>(launch);
  }
  const auto listed = r.ask_for<Listed>(ListInstances{"godwit", "many"}).instances;
  EXPECT_EQ(listed.size(), static_cast<std::size_t>(kMany));
  EXPECT_TRUE(std::ranges::adjacent_find(listed, {}, &CloudInstance::id) == listed.end());
}

TEST_F(LocalCloudTest, AWrongSecretIsForAPerson) {
  start();
  config_.credentials.secret_access_key = "another";
  make_client();
  CloudRig r = rig();
  const CloudFailed failed = r.refusal_of(r.spot("1"));
  EXPECT_EQ(failed.refusal, CloudRefusal::kCredentials);
  EXPECT_EQ(failed.error.code, Code::kPermissionDenied);
}

}  // namespace
}  // namespace godwit::ec2
