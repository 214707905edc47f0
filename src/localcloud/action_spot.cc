// DescribeSpotPriceHistory, DescribeSpotInstanceRequests and CancelSpotInstanceRequests.
#include <algorithm>
#include <format>

#include "localcloud/actions.h"
#include "localcloud/text.h"

namespace godwit::localcloud {
namespace {

using Strings = std::vector<std::string>;
constexpr const char* kProduct = "Linux/UNIX";

struct PriceRow {
  Pool pool;
  PriceChange change;
};

// Newest first, as AWS answers; the number counts down so that text sorts the same way.
std::string key_of(const PriceRow& row) {
  return std::format("{:016x}{}/{}", INT64_MAX - row.change.time.time_since_epoch().count(),
                     row.pool.type, row.pool.zone);
}

std::optional<Strings> row_attribute(const PriceRow& row, std::string_view name) {
  if (name == "availability-zone") return Strings{row.pool.zone};
  if (name == "instance-type") return Strings{row.pool.type};
  if (name == "product-description") return Strings{kProduct, "Linux/UNIX (Amazon VPC)"};
  if (name == "spot-price") return Strings{usd_text(row.change.price)};
  if (name == "timestamp") return Strings{time_text(row.change.time)};
  return std::nullopt;
}

std::vector<PriceRow> history(Call& call, Time from, Time to) {
  std::vector<PriceRow> rows;
  for (const auto& [pool, series] : call.cloud.market().series())
    for (const PriceChange& change : call.cloud.market().changes(pool, from, to))
      if (change.time <= to) rows.push_back({pool, change});
  std::ranges::sort(rows, {}, key_of);
  return rows;
}

std::string status_message(const SpotRequest& request) {
  if (request.status == "fulfilled") return "Your Spot request is fulfilled.";
  if (request.status == "marked-for-termination")
    return "Your Spot instance is marked for termination.";
  return "Spot request: " + request.status + ".";
}

std::optional<Strings> request_attribute(const Cloud& cloud, const SpotRequest& request,
                                         std::string_view name) {
  if (name == "spot-instance-request-id") return Strings{request.id};
  if (name == "state") return Strings{request.state};
  if (name == "status-code") return Strings{request.status};
  if (name == "instance-id") return Strings{request.instance};
  if (name == "spot-price") return Strings{usd_text(request.max_price)};
  if (name == "type") return Strings{"one-time"};
  if (name == "product-description") return Strings{kProduct};
  const Instance* instance = cloud.find(request.instance);
  const LaunchSpec none, &spec = instance ? instance->spec : none;
  if (name == "launch.instance-type") return Strings{spec.type};
  if (name == "launch.image-id") return Strings{spec.image};
  if (name == "launched-availability-zone") return Strings{spec.zone};
  return std::nullopt;
}

void add_request(const Cloud& cloud, const SpotRequest& request, xml::Element& set) {
  const LaunchSpec& spec = cloud.find(request.instance)->spec;
  xml::Element& item = set.add("item");
  item.add("spotInstanceRequestId", request.id);
  item.add("spotPrice", usd_text(request.max_price));
  item.add("type", "one-time");
  item.add("state", request.state);
  xml::Element& status = item.add("status");
  status.add("code", request.status);
  status.add("updateTime", time_text(request.updated));
  status.add("message", status_message(request));
  xml::Element& launch = item.add("launchSpecification");
  launch.add("imageId", spec.image);
  launch.add("instanceType", spec.type);
  launch.add("placement").add("availabilityZone", spec.zone);
  item.add("instanceId", request.instance);
  item.add("createTime", time_text(request.created));
  item.add("productDescription", kProduct);
  add_tags(request.tags, item);
  item.add("launchedAvailabilityZone", spec.zone);
  item.add("instanceInterruptionBehavior", "terminate");
}

}  // namespace

Answer describe_spot_price_history(Call& call) {
  Query& query = call.query;
  const Time to = std::min(query.time("EndTime").value_or(call.now), call.now);
  // AWS keeps 90 days.
  const Time oldest = call.now - std::chrono::days{90};
  const Time from = std::max(query.time("StartTime").value_or(call.now), oldest);
  const auto types = query.list("InstanceType");
  const auto products = query.list("ProductDescription");
  const std::string zone = query.text("AvailabilityZone");
  for (const std::string& type : types)
    if (!call.cloud.catalog().type(type))
      query.refuse("InvalidParameterValue",
                   std::format("Invalid value '{}' for InstanceType.", type));
  std::vector<PriceRow> rows = history(call, from, to);
  std::erase_if(rows, [&](const PriceRow& row) {
    return (!types.empty() && !std::ranges::contains(types, row.pool.type)) ||
           (!zone.empty() && row.pool.zone != zone) ||
           (!products.empty() &&
            !passes({"", products}, *row_attribute(row, "product-description")));
  });
  keep_matching<PriceRow>(query, row_attribute, {}, nullptr, rows);
  const std::string next = keep_page<PriceRow>(query, 1, 1000, key_of, rows);
  REFUSE_IF(dry_run(call));
  xml::Element answer;
  xml::Element& set = answer.add("spotPriceHistorySet");
  for (const PriceRow& row : rows) {
    xml::Element& item = set.add("item");
    item.add("instanceType", row.pool.type);
    item.add("productDescription", kProduct);
    item.add("spotPrice", usd_text(row.change.price));
    item.add("timestamp", time_text(row.change.time));
    item.add("availabilityZone", row.pool.zone);
  }
  if (!next.empty()) answer.add("nextToken", next);
  return answer;
}

Answer describe_spot_instance_requests(Call& call) {
  using Item = const SpotRequest*;
  const auto ids = call.query.list("SpotInstanceRequestId");
  std::vector<Item> items = call.cloud.spot_requests();
  if (!ids.empty())
    std::erase_if(items, [&](Item r) { return !std::ranges::contains(ids, r->id); });
  const SpotRequest probe;
  keep_matching<Item>(
      call.query,
      [&](const Item& r, std::string_view name) { return request_attribute(call.cloud, *r, name); },
      &probe, [](const Item& r) { return &r->tags; }, items);
  std::ranges::sort(items, {}, [](Item r) { return r->id; });
  const std::string next =
      keep_page<Item>(call.query, 5, 1000, [](const Item& r) { return r->id; }, items);
  REFUSE_IF(dry_run(call));
  for (const std::string& id : ids)
    if (!call.cloud.find_request(id))
      return refuse("InvalidSpotInstanceRequestID.NotFound",
                    std::format("The spot instance request ID '{}' does not exist", id));
  xml::Element answer;
  xml::Element& set = answer.add("spotInstanceRequestSet");
  for (const Item r : items) add_request(call.cloud, *r, set);
  if (!next.empty()) answer.add("nextToken", next);
  return answer;
}

Answer cancel_spot_instance_requests(Call& call) {
  const auto ids = call.query.list("SpotInstanceRequestId");
  if (ids.empty())
    call.query.refuse("MissingParameter",
                      "The request must contain the parameter SpotInstanceRequestId");
  REFUSE_IF(dry_run(call));
  for (const std::string& id : ids)
    if (!call.cloud.find_request(id))
      return refuse("InvalidSpotInstanceRequestID.NotFound",
                    std::format("The spot instance request ID '{}' does not exist", id));
  xml::Element answer;
  xml::Element& set = answer.add("spotInstanceRequestSet");
  for (const std::string& id : ids) {
    xml::Element& item = set.add("item");
    item.add("spotInstanceRequestId", id);
    item.add("state", call.cloud.cancel_spot_request(id, call.now)->state);
  }
  return answer;
}

}  // namespace godwit::localcloud
