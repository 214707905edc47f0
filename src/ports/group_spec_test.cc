// Every field of a spec, set wrong one at a time, is refused by its name; a plain spec passes.
#include "ports/group_spec.h"

#include <gtest/gtest.h>

#include <functional>

namespace godwit::ports {
namespace {

GroupSpec good() {
  GroupSpec spec;
  spec.name = GroupId{"web"};
  spec.image_sha256 = std::string(64, 'a');
  spec.container.argv = {"/bin/sh"};
  return spec;
}

TEST(GroupSpec, PlainOnePasses) {
  EXPECT_TRUE(check(good()));
  GroupSpec rich = good();
  rich.count = 0;
  rich.ports = {{80, 8080}, {443, 0}};
  rich.container.env = {"A=b=c", "B="};
  rich.container.health = {.kind = HealthCheck::Kind::kTcp, .port = 80};
  rich.maximum_price = MicroUsdPerHour{1};
  rich.zones = {{"a", "b"}, {"c"}};
  rich.spread = Spread::kZone;
  EXPECT_TRUE(check(rich));
}

TEST(GroupSpec, EachProblemNamesItsField) {
  using Change = std::function<void(GroupSpec&)>;
  const std::vector<std::pair<std::string, Change>> bad{
      {"name", [](auto& s) { s.name.value = ""; }},
      {"name", [](auto& s) { s.name.value = "Web"; }},
      {"name", [](auto& s) { s.name.value = "1web"; }},
      {"name", [](auto& s) { s.name.value = "web-"; }},
      {"name", [](auto& s) { s.name.value = "a/b"; }},
      {"name", [](auto& s) { s.name.value = std::string(51, 'a'); }},
      {"count", [](auto& s) { s.count = kCountMax + 1; }},
      {"image", [](auto& s) { s.image_sha256 = "redis"; }},
      {"image", [](auto& s) { s.image_sha256[3] = 'A'; }},
      {"command", [](auto& s) { s.container.argv.clear(); }},
      {"env[1]", [](auto& s) { s.container.env = {"A=b", "C"}; }},
      {"env[0]", [](auto& s) { s.container.env = {"=b"}; }},
      {"cwd", [](auto& s) { s.container.cwd = "tmp"; }},
      {"health.port", [](auto& s) { s.container.health.kind = HealthCheck::Kind::kTcp; }},
      {"health.command", [](auto& s) { s.container.health.kind = HealthCheck::Kind::kExec; }},
      {"health",
       [](auto& s) {
         s.container.health = {.kind = HealthCheck::Kind::kTcp, .port = 1, .interval_ms = 0};
       }},
      {"memory_mib", [](auto& s) { s.memory_mib = 16; }},
      {"vcpus", [](auto& s) { s.vcpus = 0; }},
      {"ports[0]", [](auto& s) { s.ports = {{0, 0}}; }},
      {"ports[1]", [](auto& s) { s.ports = {{80, 0}, {80, 1}}; }},
      {"ports[1]", [](auto& s) { s.ports = {{80, 8080}, {81, 8080}}; }},
      {"maximum_price", [](auto& s) { s.maximum_price = MicroUsdPerHour{0}; }},
      {"zones", [](auto& s) { s.zones = {{"a"}, {"a"}}; }},
      {"clouds", [](auto& s) { s.clouds = {{"aws"}, {"aws"}}; }},
      {"regions", [](auto& s) { s.regions = {{"r"}, {"r"}}; }},
      {"families", [](auto& s) { s.families = {{"m5"}, {"m5"}}; }},
      {"spread",
       [](auto& s) {
         s.count = 2;
         s.spread = Spread::kZone;
         s.zones.allow = {"a"};
       }},
      {"volumes", [](auto& s) { s.volumes = {{"v", "/v", 1}}; }},
      {"update", [](auto& s) { s.update = UpdateStrategy::kRolling; }},
      {"disruption.windows", [](auto& s) { s.disruption.windows = {"Sat"}; }},
      {"disruption.guests_max", [](auto& s) { s.disruption.guests_max = 1; }},
      {"above_maximum", [](auto& s) { s.above_maximum = AboveMaximum::kWait; }},
      {"egress", [](auto& s) { s.egress = Egress::kNode; }},
  };
  for (const auto& [field, change] : bad) {
    GroupSpec spec = good();
    change(spec);
    const Status status = check(spec);
    ASSERT_FALSE(status) << field;
    EXPECT_EQ(status.error().code, Code::kInvalidArgument);
    EXPECT_TRUE(status.error().message.starts_with(field + ": ")) << status.error().message;
  }
}

}  // namespace
}  // namespace godwit::ports
