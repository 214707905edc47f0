// godwit-serve CONFIG.json: the control plane.
#include <cstdio>
#include <cstring>

#include "apps/serve_wiring.h"

int main(int argc, char** argv) {
  if (argc != 2 || std::strcmp(argv[1], "--help") == 0) {
    std::fprintf(stderr, "usage: godwit-serve CONFIG.json\n");
    return argc == 2 ? 0 : 64;
  }
  const auto config = godwit::apps::load_serve_config(argv[1]);
  if (!config) {
    std::fprintf(stderr, "godwit-serve: %s\n", to_string(config.error()).c_str());
    return 78;
  }
  return godwit::apps::run_serve(*config);
}
