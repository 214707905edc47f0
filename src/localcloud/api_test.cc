// Requests as bytes, signed here: what real clients never send. Their own tests are in
// tests/clients.
#include "localcloud/api.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "lib/xml/xml.h"
#include "localcloud/admin.h"
#include "localcloud/config.h"
#include "localcloud/query.h"

namespace godwit::localcloud {
namespace {

using namespace std::chrono;

const Time kStart = sys_days{2026y / November / 24};
const sigv4::Credentials kKey{"AKID", "secret"};
constexpr const char* kConfig = R"({
  "types": {"c8i.large": {"vcpus": 2, "memory_mib": 4096, "on_demand_usd": "0.09", "nested": true}},
  "prices": {"c8i.large/us-east-1a": "0.03"}, "images": {"ami-1": "node"},
  "visible_after_ms": 0, "buckets": {"RunInstances": [1000, 100]}})";

class ApiTest : public ::testing::Test {
 protected:
  ApiTest()
      : config_(parse_service_config(kConfig).value()),
        cloud_(config_.cloud, Market(compress(config_.series, {.start = kStart})), kStart),
        api_(cloud_, {kKey}) {}

  http::Response send(std::string body, std::string type = "application/x-www-form-urlencoded") {
    http::Request request{.method = "POST",
                          .headers = {{"Host", "h"}, {"Content-Type", type}},
                          .body = std::move(body)};
    for (auto& header : sigv4::sign({request.method, request.target, request.headers, request.body},
                                    kKey, "us-east-1", "ec2", kStart))
      request.headers.push_back(std::move(header));
    return api_.on(request, kStart);
  }
  // The code of the error, or "ok".
  std::string outcome(const std::string& body) {
    const auto response = send(body);
    const auto root = xml::parse(response.body);
    EXPECT_TRUE(root) << response.body;
    if (response.status == 200) return "ok";
    EXPECT_FALSE(root->text_at("RequestID").empty());
    EXPECT_FALSE(root->text_at("Errors/Error/Message").empty()) << response.body;
    return std::string(root->text_at("Errors/Error/Code"));
  }

  ServiceConfig config_;
  Cloud cloud_;
  Api api_;
};

constexpr const char* kRun =
    "Action=RunInstances&Version=2016-11-15&ImageId=ami-1&InstanceType=c8i.large&MinCount=1&"
    "MaxCount=1";

TEST_F(ApiTest, NestedVirtualizationIsTakenAndShown) {
  const auto response = send(std::string(kRun) + "&CpuOptions.NestedVirtualization=enabled");
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_TRUE(response.body.contains("<nestedVirtualization>enabled</nestedVirtualization>"));
}

