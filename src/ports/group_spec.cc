#include "ports/group_spec.h"

#include <format>
#include <set>
#include <string_view>

namespace godwit::ports {
namespace {

// RFC 1123 labels, shorter by what the guest's number takes: the guest's host name is one too.
constexpr std::size_t kNameMax = 50;
constexpr std::size_t kSha256Digits = 64;

std::unexpected<Error> wrong(std::string_view field, std::string_view what, std::string_view fix) {
  return invalid(std::format("{}: {}: {}", field, what, fix));
}

bool all_of(std::string_view text, std::string_view allowed) {
  return text.find_first_not_of(allowed) == std::string_view::npos;
}

Status check_name(std::string_view name) {
  constexpr std::string_view kFix = "use 1 to 50 of a-z, 0-9 and '-', a letter first, no '-' last";
  if (name.empty()) return wrong("name", "is missing", kFix);
  if (name.size() > kNameMax || !all_of(name, "abcdefghijklmnopqrstuvwxyz0123456789-") ||
      name.front() < 'a' || name.back() == '-')
    return wrong("name", std::format("'{}' is no name", name), kFix);
  return {};
}

Status check_range(std::string_view field, std::uint64_t value, std::uint64_t least,
                   std::uint64_t most, std::string_view unit) {
  if (value >= least && value <= most) return {};
  return wrong(field, std::format("{}{} is out of range", value, unit),
               std::format("use {} to {}{}", least, most, unit));
}

Status check_container(const Container& c) {
  if (c.argv.empty() || c.argv[0].empty())
    return wrong("command", "is missing", "name the program to run, as a list");
  for (std::size_t i = 0; i < c.env.size(); ++i)
    if (c.env[i].find('=') == std::string::npos || c.env[i].front() == '=')
      return wrong(std::format("env[{}]", i), std::format("'{}' has no name", c.env[i]),
                   "write NAME=value");
  if (c.cwd.empty() || c.cwd.front() != '/')
    return wrong("cwd", std::format("'{}' is not absolute", c.cwd), "begin it with '/'");
  if (c.health.kind == HealthCheck::Kind::kTcp && c.health.port == 0)
    return wrong("health.port", "is missing", "name the TCP port to connect to");
  if (c.health.kind == HealthCheck::Kind::kExec && c.health.argv.empty())
    return wrong("health.command", "is missing", "name the program to run, as a list");
  if (c.health.kind != HealthCheck::Kind::kNone &&
      (c.health.interval_ms == 0 || c.health.timeout_ms == 0 || c.health.failures == 0))
    return wrong("health", "has a zero", "interval_ms, timeout_ms and failures are at least 1");
  return {};
}

Status check_ports(const std::vector<Port>& ports) {
  std::set<std::uint16_t> inside, published;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const std::string field = std::format("ports[{}]", i);
    if (ports[i].port == 0) return wrong(field, "port 0", "use 1 to 65535");
    if (!inside.insert(ports[i].port).second)
      return wrong(field, std::format("port {} twice", ports[i].port), "name each port once");
    if (ports[i].published != 0 && !published.insert(ports[i].published).second)
      return wrong(field, std::format("published port {} twice", ports[i].published),
                   "give each its own");
  }
  return {};
}

Status check_choice(std::string_view field, const Choice& choice) {
  for (const auto& name : choice.allow)
    for (const auto& other : choice.deny)
      if (name == other)
        return wrong(field, std::format("'{}' is both allowed and denied", name),
                     "take it out of one list");
  return {};
}

Status check_built(const GroupSpec& spec) {
  constexpr std::string_view kLeave = "leave it out";
  if (!spec.volumes.empty()) return wrong("volumes", "not built yet", kLeave);
  if (spec.update) return wrong("update", "not built yet", kLeave);
  if (!spec.disruption.windows.empty()) return wrong("disruption.windows", "not built yet", kLeave);
  if (spec.disruption.guests_max) return wrong("disruption.guests_max", "not built yet", kLeave);
  if (spec.above_maximum != AboveMaximum::kOnDemand)
    return wrong("above_maximum", "only on-demand is built yet", "say on-demand or leave it out");
  if (spec.egress != Egress::kGateway)
    return wrong("egress", "only gateway is built yet", "say gateway or leave it out");
  return {};
}

}  // namespace

Status check(const GroupSpec& spec) {
  TRY(check_name(spec.name.value));
  TRY(check_range("count", spec.count, 0, kCountMax, ""));
  if (spec.image_sha256.size() != kSha256Digits || !all_of(spec.image_sha256, "0123456789abcdef"))
    return wrong("image", std::format("'{}' is no base image", spec.image_sha256),
                 "use the 64 hex digits that `godwit image import` prints");
  TRY(check_container(spec.container));
  TRY(check_range("memory_mib", spec.memory_mib, kMemoryMibMin, kMemoryMibMax, " MiB"));
  TRY(check_range("vcpus", spec.vcpus, 1, kVcpusMax, ""));
  TRY(check_ports(spec.ports));
  if (spec.maximum_price && spec.maximum_price->value <= 0)
    return wrong("maximum_price", "is not above 0", "say US dollars per hour, like 0.012");
  TRY(check_choice("clouds", spec.clouds));
  TRY(check_choice("regions", spec.regions));
  TRY(check_choice("zones", spec.zones));
  TRY(check_choice("families", spec.families));
  if (spec.spread != Spread::kNone && spec.count > 1 && spec.zones.allow.size() == 1 &&
      spec.spread == Spread::kZone)
    return wrong("spread", "over zones, but one zone is allowed", "allow more zones");
  return check_built(spec);
}

}  // namespace godwit::ports
