// godwit-agent CONFIG.json: the agent of one node.
#include <cstdio>
#include <cstring>

#include "apps/agent_wiring.h"

int main(int argc, char** argv) {
  if (argc != 2 || std::strcmp(argv[1], "--help") == 0) {
    std::fprintf(stderr, "usage: godwit-agent CONFIG.json\n");
    return argc == 2 ? 0 : 64;
  }
  const auto config = godwit::apps::load_agent_config(argv[1]);
  if (!config) {
    std::fprintf(stderr, "godwit-agent: %s\n", to_string(config.error()).c_str());
    return 78;
  }
  return godwit::apps::run_agent(*config, nullptr);
}
