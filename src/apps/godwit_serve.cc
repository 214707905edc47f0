// godwit-serve CONFIG.json: `godwit serve CONFIG.json` alone, for tests that have others in its
// place.
#include "apps/console.h"
#include "apps/serve_wiring.h"

int main(int argc, char** argv) {
  const auto config = godwit::apps::load_serve_config(argc == 2 ? argv[1] : "");
  return config ? godwit::apps::run_serve(*config) : godwit::apps::complain(config.error());
}
