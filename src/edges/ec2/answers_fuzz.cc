// Answers of a cloud and of its metadata service: taken whole, or refused with what is wrong.
#include "base/fuzz.h"
#include "edges/ec2/answers.h"
#include "edges/ec2/imds.h"
#include "edges/ec2/text.h"

namespace godwit::fuzz {
namespace {

constexpr const char* kInstance =
    "<instancesSet><item><instanceId>i-0abc</instanceId><imageId>ami-1</imageId><instanceState>"
    "<code>48</code><name>terminated</name></instanceState><instanceType>m5.large</instanceType>"
    "<launchTime>2026-11-24T03:22:27.000Z</launchTime><placement><availabilityZone>us-east-1a"
    "</availabilityZone></placement><privateIpAddress>10.0.1.2</privateIpAddress><reason>"
    "Server.SpotInstanceTermination (2026-11-24 03:22:27 GMT)</reason><stateReason><code>"
    "Server.SpotInstanceTermination</code></stateReason><instanceLifecycle>spot"
    "</instanceLifecycle><clientToken>t</clientToken><tagSet><item><key>k</key><value>v</value>"
    "</item></tagSet></item></instancesSet>";

bool try_answer(std::string_view input) {
  const http::Response response{.status = 200, .headers = {}, .body = std::string(input)};
  for (const char* action : {"RunInstances", "DescribeInstances", "X"}) {
    const auto refusal = ec2::read_response(action, response);
    if (!refusal) CHECK(!refusal.error().error.message.empty());
  }
  const auto root = xml::parse(input);
  if (!root) return refused(root.error());
  std::vector<ports::CloudInstance> instances;
  ec2::Changes changes;
  ec2::Types types;
  const auto launched = ec2::read_launched(*root);
  if (!launched) explained(launched.error());
  bool sound = true;
  for (const Status& status :
       {ec2::read_instances(*root, instances), ec2::read_prices(*root, changes),
        ec2::read_types(*root, types), ec2::read_offerings(*root, types)})
    if (!status) sound = refused(status.error());
  for (const auto& [pool, all] : changes)
    for (const auto& change : all) CHECK(change.price.value >= 0);
  return sound;
}

bool try_metadata(std::string_view input) {
  const auto action = ec2::parse_instance_action(input);
  if (!action) explained(action.error());
  const auto identity = ec2::parse_identity(input);
  if (!identity) explained(identity.error());
  const auto price = ec2::parse_usd(input);
  if (price) CHECK(ec2::parse_usd(ec2::usd_text(*price)) == *price);
  const auto time = ec2::parse_time(input);
  if (time) {
    const Time whole = std::chrono::floor<std::chrono::seconds>(*time);
    CHECK(ec2::parse_time(ec2::time_text(*time)) == whole);
  }
  return action || identity || price || time;
}

}  // namespace

Corpus corpus() {
  return {.seeds = {std::string("<RunInstancesResponse><requestId>r</requestId>") + kInstance +
                        "</RunInstancesResponse>",
                    std::string("<DescribeInstancesResponse><reservationSet><item>") + kInstance +
                        "</item></reservationSet><nextToken>x</nextToken>"
                        "</DescribeInstancesResponse>",
                    "<R><spotPriceHistorySet><item><instanceType>m5.large</instanceType>"
                    "<spotPrice>0.034500</spotPrice><timestamp>2026-11-24T03:22:27.000Z</timestamp>"
                    "<availabilityZone>us-east-1a</availabilityZone></item></spotPriceHistorySet>"
                    "</R>",
                    "<R><instanceTypeSet><item><instanceType>m5.large</instanceType><vCpuInfo>"
                    "<defaultVCpus>2</defaultVCpus></vCpuInfo><memoryInfo><sizeInMiB>8192"
                    "</sizeInMiB></memoryInfo><supportedUsageClasses><item>spot</item>"
                    "</supportedUsageClasses></item></instanceTypeSet></R>",
                    "<Response><Errors><Error><Code>InsufficientInstanceCapacity</Code><Message>no"
                    "</Message></Error></Errors><RequestID>r</RequestID></Response>",
                    R"({"action":"terminate","time":"2026-11-24T03:22:27Z"})",
                    R"({"instanceId":"i-1","instanceType":"m5.large","region":"us-east-1",)"
                    R"("availabilityZone":"us-east-1a","imageId":"ami-1","privateIp":"10.0.0.1"})",
                    "0.034500", "2026-11-24T03:22:27.123456Z"},
          .runs = 15'000};
}

bool try_input(std::string_view input) {
  const bool metadata = try_metadata(input);
  return try_answer(input) || metadata;
}

}  // namespace godwit::fuzz
