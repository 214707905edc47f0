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

// Reads the file and the certificates. The error names file, field and remedy.
Result<GatewayConfig> load_gateway_config(const std::string& path);
Result<GatewayConfig> parse_gateway_config(std::string_view text, const ReadFile& read_file);

}  // namespace godwit::apps
