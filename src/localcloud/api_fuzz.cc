// A cloud under a stranger's requests, a line each, one second apart: a Query API form, or an
// operator's command where the line begins with '{'. Every answer can be read.
#include "base/fuzz.h"
#include "lib/xml/xml.h"
#include "localcloud/admin.h"
#include "localcloud/api.h"
#include "localcloud/config.h"

namespace godwit::fuzz {
namespace {

using namespace localcloud;

const Time kNow{std::chrono::seconds{1'800'000'000}};
const sigv4::Credentials kKey{"AKID", "secret"};

const ServiceConfig& config() {
  static const ServiceConfig kConfig = parse_service_config(R"({
    "types": {"c8i.large": {"vcpus": 2, "memory_mib": 4096, "on_demand_usd": "0.09",
                            "nested": true}},
    "prices": {"c8i.large/us-east-1a": "0.03"}, "images": {"ami-1": "node"},
    "visible_after_ms": 0, "launch_latency_ms": 500, "buckets": {"RunInstances": [1000, 100]}})")
                                           .value();
  return kConfig;
}

// True if it was done.
bool ask(Api& api, std::string_view form, Time now) {
  http::Request request{
      .method = "POST",
      .headers = {{"Host", "h"}, {"Content-Type", "application/x-www-form-urlencoded"}},
      .body = std::string(form)};
  for (auto& header : sigv4::sign({request.method, request.target, request.headers, request.body},
                                  kKey, "us-east-1", "ec2", now))
    request.headers.push_back(std::move(header));
  const http::Response response = api.on(request, now);
  const auto root = xml::parse(response.body);
  CHECK(root);
  if (response.status == 200) return true;
  CHECK(response.status >= 400 && response.status < 600);
  CHECK(!root->text_at("Errors/Error/Code").empty() && !root->text_at("RequestID").empty());
  return false;
}

bool command(Cloud& cloud, std::string_view line, Time now) {
  const auto request = json::parse(line);
  if (!request) return refused(request.error());
  const json::Value answer = admin_answer(cloud, *request, now);
  CHECK(answer["ok"].boolean() != !answer["error"].text().empty());
  return answer["ok"].boolean();
}

constexpr const char* kRun =
    "Action=RunInstances&Version=2016-11-15&ImageId=ami-1&InstanceType=c8i.large&MinCount=1&"
    "MaxCount=2&ClientToken=t&InstanceMarketOptions.MarketType=spot&"
    "TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=k&"
    "TagSpecification.1.Tag.1.Value=v&UserData=Z29kd2l0&Placement.AvailabilityZone=us-east-1a\n";

}  // namespace

Corpus corpus() {
  const std::string run = kRun, version = "&Version=2016-11-15\n";
  return {
      .seeds = {run + "Action=DescribeInstances&Filter.1.Name=tag:k&Filter.1.Value.1=v*" + version +
                    R"({"command":"price","pool":"c8i.large/us-east-1a","usd":"1"})" + "\n" +
                    R"({"command":"bill"})",
                run +
                    "Action=DescribeSpotPriceHistory&StartTime=2026-01-01T00:00:00Z&"
                    "InstanceType.1=c8i.large&MaxResults=5" +
                    version + R"({"command":"capacity","pool":"c8i.large/us-east-1a","count":1})" +
                    "\n" + R"({"command":"status"})",
                "Action=DescribeSpotInstanceRequests" + version +
                    "Action=DescribeInstanceTypes&MaxResults=5" + version +
                    "Action=DescribeInstanceTypeOfferings&LocationType=availability-zone" +
                    version + "Action=DescribeAvailabilityZones" + version +
                    "Action=DescribeRegions" + version + "Action=DescribeImages" + version +
                    "Action=DescribeTags" + version},
      .runs = 5'000};
}

bool try_input(std::string_view input) {
  Cloud cloud(config().cloud, Market(compress(config().series, {.start = kNow})), kNow);
  Api api(cloud, {kKey});
  Time now = kNow;
  int done = 0;
  for (int line = 0; line < 40 && !input.empty(); ++line) {
    now += std::chrono::seconds{1};
    const std::string_view text = take_until(input, '\n');
    done += text.starts_with('{') ? command(cloud, text, now) : ask(api, text, now);
  }
  return done > 0;
}

}  // namespace godwit::fuzz
