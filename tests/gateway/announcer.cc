// gateway_announcer FOLDER GATEWAY GUEST ADDRESS NODE_ADDRESS GENERATION HOP
//
// The part of an agent that tells the gateway (host:port) where its guest is, five times a second
// until it is killed. FOLDER has ca.pem, node.pem and node.key.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "edges/grpc/peer.h"

namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

int main(int argc, char** argv) {
  using namespace godwit;
  if (argc != 8) return 64;
  const std::string folder = argv[1];
  const grpc_edge::Credentials credentials{
      {read_file(folder + "/node.pem"), read_file(folder + "/node.key")},
      read_file(folder + "/ca.pem")};
  const NodeId gateway{"gateway"};
  grpc_edge::PeerMailer mailer(
      credentials, {}, [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); });
  mailer.set_address(gateway, argv[2]);
  const ports::EpochName epoch{static_cast<std::uint32_t>(std::atoi(argv[6])),
                               static_cast<std::uint32_t>(std::atoi(argv[7]))};
  for (;;) {
    mailer.send({{argv[3]}, {}, gateway, ports::RouteAt{argv[4], argv[5], epoch}});
    std::this_thread::sleep_for(std::chrono::milliseconds{200});
  }
}
