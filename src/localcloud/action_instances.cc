// DescribeInstances and TerminateInstances.
#include <algorithm>
#include <format>

#include "localcloud/actions.h"
#include "localcloud/text.h"

namespace godwit::localcloud {
namespace {

using Strings = std::vector<std::string>;

bool is_instance_id(std::string_view id) {
  return id.starts_with("i-") && (id.size() == 10 || id.size() == 19) &&
         std::ranges::all_of(
             id.substr(2), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Strings some(const std::string& text) { return text.empty() ? Strings{} : Strings{text}; }

std::optional<Strings> attribute(const Cloud& cloud, const Instance& i, std::string_view name) {
  const bool exists = i.state != InstanceState::kTerminated;
  if (name == "instance-id") return Strings{i.id};
  if (name == "instance-state-name") return Strings{state_name(i.state)};
  if (name == "instance-state-code") {
    xml::Element probe;
    add_state(i, "s", probe);
    return Strings{std::string(probe.text_at("s/code"))};
  }
  if (name == "instance-type") return Strings{i.spec.type};
  if (name == "availability-zone") return Strings{i.spec.zone};
  if (name == "availability-zone-id") return Strings{cloud.catalog().zone_id(i.spec.zone)};
  if (name == "instance-lifecycle") return i.spec.spot ? Strings{"spot"} : Strings{};
  if (name == "client-token") return some(i.spec.client_token);
  if (name == "reservation-id") return Strings{i.reservation};
  if (name == "spot-instance-request-id") return some(i.spot_request);
  if (name == "image-id") return Strings{i.spec.image};
  if (name == "key-name") return some(i.spec.key_name);
  if (name == "private-ip-address") return exists ? Strings{i.address} : Strings{};
  if (name == "subnet-id")
    return exists ? Strings{subnet_id(cloud.catalog(), i.spec.zone)} : Strings{};
  if (name == "launch-time") return Strings{time_text(i.launched)};
  if (name == "launch-index") return Strings{std::to_string(i.launch_index)};
  if (name == "architecture") return Strings{cloud.catalog().type(i.spec.type)->arch};
  return std::nullopt;
}

}  // namespace

std::optional<Refusal> dry_run(Call& call) {
  const bool dry = call.query.flag("DryRun");
  if (auto refusal = call.query.finish()) return refusal;
  if (dry)
    return Refusal{"DryRunOperation", "Request would have succeeded, but DryRun flag is set."};
  return std::nullopt;
}

std::optional<Refusal> check_instance_ids(Call& call, const std::vector<std::string>& ids) {
  for (const std::string& id : ids)
    if (!is_instance_id(id))
      return Refusal{"InvalidInstanceID.Malformed",
                     std::format("Invalid id: \"{}\"", id.substr(0, 40))};
  std::string missing;
  for (const std::string& id : ids)
    if (!call.cloud.find_shown(id, call.now)) missing += (missing.empty() ? "" : ", ") + id;
  if (missing.empty()) return std::nullopt;
  return Refusal{"InvalidInstanceID.NotFound",
                 std::format("The instance ID '{}' does not exist", missing)};
}

Answer describe_instances(Call& call) {
  using Item = const Instance*;
  const auto ids = call.query.list("InstanceId");
  if (!ids.empty() && call.query.find("MaxResults"))
    call.query.refuse("InvalidParameterCombination",
                      "The parameter instancesSet cannot be used with the parameter maxResults");
  std::vector<Item> items = call.cloud.shown(call.now);
  if (!ids.empty())
    std::erase_if(items, [&](Item i) { return !std::ranges::contains(ids, i->id); });
  const Instance probe;
  const Attribute<Item> get = [&](const Item& i, std::string_view name) {
    if (i == &probe &&
        (name == "availability-zone-id" || name == "subnet-id" || name == "architecture"))
      return std::optional<Strings>(Strings{});
    return attribute(call.cloud, *i, name);
  };
  keep_matching<Item>(call.query, get, &probe, [](const Item& i) { return &i->tags; }, items);
  const std::string next = keep_page<Item>(
      call.query, 5, 1000, [](const Item& i) { return std::format("{:016x}", i->sequence); },
      items);
  REFUSE_IF(dry_run(call));
  REFUSE_IF(check_instance_ids(call, ids));
  xml::Element answer;
  xml::Element& set = answer.add("reservationSet");
  for (std::size_t from = 0; from < items.size();) {
    std::size_t to = from;
    while (to < items.size() && items[to]->reservation == items[from]->reservation) ++to;
    add_reservation(call.cloud,
                    {items.begin() + static_cast<std::ptrdiff_t>(from),
                     items.begin() + static_cast<std::ptrdiff_t>(to)},
                    set.add("item"));
    from = to;
  }
  if (!next.empty()) answer.add("nextToken", next);
  return answer;
}

Answer terminate_instances(Call& call) {
  const auto ids = call.query.list("InstanceId");
  if (ids.empty())
    call.query.refuse("MissingParameter", "The request must contain the parameter InstanceId");
  (void)call.query.flag("Force");
  (void)call.query.flag("SkipOsShutdown");
  REFUSE_IF(dry_run(call));
  REFUSE_IF(check_instance_ids(call, ids));
  xml::Element answer;
  xml::Element& set = answer.add("instancesSet");
  for (const std::string& id : ids) {
    xml::Element& item = set.add("item");
    item.add("instanceId", id);
    xml::Element before;
    add_state(*call.cloud.find(id), "previousState", before);
    call.cloud.terminate(id, call.now);
    add_state(*call.cloud.find(id), "currentState", item);
    item.children.push_back(before.children.front());
  }
  return answer;
}

}  // namespace godwit::localcloud