TEST_F(ApiTest, BadRequests) {
  const std::string run = kRun;
  const std::pair<std::string, std::string> table[] = {
      {"", "InvalidAction"},
      {"Action=DescribeRegions", "InvalidAction"},
      {"Action=DescribeRegions&Version=2016-11-15", "ok"},
      {"Action=DescribeRegions&Version=2016-11-15&Colour=red", "UnknownParameter"},
      {"Action=DescribeRegions&Version=2016-11-15&DryRun=maybe", "InvalidParameterValue"},
      {"Action=DescribeRegions&Version=2016-11-15&DryRun=true&DryRun=false",
       "InvalidParameterCombination"},
      {"Action=%zz", "MalformedQueryString"},
      {"Action=DescribeTags&Version=2016-11-15&Filter.1.Value.1=x", "MissingParameter"},
      {"Action=DescribeTags&Version=2016-11-15&Filter.x.Name=key", "UnknownParameter"},
      {"Action=DescribeSpotPriceHistory&Version=2016-11-15&StartTime=now", "InvalidParameterValue"},
      {"Action=DescribeSpotPriceHistory&Version=2016-11-15&MaxResults=99999999999",
       "InvalidParameterValue"},
      {run + "&UserData=%21", "InvalidUserData.Malformed"},
      {run + "&UserData=" + std::string(24'000, 'A'), "InvalidUserData.Malformed"},
      {run + "&MaxCount.1=2", "UnknownParameter"},
      {run + "&Placement.AvailabilityZone=us-east-1q", "InvalidParameterValue"},
      {run + "&TagSpecification.1.ResourceType=moon", "InvalidParameterValue"},
      {run + "&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=aws:x",
       "InvalidParameterValue"},
      {run + "&NetworkInterface.1.DeviceIndex=0", "UnknownParameter"},
      {run, "ok"},
  };
  for (const auto& [body, code] : table) EXPECT_EQ(outcome(body), code) << body.substr(0, 120);
  EXPECT_EQ(cloud_.all().size(), 1u);
  EXPECT_EQ(send("{}", "application/json").status, 400);
  EXPECT_EQ(api_.on({.method = "PUT"}, kStart).status, 400);
  EXPECT_TRUE(api_.on({}, kStart).body.contains("MissingAuthenticationToken"));
}

// Whatever bytes come, the answer is XML with an error code or a result, and nothing is launched
// that was not asked for.
TEST_F(ApiTest, ChangedBytesAreAnswered) {
  const std::string text = std::string(kRun) + "&DryRun=true&Filter.1.Name=a&UserData=QUJD";
  Random random(3);
  for (int i = 0; i < 3000; ++i) {
    std::string changed = text;
    for (int n = 0; n < 3; ++n)
      changed[random.below(changed.size())] = static_cast<char>(random.below(256));
    EXPECT_NE(outcome(changed), "");
  }
  EXPECT_TRUE(cloud_.all().empty());
}

TEST(Matches, Wildcards) {
  EXPECT_TRUE(matches("*", ""));
  EXPECT_TRUE(matches("a*c?e", "abbbcde"));
  EXPECT_TRUE(matches("*ab*ab", "abxabab"));
  EXPECT_TRUE(matches("*", "*"));
  EXPECT_FALSE(matches("", "a"));
  EXPECT_FALSE(matches("a?", "a"));
  EXPECT_FALSE(matches("*b", "abc"));
}

TEST(Config, BadOnesAreRefused) {
  for (const char* bad :
       {"", "[]", "{}", R"({"colour": 1})", R"({"prices": {"a/b": "1"}})",
        R"({"types": {"a": {"vcpus": 1, "memory_mib": 1}}, "zones": ["z"]})",
        R"({"types": {"a": {"vcpus": 1, "memory_mib": 1, "on_demand_usd": "1"}}})",
        R"({"zones": ["z"], "nested_types": ["a"]})", R"({"zones": ["z"], "port": 70000})",
        R"({"zones": ["z"], "compress": 0})", R"({"zones": ["z"], "billing": {"kind": "daily"}})",
        R"({"zones": ["z"], "instances": {"root": "/"}})",
        R"({"zones": ["z"], "buckets": {"A": 1}})",
        // Numbers that once wrapped: 2^32 + 1, or microseconds above 2^63.
        R"({"zones": ["z"], "pool_capacity": 4294967297})",
        R"({"zones": ["z"], "notice_s": 9223372036854775807})", R"({"zones": ["z"], "skip_s": -1})",
        R"({"zones": ["z"], "launch_latency_ms": 1.5})",
        R"({"zones": ["z"], "billing": {"period_s": 0}})",
        R"({"zones": ["z"], "other_buckets": [100, 9223372036854775807]})"})
    EXPECT_FALSE(parse_service_config(bad)) << bad;
  EXPECT_TRUE(parse_service_config(R"({"zones": ["z"]})"));
  EXPECT_FALSE(load_service_config("/")) << "a directory";
}

TEST_F(ApiTest, AdminCommands) {
  const auto ask = [this](const std::string& request, Time now) {
    return admin_answer(cloud_, json::parse(request).value(), now);
  };
  const auto code = [&](const std::string& request, Time now) {
    const auto answer = ask(request, now);
    EXPECT_NE(answer["error"].text(), "") << request;
    return answer["code"].text();
  };
  const auto of = [](const char* command, const std::string& instance) {
    return std::format(R"({{"command": "{}", "instance": "{}"}})", command, instance);
  };
  ASSERT_EQ(outcome(std::string(kRun) + "&InstanceMarketOptions.MarketType=spot"), "ok");
  const std::string id = cloud_.all()[0]->id;
  EXPECT_EQ(ask(R"({"command": "price", "pool": "c8i.large/us-east-1a", "usd": "0.5"})",
                kStart + 1ms)["from"]
                .text(),
            "2026-11-24T00:00:01Z");
  const auto status = ask(R"({"command": "status"})", kStart + 2s);
  EXPECT_EQ(status["pools"].at(0)["usd"].text(), "0.500000");
  EXPECT_EQ(status["instances"].at(0)["goes_at"].text(), "2026-11-24T00:02:01Z");
  EXPECT_TRUE(ask(of("kill", id), kStart + 3s)["ok"].boolean());
  EXPECT_EQ(code(of("kill", id), kStart + 3s), "FAILED_PRECONDITION");
  EXPECT_EQ(code(of("reclaim", id), kStart + 3s), "FAILED_PRECONDITION");
  EXPECT_EQ(code(of("kill", "i-0"), kStart + 3s), "NOT_FOUND");
  for (const char* good :
       {R"({"command": "price", "pool": "c8i.large/us-east-1a", "usd": "auto"})",
        R"({"command": "capacity", "pool": "c8i.large/us-east-1a/on-demand", "count": 3})",
        R"({"command": "capacity", "pool": "c8i.large/us-east-1a", "count": "auto"})"})
    EXPECT_TRUE(ask(good, kStart + 3s)["ok"].boolean()) << good;
  EXPECT_EQ(
      code(R"({"command": "capacity", "pool": "c9.large/us-east-1a", "count": 3})", kStart + 3s),
      "NOT_FOUND");
  for (const char* bad :
       {R"({"command": "price", "pool": "c8i.large", "usd": "1"})",
        R"({"command": "price", "pool": "c8i.large/us-east-1a", "usd": "much"})",
        R"({"command": "capacity", "pool": "c8i.large/us-east-1a", "count": -1})",
        R"({"command": "capacity", "pool": "c8i.large/us-east-1a", "count": "some"})",
        R"({"command": "sing"})", "{}", "3"})
    EXPECT_EQ(code(bad, kStart + 3s), "INVALID_ARGUMENT") << bad;
  const auto bill = ask(R"({"command": "bill"})", kStart + 3s);
  EXPECT_EQ(bill["items"].at(0)["end"].text(), "2026-11-24T00:00:03Z");
  EXPECT_EQ(bill["items"].at(0)["seconds"].integer(), 3);
  EXPECT_EQ(bill["total_micro_usd"].integer(), 0);
}

}  // namespace
}  // namespace godwit::localcloud
