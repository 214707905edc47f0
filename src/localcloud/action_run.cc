// RunInstances.
#include <algorithm>
#include <format>

#include "localcloud/actions.h"
#include "localcloud/text.h"

namespace godwit::localcloud {
namespace {

constexpr std::string_view kResources[] = {"instance", "spot-instances-request", "volume",
                                           "network-interface"};

void read_tag_specifications(Query& query, LaunchSpec& spec) {
  for (const int i : query.indices("TagSpecification")) {
    const std::string prefix = std::format("TagSpecification.{}", i);
    const std::string resource = query.choice(prefix + ".ResourceType", kResources);
    const Tags tags = query.tags(prefix + ".Tag");
    if (resource == "instance") spec.tags.insert(tags.begin(), tags.end());
    if (resource == "spot-instances-request") spec.request_tags.insert(tags.begin(), tags.end());
  }
}

void read_market_options(Query& query, LaunchSpec& spec) {
  constexpr std::string_view kNone[] = {""}, kSpot[] = {"", "spot"};
  constexpr std::string_view kOnce[] = {"one-time", "persistent"};
  constexpr std::string_view kBehaviour[] = {"terminate", "stop", "hibernate"};
  const std::string prefix = "InstanceMarketOptions.";
  const bool any = query.choice(prefix + "MarketType", kSpot) == "spot";
  const std::string options = prefix + "SpotOptions.";
  const auto price = query.find(options + "MaxPrice");
  if (price) {
    if (const auto usd = parse_usd(*price); usd && usd->value > 0)
      spec.max_price = *usd;
    else
      query.refuse("InvalidParameterValue",
                   std::format("Invalid value '{}' for MaxPrice.", price->substr(0, 40)));
  }
  if (query.choice(options + "SpotInstanceType", kOnce) != "one-time" ||
      query.choice(options + "InstanceInterruptionBehavior", kBehaviour) != "terminate")
    query.refuse("Unsupported",
                 "This cloud has one-time Spot requests only, and terminates what it interrupts.");
  (void)query.choice(options + "ValidUntil", kNone);
  spec.spot = any;
  if (!any && price)
    query.refuse("InvalidParameterCombination", "SpotOptions need MarketType spot.");
}

// Where it goes: by zone or subnet; by neither, the cheapest zone that has the type.
void read_place(Call& call, LaunchSpec& spec) {
  constexpr std::string_view kTenancy[] = {"default"};
  const Catalog& catalog = call.cloud.catalog();
  (void)call.query.choice("Placement.Tenancy", kTenancy);
  spec.zone = call.query.text("Placement.AvailabilityZone");
  const std::string subnet = call.query.text("SubnetId");
  if (!subnet.empty()) {
    const auto at = std::ranges::find_if(
        catalog.zones, [&](const std::string& z) { return subnet_id(catalog, z) == subnet; });
    if (at == catalog.zones.end())
      call.query.refuse("InvalidSubnetID.NotFound",
                        std::format("The subnet ID '{}' does not exist", subnet));
    else if (!spec.zone.empty() && spec.zone != *at)
      call.query.refuse("InvalidParameterCombination", "The subnet is in another zone.");
    else
      spec.zone = *at;
  }
  if (spec.zone.empty() && !catalog.zones.empty()) {
    spec.zone = catalog.zones.front();
    std::optional<MicroUsdPerHour> best;
    for (const std::string& zone : spec.spot ? catalog.zones : std::vector<std::string>{}) {
      const Pool pool{spec.type, zone};
      if (!call.cloud.market().offers(pool)) continue;
      const auto price = call.cloud.market().price(pool, call.now);
      if (!best || price < *best) spec.zone = zone, best = price;
    }
  }
  if (!catalog.has_zone(spec.zone))
    call.query.refuse("InvalidParameterValue",
                      std::format("Invalid availability zone: [{}]", spec.zone));
}

void read_image_and_type(Call& call, LaunchSpec& spec) {
  spec.image = call.query.required("ImageId");
  spec.type = call.query.required("InstanceType");
  const auto& images = call.cloud.config().images;
  if (!spec.image.starts_with("ami-"))
    call.query.refuse("InvalidAMIID.Malformed",
                      std::format("Invalid id: \"{}\" (expecting \"ami-...\")", spec.image));
  else if (std::ranges::find(images, spec.image, &Image::id) == images.end())
    call.query.refuse("InvalidAMIID.NotFound",
                      std::format("The image id '[{}]' does not exist", spec.image));
  if (!call.cloud.catalog().type(spec.type))
    call.query.refuse("InvalidParameterValue",
                      std::format("Invalid value '{}' for InstanceType.", spec.type));
}

void read_rest(Query& query, LaunchSpec& spec) {
  constexpr std::string_view kOff[] = {"disabled", "enabled"}, kOn[] = {"enabled"};
  constexpr std::string_view kTokens[] = {"required", "optional"};
  constexpr std::string_view kNo[] = {"false"}, kEnd[] = {"terminate"};
  spec.nested = query.choice("CpuOptions.NestedVirtualization", kOff) == "enabled";
  spec.http_tokens_required = query.choice("MetadataOptions.HttpTokens", kTokens) == "required";
  (void)query.integer("MetadataOptions.HttpPutResponseHopLimit", 1, 64);
  (void)query.choice("MetadataOptions.HttpEndpoint", kOn);
  (void)query.choice("MetadataOptions.InstanceMetadataTags", kOff);
  (void)query.choice("DisableApiTermination", kNo);
  (void)query.choice("InstanceInitiatedShutdownBehavior", kEnd);
  (void)query.flag("EbsOptimized");
  query.ignore("Monitoring.Enabled");
  query.ignore_all("BlockDeviceMapping");
  query.ignore_all("SecurityGroupId");
  query.ignore_all("IamInstanceProfile");
  spec.key_name = query.text("KeyName");
  const auto user_data = decode_base64(query.text("UserData"));
  if (user_data && user_data->size() <= 16 * 1024)
    spec.user_data = *user_data;
  else
    query.refuse("InvalidUserData.Malformed", user_data ? "User data is limited to 16384 bytes"
                                                        : "Invalid BASE64 encoding of user data");
}

}  // namespace

Answer run_instances(Call& call) {
  Query& query = call.query;
  LaunchSpec spec;
  spec.min_count = query.integer("MinCount", 1, 1000).value_or(0);
  spec.max_count = query.integer("MaxCount", 1, 1000).value_or(0);
  if (!spec.min_count || !spec.max_count)
    query.refuse("MissingParameter",
                 "The request must contain the parameters MinCount and MaxCount");
  if (spec.max_count < spec.min_count)
    query.refuse("InvalidParameterValue", "MaxCount is less than MinCount");
  read_image_and_type(call, spec);
  read_market_options(query, spec);
  read_place(call, spec);
  read_tag_specifications(query, spec);
  read_rest(query, spec);
  spec.client_token = query.text("ClientToken");
  if (spec.client_token.size() > 64)
    query.refuse("InvalidParameterValue", "ClientToken has at most 64 characters");
  spec.digest = query.digest({"ClientToken", "DryRun"});
  const bool dry = query.flag("DryRun");
  REFUSE_IF(query.finish());
  const auto run = call.cloud.run(spec, dry, call.now);
  if (!run) return std::unexpected(run.error());
  xml::Element answer;
  add_reservation(call.cloud, *run, answer);
  return answer;
}

}  // namespace godwit::localcloud
