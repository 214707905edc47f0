#include "localcloud/config.h"

#include <algorithm>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <set>

#include "localcloud/text.h"

namespace godwit::localcloud {
namespace {

using json::Value;
using std::chrono::milliseconds;
using std::chrono::seconds;

Status only(const Value& object, const char* what, std::initializer_list<std::string_view> names) {
  if (!object.is_object()) return invalid(std::format("{} is no object", what));
  for (const auto& [name, value] : object.object())
    if (!std::ranges::contains(names, name))
      return invalid(std::format("{} has no member '{}'", what, name));
  return {};
}

// Bounds that keep every product of two of them, in microseconds or micro-dollars, far from 2^63.
constexpr std::int64_t kSecondsMax = 1'000'000'000;  // Thirty years.
constexpr std::int64_t kMillisecondsMax = 1'000'000'000;
constexpr std::int64_t kCountMax = 1'000'000;

template <class T>
struct Whole {
  using type = T;
};
template <class T>
struct Whole<std::optional<T>> {
  using type = T;
};

// A whole number from `least` to `most`; absent: `into` stays. T is wide enough for `most`.
template <class T>
Status read_number(const Value& object, std::string_view name, std::int64_t least,
                   std::int64_t most, T& into) {
  const Value& value = object[name];
  if (value.is_null()) return {};
  if (!value.is_integer() || value.integer() < least || value.integer() > most)
    return invalid(std::format("{} is no whole number from {} to {}", name, least, most));
  into = static_cast<typename Whole<T>::type>(value.integer());
  return {};
}

template <class Unit>
Status read_time(const Value& object, std::string_view name, std::int64_t most, Duration& into) {
  std::int64_t count = std::chrono::duration_cast<Unit>(into).count();
  TRY(read_number(object, name, 0, most, count));
  into = Unit{count};
  return {};
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path);
  file.peek();  // Over a directory this sets a bit, where iterators throw.
  if (!file.is_open() || file.bad()) return not_found(std::format("cannot read {}", path));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Status read_types(const Value& root, Catalog& catalog) {
  if (const std::string file = root["types_file"].text(); !file.empty()) {
    ASSIGN_OR_RETURN(const std::string csv, read_file(file));
    ASSIGN_OR_RETURN(catalog.types, in_context(file, parse_types(csv)));
  }
  for (const auto& [name, value] : root["types"].object()) {
    TRY(only(value, "a type", {"vcpus", "memory_mib", "on_demand_usd", "nested", "arch"}));
    InstanceType type{
        .name = name, .arch = value["arch"].text("x86_64"), .nested = value["nested"].boolean()};
    ASSIGN_OR_RETURN(type.on_demand, in_context(name, parse_usd(value["on_demand_usd"].text())));
    TRY(in_context(name, read_number(value, "vcpus", 1, kCountMax, type.vcpus)));
    TRY(in_context(name, read_number(value, "memory_mib", 1, 1'000'000'000, type.memory_mib)));
    if (type.vcpus < 1 || type.memory_mib < 1)
      return invalid(std::format("type {} has no vcpus or memory_mib", name));
    catalog.types[name] = type;
  }
  for (const Value& name : root["nested_types"].array()) {
    const auto at = catalog.types.find(name.text());
    if (at == catalog.types.end()) return invalid(std::format("no type '{}'", name.text()));
    at->second.nested = true;
  }
  return {};
}

Status read_prices(const Value& root, ServiceConfig& config) {
  if (const std::string file = root["prices_file"].text(); !file.empty()) {
    ASSIGN_OR_RETURN(const std::string csv, read_file(file));
    ASSIGN_OR_RETURN(config.series, in_context(file, parse_series(csv)));
  }
  Time first{};
  for (const auto& [pool, changes] : config.series)
    first = first == Time{} ? changes.front().time : std::min(first, changes.front().time);
  for (const auto& [name, value] : root["prices"].object()) {
    const auto parts = split(name, '/');
    if (parts.size() != 2) return invalid(std::format("'{}' is not TYPE/ZONE", name));
    ASSIGN_OR_RETURN(const auto price, in_context(name, parse_usd(value.text())));
    config.series[{std::string(parts[0]), std::string(parts[1])}] = {{first, price}};
  }
  Catalog& catalog = config.cloud.catalog;
  std::set<std::string> zones;
  for (const auto& [pool, changes] : config.series) {
    zones.insert(pool.zone);
    if (!catalog.type(pool.type))
      return invalid(std::format("prices for {}, which is no type here", pool.type));
  }
  for (const Value& zone : root["zones"].array()) catalog.zones.push_back(zone.text());
  if (catalog.zones.empty()) catalog.zones.assign(zones.begin(), zones.end());
  // The VPC has 16 /20 networks; 10.0.96.0 and above are the operator's.
  if (catalog.zones.empty() || catalog.zones.size() > 6) return invalid("1 to 6 zones are wanted");
  for (const std::string& zone : zones)
    if (!catalog.has_zone(zone)) return invalid(std::format("prices for zone {}", zone));
  TRY(read_time<seconds>(root, "skip_s", kSecondsMax, config.skip));
  return read_number(root, "compress", 1, kCountMax, config.compress);
}

Status read_billing(const Value& value, BillingRule& rule) {
  if (value.is_null()) return {};
  TRY(only(value, "billing", {"kind", "rate", "period_s", "minimum_s"}));
  const std::string kind = value["kind"].text("per-second");
  const std::string rate = value["rate"].text("in-effect");
  if ((kind != "per-second" && kind != "auction") || (rate != "in-effect" && rate != "locked"))
    return invalid(std::format("billing '{}' with rate '{}'", kind, rate));
  rule.kind = kind == "auction" ? BillingRule::Kind::kAuction : BillingRule::Kind::kPerSecond;
  rule.rate = rate == "locked" ? BillingRule::Rate::kLocked : BillingRule::Rate::kInEffect;
  TRY(in_context("billing", read_number(value, "period_s", 1, kSecondsMax, rule.period_s)));
  return in_context("billing", read_number(value, "minimum_s", 0, kSecondsMax, rule.minimum_s));
}

Status read_bucket(const Value& value, BucketSize& size) {
  if (value.is_null()) return {};
  size = {value.at(0).integer(), value.at(1).integer()};
  if (value.array().size() != 2 || size.tokens < 1 || size.per_second < 0 ||
      size.tokens > kCountMax || size.per_second > kCountMax)
    return invalid(std::format("a bucket is [TOKENS, PER_SECOND], each at most {}", kCountMax));
  return {};
}

Status read_rules(const Value& root, Config& cloud) {
  TRY(read_billing(root["billing"], cloud.billing));
  for (const auto& [name, into] : {std::pair{"launch_latency_ms", &cloud.launch_latency},
                                   {"visible_after_ms", &cloud.visible_after},
                                   {"shutdown_ms", &cloud.shutdown}})
    TRY(read_time<milliseconds>(root, name, kMillisecondsMax, *into));
  TRY(read_time<seconds>(root, "notice_s", kSecondsMax, cloud.notice));
  TRY(read_number(root, "notices_lost_percent", 0, 100, cloud.notices_lost_percent));
  TRY(read_number(root, "pool_capacity", 0, kCountMax, cloud.pool_capacity));
  TRY(read_number(root, "spot_vcpus_max", 0, kCountMax, cloud.spot_vcpus_max));
  TRY(read_number(root, "on_demand_vcpus_max", 0, kCountMax, cloud.on_demand_vcpus_max));
  TRY(read_number(root, "seed", 0, std::numeric_limits<std::int64_t>::max(), cloud.seed));
  cloud.account = root["account"].text(cloud.account);
  TRY(read_bucket(root["other_buckets"], cloud.other_buckets));
  TRY(read_bucket(root["launch_bucket"], cloud.launch_bucket));
  for (const auto& [action, value] : root["buckets"].object())
    TRY(read_bucket(value, cloud.buckets[action]));
  for (const auto& [id, name] : root["images"].object()) cloud.images.push_back({id, name.text()});
  return {};
}

Status read_instances(const Value& value, ServiceConfig& config) {
  if (value.is_null()) return {};
  TRY(only(value, "instances",
           {"rootfs", "state_dir", "mounts", "cpu_percent_per_vcpu", "memory_percent"}));
  HostConfig host;
  host.rootfs = value["rootfs"].text(host.rootfs);
  host.state_dir = value["state_dir"].text(host.state_dir);
  TRY(read_number(value, "cpu_percent_per_vcpu", 1, 100, host.cpu_percent_per_vcpu));
  TRY(read_number(value, "memory_percent", 1, 100, host.memory_percent));
  for (const Value& mount : value["mounts"].array()) {
    TRY(only(mount, "a mount", {"from", "to"}));
    host.mounts.emplace_back(mount["from"].text(), mount["to"].text());
  }
  config.instances = host;
  return {};
}

}  // namespace

Result<ServiceConfig> parse_service_config(std::string_view text) {
  ASSIGN_OR_RETURN(const Value root, json::parse(text));
  TRY(only(root, "the configuration",
           {"address",
            "port",
            "tls",
            "port_file",
            "admin_socket",
            "region",
            "zones",
            "types_file",
            "types",
            "nested_types",
            "prices_file",
            "prices",
            "skip_s",
            "compress",
            "billing",
            "images",
            "credentials",
            "account",
            "launch_latency_ms",
            "visible_after_ms",
            "shutdown_ms",
            "notice_s",
            "notices_lost_percent",
            "pool_capacity",
            "spot_vcpus_max",
            "on_demand_vcpus_max",
            "buckets",
            "other_buckets",
            "launch_bucket",
            "seed",
            "instances"}));
  ServiceConfig config;
  config.address = root["address"].text(config.address);
  const std::int64_t port = root["port"].integer(0);
  if (port < 0 || port > 65535) return invalid(std::format("port {}", port));
  config.port = static_cast<std::uint16_t>(port);
  config.port_file = root["port_file"].text();
  if (const Value& tls = root["tls"]; !tls.is_null()) {
    TRY(only(tls, "tls", {"certificate", "key"}));
    config.tls = {.certificate = tls["certificate"].text(), .key = tls["key"].text()};
  }
  config.admin_socket = root["admin_socket"].text(config.admin_socket);
  config.cloud.catalog.region = root["region"].text(config.cloud.catalog.region);
  for (const Value& c : root["credentials"].array())
    config.credentials.push_back({c["access_key_id"].text(), c["secret_access_key"].text()});
  TRY(read_types(root, config.cloud.catalog));
  TRY(read_prices(root, config));
  TRY(read_rules(root, config.cloud));
  TRY(read_instances(root["instances"], config));
  return config;
}

Result<ServiceConfig> load_service_config(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, read_file(path));
  return in_context(path, parse_service_config(text));
}

}  // namespace godwit::localcloud
