#include "apps/serve_config.h"

#include <cmath>
#include <cstdlib>
#include <format>

#include "apps/config_file.h"
#include "apps/policy_config.h"

namespace godwit::apps {
namespace {

using json::Value;

constexpr std::uint32_t kGuestMtu = 1344;  // edges/linux/tunnel.h says why.

Result<Duration> seconds(const Value& value, std::string_view field, Duration otherwise) {
  if (!value.has(field)) return otherwise;
  const double s = value[field].number(-1);
  if (s <= 0 || s > 1e9) return invalid(std::format("field \"{}\": seconds are needed", field));
  return Duration{std::llround(s * 1e6)};
}

// "0.085".
Result<MicroUsdPerHour> dollars(const Value& value) {
  const std::string text = value.text();
  char* end = nullptr;
  const double usd = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != 0 || !(usd > 0) || usd > 1e6)
    return invalid("a price as text is needed, \"0.085\"");
  return MicroUsdPerHour{std::llround(usd * 1e6)};
}

Result<market::BillingRule> billing(const Value& value) {
  TRY(only(value, {"kind", "rate", "period_s", "minimum_s"}));
  market::BillingRule rule;
  const std::string kind = value["kind"].text("per-second"), rate = value["rate"].text("in-effect");
  if (kind != "per-second" && kind != "auction")
    return invalid("field \"kind\": \"per-second\" or \"auction\" is needed");
  if (rate != "in-effect" && rate != "locked")
    return invalid("field \"rate\": \"in-effect\" or \"locked\" is needed");
  rule.kind = kind == "auction" ? market::BillingRule::Kind::kAuction
                                : market::BillingRule::Kind::kPerSecond;
  rule.rate =
      rate == "locked" ? market::BillingRule::Rate::kLocked : market::BillingRule::Rate::kInEffect;
  rule.period_s = value["period_s"].integer(3600);
  rule.minimum_s = value["minimum_s"].integer(60);
  if (rule.period_s <= 0) return invalid("field \"period_s\": seconds are needed");
  return rule;
}

Result<control::ProviderConfig> provider(const Value& value) {
  control::ProviderConfig config;
  config.cloud = value["name"].text("aws");
  ASSIGN_OR_RETURN(config.region, text(value, "region"));
  ASSIGN_OR_RETURN(config.image, text(value, "image"));
  config.nested = value["nested"].boolean(true);
  for (const auto& [type, rate] : value["on_demand_usd"].object()) {
    auto usd = in_context(std::format("field \"on_demand_usd.{}\"", type), dollars(rate));
    if (!usd) return std::unexpected(usd.error());
    config.on_demand[type] = *usd;
  }
  if (config.on_demand.empty())
    return invalid("field \"on_demand_usd\": at least one type with its rate is needed");
  auto rule = in_context("field \"billing\"", billing(value["billing"]));
  if (!rule) return std::unexpected(rule.error());
  config.billing = *rule;
  TRY(read_number(value, "memory_reserve_mib", config.memory_reserve_mib));
  ASSIGN_OR_RETURN(config.prices_every, seconds(value, "prices_every_s", config.prices_every));
  ASSIGN_OR_RETURN(config.list_every, seconds(value, "list_every_s", config.list_every));
  ASSIGN_OR_RETURN(config.join_max, seconds(value, "join_max_s", config.join_max));
  ASSIGN_OR_RETURN(config.refused_for, seconds(value, "refused_for_s", config.refused_for));
  return config;
}

Result<CloudConfig> cloud(const Value& whole, const Value& value) {
  TRY(only(value,
           {"endpoint", "authorities", "name", "region", "access_key_id", "secret_access_key",
            "image", "nested", "on_demand_usd", "billing", "prices_every_s", "list_every_s",
            "join_max_s", "refused_for_s", "memory_reserve_mib"}));
  CloudConfig config;
  ASSIGN_OR_RETURN(const std::string endpoint, text(value, "endpoint"));
  ASSIGN_OR_RETURN(config.endpoint, http::parse_address(endpoint, value["authorities"].text()));
  ASSIGN_OR_RETURN(config.access_key_id, text(value, "access_key_id"));
  ASSIGN_OR_RETURN(config.secret_access_key, text(value, "secret_access_key"));
  ASSIGN_OR_RETURN(config.join, text(whole, "join"));
  ASSIGN_OR_RETURN(config.artifacts, text(whole, "artifacts"));
  ASSIGN_OR_RETURN(config.images, text(whole, "images"));
  ASSIGN_OR_RETURN(config.kernel, text(whole, "kernel"));
  ASSIGN_OR_RETURN(config.initramfs, text(whole, "initramfs"));
  config.agent = whole["agent"].text();
  return config;
}

Result<ports::MachineRecord> machine(const Value& value) {
  TRY(only(value, {"qemu_version", "machine_type", "cpu_model", "append", "mtu"}));
  ports::MachineRecord m;
  m.qemu_version = value["qemu_version"].text("10.0.13");
  m.machine_type = value["machine_type"].text("pc-i440fx-10.0,hpet=off,vmport=off");
  m.cpu_model = value["cpu_model"].text("qemu64");
  m.mtu = kGuestMtu;
  TRY(read_number(value, "mtu", m.mtu, 576U));  // RFC 791: what every host takes.
  m.append = value["append"].text(
      "console=ttyS0 panic=-1 clocksource=acpi_pm tsc=unstable nokaslr mitigations=off "
      "random.trust_cpu=on quiet");
  return m;
}

Result<ServeConfig> read(const Value& value) {
  TRY(only(value, {"state_dir", "listen", "api", "admin_door", "cloud", "join", "artifacts",
                   "images", "kernel", "initramfs", "agent", "gateway", "machine", "policy"}));
  ServeConfig config;
  ASSIGN_OR_RETURN(config.state_dir, text(value, "state_dir"));
  ASSIGN_OR_RETURN(config.listen, text(value, "listen"));
  for (const auto& [field, to] :
       {std::pair{"api", &config.api}, {"admin_door", &config.admin_door}})
    if (value.has(field)) {
      ASSIGN_OR_RETURN(*to, text(value, field));
    }
  if (const Value& gateway = value["gateway"]; gateway.is_object()) {
    ports::PeerAddress peer{gateway["address"].text(), 0};
    if (peer.address.empty() || !read_port(gateway, "port", peer.port))
      return invalid("field \"gateway\": {\"address\": IPV4, \"port\": NUMBER} is needed");
    config.control.gateway = peer;
  }
  ASSIGN_OR_RETURN(config.control.machine,
                   in_context("field \"machine\"", machine(value["machine"])));
  ASSIGN_OR_RETURN(config.policy, read_policy(value["policy"], {}));
  if (!value["cloud"].is_object()) return config;
  auto read_cloud = in_context("field \"cloud\"", cloud(value, value["cloud"]));
  if (!read_cloud) return std::unexpected(read_cloud.error());
  config.cloud = *std::move(read_cloud);
  auto read_provider = in_context("field \"cloud\"", provider(value["cloud"]));
  if (!read_provider) return std::unexpected(read_provider.error());
  config.control.provider = *std::move(read_provider);
  return config;
}

}  // namespace

Result<ServeConfig> load_serve_config(const std::string& path) {
  ASSIGN_OR_RETURN(const Value value, load_object(path));
  return in_context(path, read(value));
}

Result<ServeConfig> parse_serve_config(std::string_view text) {
  ASSIGN_OR_RETURN(const Value value, parse_object(text));
  return read(value);
}

}  // namespace godwit::apps
