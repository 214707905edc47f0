// godwit-agent CONFIG.json: `godwit agent CONFIG.json` alone, for tests that have others in its
// place.
#include "apps/agent_wiring.h"
#include "apps/console.h"

int main(int argc, char** argv) {
  const auto config = godwit::apps::load_agent_config(argc == 2 ? argv[1] : "");
  return config ? godwit::apps::run_agent(*config, nullptr)
                : godwit::apps::complain(config.error());
}
