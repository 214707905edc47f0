// What `godwit gateway` is started with: one JSON file.
//
//   address         its own on the underlay, IPv4: where nodes' tunnels end
//   listen          for agents that announce guests, host:port (on `address`)
//   control         the control plane, host:port
//   credentials     folder with ca.pem, gateway.pem and gateway.key: STATE_DIR/gateway of `serve`
//   outside         device towards clients
//   public_address  on that device: clients' destination and guests' source
//   denied []       networks that guests may not open connections to, beside RFC 1918, link-local,
//                   loopback and multicast: every other one that a node or the control plane is in
#pragma once

#include <string>

#include "apps/config_file.h"
#include "base/error.h"
#include "edges/grpc/credentials.h"
#include "edges/linux/gateway.h"

namespace godwit::apps {

struct GatewayConfig {
  linux_net::GatewayConfig network;
  std::string listen, control;
  grpc_edge::Credentials credentials;
};

inline constexpr const char* kGatewayUsage = R"(godwit gateway CONFIG.json

Published ports and egress of guests. Run it as root where the control plane runs; it may be
killed and started again at any time. CONFIG.json:
  {"address": "10.0.200.10",          its own on the network of the nodes
   "listen": "10.0.200.10:7003",      for agents, which announce where guests are
   "control": "10.0.200.10:7002",     the control plane
   "credentials": "STATE/gateway",    made by `godwit serve` in its state_dir
   "outside": "out",                  device towards clients
   "public_address": "198.51.100.1",  on it: where published ports are
   "denied": ["203.0.113.0/24"]}      what guests may not connect to, beside private networks)";

// Reads the file and the certificates. The error names file, field and remedy.
Result<GatewayConfig> load_gateway_config(const std::string& path);
Result<GatewayConfig> parse_gateway_config(std::string_view text, const ReadFile& read_file);

}  // namespace godwit::apps
