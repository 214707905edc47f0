// The programs' configurations. Files that they name hold "file"; none is opened.
#include "apps/agent_config.h"
#include "apps/gateway_config.h"
#include "apps/join_config.h"
#include "apps/serve_config.h"
#include "base/fuzz.h"

namespace godwit::fuzz {
namespace {

Result<std::string> pretend(const std::string& path) {
  if (path.contains("none")) return not_found(path);
  return "file";
}

template <class Config>
bool taken(const Result<Config>& config) {
  return config ? true : refused(config.error());
}

}  // namespace

Corpus corpus() {
  return {
      .seeds = {
          R"({"node":"i-1/b","address":"10.0.1.2","listen":"10.0.1.2:7001","control":"10.0.0.1:1",)"
          R"("certificate":"c","key":"k","authority":"a","record_dir":"r","run_dir":"u",)"
          R"("disk_dir":"d","image_dir":"i","log_dir":"l","gateway":"g","uid_first":70000,)"
          R"("uid_count":100,"cgroup":"x","boot_id":"b","memory_mib":4096,"vcpus":2,)"
          R"("peers":{"i-2/b":{"address":"10.0.1.3","port":7001}},"artifacts":"http://1.2.3.4:5",)"
          R"("imds":"http://169.254.169.254"})",
          R"({"address":"10.0.0.1","outside":"out","public_address":"198.51.100.1",)"
          R"("listen":"10.0.0.1:7003","control":"10.0.0.1:7002","credentials":"/s",)"
          R"("denied":["203.0.113.0/24"]})",
          R"({"token":"t","authority":"a","join":"1.2.3.4:5","control":"1.2.3.4:6",)"
          R"("artifacts":"http://1.2.3.4:7","imds":"http://169.254.169.254","gateway":"1.2.3.4",)"
          R"("port":7001,"memory_reserve_mib":512,"state_dir":"/s","run_dir":"/r"})",
          R"({"state_dir":"/s","listen":"h:1","api":"h:2","admin_door":"/d","join":"1.2.3.4:5",)"
          R"("artifacts":"http://1.2.3.4:6","images":"/i","kernel":"k","initramfs":"f","agent":"",)"
          R"("gateway":{"address":"10.0.0.1","port":7003},"machine":{"mtu":1344},)"
          R"("policy":{"notice_s":120,"bid":"maximum","escapes_max":2,"loss_of_guest_usd":0.5},)"
          R"("cloud":{"endpoint":"http://1.2.3.4:80","region":"us-east-1","access_key_id":"A",)"
          R"("secret_access_key":"S","image":"ami-1","on_demand_usd":{"m5.large":"0.096"},)"
          R"("billing":{"kind":"auction","rate":"locked","period_s":90,"minimum_s":0},)"
          R"("prices_every_s":1.5,"nested":true,"memory_reserve_mib":512}})"}};
}

bool try_input(std::string_view input) {
  bool sound = taken(apps::parse_agent_config(input, pretend));
  sound |= taken(apps::parse_gateway_config(input, pretend));
  sound |= taken(apps::parse_serve_config(input));
  const auto join = apps::parse_join_config(input);
  if (join) CHECK(apps::parse_join_config(apps::to_json(*join)) == *join);
  return sound | taken(join);
}

}  // namespace godwit::fuzz
