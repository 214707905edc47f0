#include "apps/gateway_wiring.h"

#include <csignal>

#include "apps/console.h"
#include "edges/grpc/control.h"
#include "edges/grpc/peer.h"
#include "edges/linux/gateway_loop.h"

namespace godwit::apps {

int run_gateway(const GatewayConfig& config) {
  const auto kernel = linux_net::LinuxGateway::set_up(config.network);
  if (!kernel) return complain(kernel.error());

  io::Loop loop;
  gateway::Gateway gateway;
  linux_net::GatewayLoop turns(loop, gateway, **kernel, now, log);
  if (const auto started = turns.start(); !started) return complain(started.error());
  const auto peers = grpc_edge::PeerServer::start(config.listen, config.credentials, turns, log);
  if (!peers) return complain(peers.error());
  const grpc_edge::ControlClient control(
      config.control, config.credentials, turns,
      [&turns](bool attached) {
        log(attached ? "control plane attached" : "control plane away");
        turns.attached(attached);
      },
      {}, log);
  loop.on_signal({SIGINT, SIGTERM}, [&](int) { loop.stop(); });
  log(std::format("gateway ready, {} ports published", gateway.published().size()));
  loop.run();
  return turns.exit_code();
}

}  // namespace godwit::apps
