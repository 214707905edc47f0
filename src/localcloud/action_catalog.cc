// What is on offer: types, offerings, zones, regions, images.
#include <algorithm>
#include <format>

#include "localcloud/actions.h"

namespace godwit::localcloud {
namespace {

using Strings = std::vector<std::string>;

Strings features(const InstanceType& type) {
  return type.nested ? Strings{"nested-virtualization"} : Strings{};
}

std::optional<Strings> type_attribute(const InstanceType& type, std::string_view name) {
  if (name == "instance-type") return Strings{type.name};
  if (name == "processor-info.supported-architecture") return Strings{type.arch};
  if (name == "processor-info.supported-features") return features(type);
  if (name == "vcpu-info.default-vcpus") return Strings{std::to_string(type.vcpus)};
  if (name == "memory-info.size-in-mib") return Strings{std::to_string(type.memory_mib)};
  if (name == "bare-metal") return Strings{type.name.ends_with(".metal") ? "true" : "false"};
  if (name == "supported-usage-class") return Strings{"on-demand", "spot"};
  if (name == "current-generation") return Strings{"true"};
  return std::nullopt;
}

void add_type(const InstanceType& type, xml::Element& set) {
  xml::Element& item = set.add("item");
  item.add("instanceType", type.name);
  item.add("currentGeneration", "true");
  xml::Element& classes = item.add("supportedUsageClasses");
  classes.add("item", "on-demand");
  classes.add("item", "spot");
  item.add("supportedRootDeviceTypes").add("item", "ebs");
  item.add("supportedVirtualizationTypes").add("item", "hvm");
  item.add("bareMetal", type.name.ends_with(".metal") ? "true" : "false");
  item.add("hypervisor", "nitro");
  xml::Element& processor = item.add("processorInfo");
  processor.add("supportedArchitectures").add("item", type.arch);
  if (type.nested) processor.add("supportedFeatures").add("item", features(type).front());
  xml::Element& cpus = item.add("vCpuInfo");
  const int threads = type.vcpus % 2 == 0 ? 2 : 1;
  cpus.add("defaultVCpus", std::to_string(type.vcpus));
  cpus.add("defaultCores", std::to_string(type.vcpus / threads));
  cpus.add("defaultThreadsPerCore", std::to_string(threads));
  item.add("memoryInfo").add("sizeInMiB", std::to_string(type.memory_mib));
  item.add("instanceStorageSupported", "false");
  item.add("burstablePerformanceSupported", "false");
}

struct Offering {
  std::string type, location;
};

}  // namespace

Answer describe_instance_types(Call& call) {
  const auto names = call.query.list("InstanceType");
  std::vector<InstanceType> items;
  for (const auto& [name, type] : call.cloud.catalog().types)
    if (names.empty() || std::ranges::contains(names, name)) items.push_back(type);
  for (const std::string& name : names)
    if (!call.cloud.catalog().type(name))
      call.query.refuse(
          "InvalidInstanceType",
          std::format("The following supplied instance types do not exist: [{}]", name));
  keep_matching<InstanceType>(call.query, type_attribute, {}, nullptr, items);
  const std::string next =
      keep_page<InstanceType>(call.query, 5, 100, [](const auto& t) { return t.name; }, items);
  REFUSE_IF(dry_run(call));
  xml::Element answer;
  xml::Element& set = answer.add("instanceTypeSet");
  for (const InstanceType& type : items) add_type(type, set);
  if (!next.empty()) answer.add("nextToken", next);
  return answer;
}

Answer describe_instance_type_offerings(Call& call) {
  constexpr std::string_view kKinds[] = {"region", "availability-zone", "availability-zone-id"};
  const Catalog& catalog = call.cloud.catalog();
  const std::string kind = call.query.choice("LocationType", kKinds);
  std::vector<Offering> items;
  for (const auto& [name, type] : catalog.types) {
    if (kind == "region") items.push_back({name, catalog.region});
    for (const std::string& zone : kind == "region" ? Strings{} : catalog.zones)
      items.push_back({name, kind == "availability-zone" ? zone : catalog.zone_id(zone)});
  }
  const auto get = [](const Offering& o, std::string_view name) -> std::optional<Strings> {
    if (name == "instance-type") return Strings{o.type};
    if (name == "location") return Strings{o.location};
    return std::nullopt;
  };
  const auto key = [](const Offering& o) { return o.type + "/" + o.location; };
  keep_matching<Offering>(call.query, get, {}, nullptr, items);
  std::ranges::sort(items, {}, key);
  const std::string next = keep_page<Offering>(call.query, 5, 1000, key, items);
  REFUSE_IF(dry_run(call));
  xml::Element answer;
  xml::Element& set = answer.add("instanceTypeOfferingSet");
  for (const Offering& offering : items) {
    xml::Element& item = set.add("item");
    item.add("instanceType", offering.type);
    item.add("locationType", kind);
    item.add("location", offering.location);
  }
  if (!next.empty()) answer.add("nextToken", next);
  return answer;
}

Answer describe_availability_zones(Call& call) {
  const Catalog& catalog = call.cloud.catalog();
  const auto names = call.query.list("ZoneName"), ids = call.query.list("ZoneId");
  (void)call.query.flag("AllAvailabilityZones");
  for (const std::string& name : names)
    if (!catalog.has_zone(name))
      call.query.refuse("InvalidParameterValue",
                        std::format("Invalid availability zone: [{}]", name));
  Strings items = catalog.zones;
  std::erase_if(items, [&](const std::string& zone) {
    return (!names.empty() && !std::ranges::contains(names, zone)) ||
           (!ids.empty() && !std::ranges::contains(ids, catalog.zone_id(zone)));
  });
  const auto get = [&](const std::string& zone, std::string_view name) -> std::optional<Strings> {
    if (name == "zone-name") return Strings{zone};
    if (name == "zone-id") return Strings{catalog.zone_id(zone)};
    if (name == "region-name" || name == "group-name") return Strings{catalog.region};
    if (name == "state") return Strings{"available"};
    if (name == "zone-type") return Strings{"availability-zone"};
    if (name == "opt-in-status") return Strings{"opt-in-not-required"};
    return std::nullopt;
  };
  keep_matching<std::string>(call.query, get, "", nullptr, items);
  REFUSE_IF(dry_run(call));
  xml::Element answer;
  xml::Element& set = answer.add("availabilityZoneInfo");
  for (const std::string& zone : items) {
    xml::Element& item = set.add("item");
    item.add("zoneName", zone);
    item.add("zoneState", "available");
    item.add("regionName", catalog.region);
    item.add("zoneId", catalog.zone_id(zone));
    item.add("groupName", catalog.region);
    item.add("networkBorderGroup", catalog.region);
    item.add("optInStatus", "opt-in-not-required");
    item.add("zoneType", "availability-zone");
  }
  return answer;
}

Answer describe_regions(Call& call) {
  const std::string& region = call.cloud.catalog().region;
  const std::string endpoint = std::format("ec2.{}.amazonaws.com", region);
  for (const std::string& name : call.query.list("RegionName"))
    if (name != region)
      call.query.refuse("InvalidParameterValue", std::format("Invalid region: [{}]", name));
  (void)call.query.flag("AllRegions");
  Strings items{region};
  const auto get = [&](const std::string& name, std::string_view filter) -> std::optional<Strings> {
    if (filter == "region-name") return Strings{name};
    if (filter == "endpoint") return Strings{endpoint};
    if (filter == "opt-in-status") return Strings{"opt-in-not-required"};
    return std::nullopt;
  };
  keep_matching<std::string>(call.query, get, "", nullptr, items);
  REFUSE_IF(dry_run(call));
  xml::Element answer;
  xml::Element& set = answer.add("regionInfo");
  for (const std::string& name : items) {
    xml::Element& item = set.add("item");
    item.add("regionName", name);
    item.add("regionEndpoint", endpoint);
    item.add("optInStatus", "opt-in-not-required");
  }
  return answer;
}

Answer describe_images(Call& call) {
  const Config& config = call.cloud.config();
  const auto ids = call.query.list("ImageId"), owners = call.query.list("Owner");
  call.query.ignore_all("ExecutableBy");
  (void)call.query.flag("IncludeDeprecated");
  (void)call.query.flag("IncludeDisabled");
  std::vector<Image> items = config.images;
  std::erase_if(items, [&](const Image& image) {
    return (!ids.empty() && !std::ranges::contains(ids, image.id)) ||
           (!owners.empty() && !std::ranges::contains(owners, "self") &&
            !std::ranges::contains(owners, config.account));
  });
  const auto get = [&](const Image& image, std::string_view name) -> std::optional<Strings> {
    if (name == "image-id") return Strings{image.id};
    if (name == "name") return Strings{image.name};
    if (name == "owner-id") return Strings{config.account};
    if (name == "state") return Strings{"available"};
    if (name == "architecture") return Strings{"x86_64"};
    if (name == "image-type") return Strings{"machine"};
    if (name == "is-public") return Strings{"false"};
    if (name == "virtualization-type") return Strings{"hvm"};
    if (name == "root-device-type") return Strings{"ebs"};
    return std::nullopt;
  };
  keep_matching<Image>(call.query, get, {}, nullptr, items);
  std::ranges::sort(items, {}, &Image::id);
  const std::string next =
      keep_page<Image>(call.query, 1, 1000, [](const Image& i) { return i.id; }, items);
  REFUSE_IF(dry_run(call));
  for (const std::string& id : ids)
    if (!std::ranges::contains(config.images, id, &Image::id))
      return refuse("InvalidAMIID.NotFound", std::format("The image id '[{}]' does not exist", id));
  xml::Element answer;
  xml::Element& set = answer.add("imagesSet");
  for (const Image& image : items) {
    xml::Element& item = set.add("item");
    item.add("imageId", image.id);
    item.add("imageLocation", std::format("{}/{}", config.account, image.name));
    item.add("imageState", "available");
    item.add("imageOwnerId", config.account);
    item.add("isPublic", "false");
    item.add("architecture", "x86_64");
    item.add("imageType", "machine");
    item.add("name", image.name);
    item.add("platformDetails", "Linux/UNIX");
    item.add("rootDeviceType", "ebs");
    item.add("rootDeviceName", "/dev/xvda");
    item.add("virtualizationType", "hvm");
    item.add("hypervisor", "xen");
  }
  if (!next.empty()) answer.add("nextToken", next);
  return answer;
}

}  // namespace godwit::localcloud
