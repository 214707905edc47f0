// What `godwit serve` is started with: one JSON file. Members and defaults:
//
//   state_dir            made at the first start, mode 0700: store, authority and its key
//   listen               for the agents, host:port
//   api ""               for users, host:port; empty: not opened
//   admin_door ""        path of a UNIX socket (admin_door.h); empty: no door
//   cloud null           none: nothing is rented, guests are made by the admin door alone; or
//     {endpoint "https://HOST[:PORT]", authorities "" (PEM of who may sign its certificate; none:
//      whom this host trusts), name "aws", region, access_key_id, secret_access_key,
//      image "ami-...", nested true, on_demand_usd {TYPE: "USD"}: the types that may be rented,
//      billing {kind "per-second"|"auction", rate "in-effect"|"locked", period_s 3600,
//      minimum_s 60}, prices_every_s 60, list_every_s 15, join_max_s 300, refused_for_s 180,
//      memory_reserve_mib 512}
//   With a cloud, all of these:
//   join, artifacts      where instances join and fetch programs and images, numeric host:port
//   images               directory of images, named by their hash; kernel and initramfs are put in
//   kernel, initramfs    paths
//   agent ""             the program that instances run; empty: this one
//   gateway null         {address, port} of the guests' gateway
//   machine {}           {qemu_version "10.0.13", machine_type, cpu_model, append, mtu 1344}
//   policy {}            policy_config.h
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "control/config.h"
#include "core/fleet/policy.h"
#include "lib/http/client.h"

namespace godwit::apps {

struct CloudConfig {
  http::Address endpoint;
  std::string access_key_id, secret_access_key;
  std::string join, artifacts;
  std::string images, kernel, initramfs, agent;
};

struct ServeConfig {
  std::string state_dir;
  std::string listen;
  std::string api;
  std::string admin_door;
  std::optional<CloudConfig> cloud;
  // The provider, the machine's fixed part and the gateway; the rest is put in at the start.
  control::Config control;
  fleet::Policy policy;
};

// The error names file, field and remedy.
Result<ServeConfig> load_serve_config(const std::string& path);
Result<ServeConfig> parse_serve_config(std::string_view text);

}  // namespace godwit::apps
