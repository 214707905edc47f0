#include "edges/ec2/requests.h"

#include <algorithm>
#include <format>

namespace godwit::ec2 {
namespace {

constexpr std::size_t kUserDataBytesMax = 16 * 1024;  // AWS: before base64.
constexpr std::size_t kTokenMax = 64;                 // AWS: of a client token.

void add_list(Form& form, const std::string& name, std::span<const std::string> values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    form.emplace_back(std::format("{}.{}", name, i + 1), values[i]);
}

}  // namespace

Result<Form> run_form(const ports::Launch& l) {
  const auto printable = [](char c) { return c > ' ' && c < 127; };
  if (l.client_token.empty() || l.client_token.size() > kTokenMax ||
      !std::ranges::all_of(l.client_token, printable))
    return invalid(std::format("client token of {} bytes", l.client_token.size()));
  if (l.user_data.size() > kUserDataBytesMax)
    return invalid(std::format("user data of {} bytes", l.user_data.size()));
  const bool spot = l.capacity == ports::CapacityType::kSpot;
  if (l.max_price && (!spot || l.max_price->value <= 0)) return invalid("maximum price");
  Form form = {{"ImageId", l.image},
               {"InstanceType", l.type},
               {"MinCount", "1"},
               {"MaxCount", "1"},
               {"ClientToken", l.client_token},
               {"Placement.AvailabilityZone", l.zone},
               {"InstanceInitiatedShutdownBehavior", "terminate"}};
  if (spot) {
    const std::string options = "InstanceMarketOptions.";
    form.emplace_back(options + "MarketType", "spot");
    form.emplace_back(options + "SpotOptions.SpotInstanceType", "one-time");
    form.emplace_back(options + "SpotOptions.InstanceInterruptionBehavior", "terminate");
    if (l.max_price) form.emplace_back(options + "SpotOptions.MaxPrice", usd_text(*l.max_price));
  }
  if (l.nested && !l.type.contains(".metal"))
    form.emplace_back("CpuOptions.NestedVirtualization", "enabled");
  if (!l.user_data.empty()) form.emplace_back("UserData", encode_base64(l.user_data));
  form.emplace_back("MetadataOptions.HttpTokens", "required");
  const std::string tags = "TagSpecification.1.";
  if (!l.tags.empty()) form.emplace_back(tags + "ResourceType", "instance");
  for (int n = 1; const auto& [key, value] : l.tags) {
    form.emplace_back(std::format("{}Tag.{}.Key", tags, n), key);
    form.emplace_back(std::format("{}Tag.{}.Value", tags, n++), value);
  }
  return form;
}

Form terminate_form(const std::string& instance) { return {{"InstanceId.1", instance}}; }

Form list_form(const ports::ListInstances& list) {
  return {{"Filter.1.Name", "tag:" + list.tag},
          {"Filter.1.Value.1", list.value},
          {"MaxResults", "1000"}};
}

Form examine_form(const std::string& instance) { return {{"InstanceId.1", instance}}; }

Form prices_form(Time since, std::span<const std::string> types) {
  Form form = {{"StartTime", time_text(since)},
               {"ProductDescription.1", "Linux/UNIX"},
               {"MaxResults", "1000"}};
  add_list(form, "InstanceType", types);
  return form;
}

Form types_form(std::span<const std::string> types) {
  // A page size and a list of types exclude each other.
  if (types.empty()) return {{"MaxResults", "100"}};
  Form form;
  add_list(form, "InstanceType", types);
  return form;
}

Form offerings_form(std::span<const std::string> types) {
  Form form = {{"LocationType", "availability-zone"}, {"MaxResults", "1000"}};
  if (types.empty()) return form;
  form.emplace_back("Filter.1.Name", "instance-type");
  add_list(form, "Filter.1.Value", types);
  return form;
}

}  // namespace godwit::ec2
