// godwit-gateway CONFIG.json: the gateway of guests.
#include <cstdio>
#include <cstring>

#include "apps/gateway_wiring.h"

int main(int argc, char** argv) {
  if (argc != 2 || std::strcmp(argv[1], "--help") == 0) {
    std::fprintf(stderr, "usage: godwit-gateway CONFIG.json\n");
    return argc == 2 ? 0 : 64;
  }
  const auto config = godwit::apps::load_gateway_config(argv[1]);
  if (!config) {
    std::fprintf(stderr, "godwit-gateway: %s\n", to_string(config.error()).c_str());
    return 78;
  }
  return godwit::apps::run_gateway(*config);
}
