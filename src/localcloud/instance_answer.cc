// An instance as the API prints it.
#include <algorithm>
#include <format>

#include "localcloud/actions.h"
#include "localcloud/text.h"

namespace godwit::localcloud {
namespace {

int state_code(InstanceState state) {
  switch (state) {
    case InstanceState::kPending:
      return 0;
    case InstanceState::kRunning:
      return 16;
    case InstanceState::kShuttingDown:
      return 32;
    case InstanceState::kTerminated:
      return 48;
  }
  return 0;
}

struct ReasonText {
  std::string transition, code, message;
};

ReasonText reason_text(const Instance& instance) {
  if (!instance.ended) return {};
  const auto at = std::format("({:%Y-%m-%d %H:%M:%S} GMT)",
                              std::chrono::floor<std::chrono::seconds>(*instance.ended));
  switch (instance.reason) {
    case EndReason::kUser:
      return {"User initiated " + at, "Client.UserInitiatedShutdown", "User initiated shutdown"};
    case EndReason::kItself:
      return {"User initiated " + at, "Client.InstanceInitiatedShutdown",
              "Instance initiated shutdown"};
    case EndReason::kPrice:
    case EndReason::kCapacity:
      return {"Server.SpotInstanceTermination " + at, "Server.SpotInstanceTermination",
              "Spot instance termination"};
    case EndReason::kFailure:
      return {"Server.InternalError " + at, "Server.InternalError", "Internal error on launch"};
  }
  return {};
}

void add_fixed(const InstanceType& type, const Instance& instance, xml::Element& item) {
  item.add("monitoring").add("state", "disabled");
  item.add("architecture", type.arch);
  item.add("rootDeviceType", "ebs");
  item.add("rootDeviceName", "/dev/xvda");
  item.add("virtualizationType", "hvm");
  item.add("hypervisor", "xen");  // What AWS says for Nitro too.
  item.add("platformDetails", "Linux/UNIX");
  item.add("sourceDestCheck", "true");
  item.add("ebsOptimized", "false");
  xml::Element& cpu = item.add("cpuOptions");
  const int threads = type.vcpus % 2 == 0 ? 2 : 1;
  cpu.add("coreCount", std::to_string(type.vcpus / threads));
  cpu.add("threadsPerCore", std::to_string(threads));
  if (instance.spec.nested) cpu.add("nestedVirtualization", "enabled");
  xml::Element& metadata = item.add("metadataOptions");
  metadata.add("state", "applied");
  metadata.add("httpTokens", instance.spec.http_tokens_required ? "required" : "optional");
  metadata.add("httpPutResponseHopLimit", "1");
  metadata.add("httpEndpoint", "enabled");
}

}  // namespace

std::string state_name(InstanceState state) {
  switch (state) {
    case InstanceState::kPending:
      return "pending";
    case InstanceState::kRunning:
      return "running";
    case InstanceState::kShuttingDown:
      return "shutting-down";
    case InstanceState::kTerminated:
      return "terminated";
  }
  return "";
}

void add_state(const Instance& instance, const char* name, xml::Element& item) {
  xml::Element& state = item.add(name);
  state.add("code", std::to_string(state_code(instance.state)));
  state.add("name", state_name(instance.state));
}

void add_tags(const Tags& tags, xml::Element& item) {
  if (tags.empty()) return;
  xml::Element& set = item.add("tagSet");
  for (const auto& [key, value] : tags) {
    xml::Element& tag = set.add("item");
    tag.add("key", key);
    tag.add("value", value);
  }
}

std::string subnet_id(const Catalog& catalog, std::string_view zone) {
  return std::format("subnet-{:017x}",
                     std::ranges::find(catalog.zones, zone) - catalog.zones.begin());
}

void add_instance(const Cloud& cloud, const Instance& instance, xml::Element& set) {
  const Catalog& catalog = cloud.catalog();
  xml::Element& item = set.add("item");
  item.add("instanceId", instance.id);
  item.add("imageId", instance.spec.image);
  add_state(instance, "instanceState", item);
  const ReasonText reason = reason_text(instance);
  item.add("reason", reason.transition);
  if (!reason.code.empty()) {
    xml::Element& why = item.add("stateReason");
    why.add("code", reason.code);
    why.add("message", reason.code + ": " + reason.message);
  }
  const bool exists = instance.state != InstanceState::kTerminated;
  item.add("privateDnsName", exists ? std::format("ip-{}.ec2.internal",
                                                  [a = instance.address]() mutable {
                                                    std::ranges::replace(a, '.', '-');
                                                    return a;
                                                  }())
                                    : "");
  if (!instance.spec.key_name.empty()) item.add("keyName", instance.spec.key_name);
  item.add("amiLaunchIndex", std::to_string(instance.launch_index));
  item.add("instanceType", instance.spec.type);
  item.add("launchTime", time_text(instance.launched));
  xml::Element& placement = item.add("placement");
  placement.add("availabilityZone", instance.spec.zone);
  placement.add("tenancy", "default");
  if (exists) {
    item.add("subnetId", subnet_id(catalog, instance.spec.zone));
    item.add("vpcId", std::format("vpc-{:017x}", 1));
    item.add("privateIpAddress", instance.address);
  }
  if (instance.spec.spot) {
    item.add("instanceLifecycle", "spot");
    item.add("spotInstanceRequestId", instance.spot_request);
  }
  item.add("clientToken", instance.spec.client_token);
  add_tags(instance.tags, item);
  add_fixed(*catalog.type(instance.spec.type), instance, item);
}

void add_reservation(const Cloud& cloud, const std::vector<const Instance*>& instances,
                     xml::Element& into) {
  into.add("reservationId", instances.front()->reservation);
  into.add("ownerId", cloud.config().account);
  into.add("groupSet");
  xml::Element& set = into.add("instancesSet");
  for (const Instance* instance : instances) add_instance(cloud, *instance, set);
}

}  // namespace godwit::localcloud
