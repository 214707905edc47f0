// What `godwit up` starts is the program that it is: this is godwit, but its control plane can be
// held inside a step (tests/kills/held_serve.h).
#include <cstdio>
#include <string>
#include <vector>

#include "apps/agent_wiring.h"
#include "apps/cloud_wiring.h"
#include "apps/gateway_wiring.h"
#include "apps/join.h"
#include "apps/up.h"
#include "tests/kills/held_serve.h"

namespace {

using namespace godwit;

int complain(const Error& error) {
  std::fprintf(stderr, "held_godwit: %s\n", to_string(error).c_str());
  return 78;
}

int join_and_run_agent(const std::string& path) {
  const auto join = apps::load_join_config(path);
  if (!join) return complain(join.error());
  const auto config = apps::become_node(*join);
  if (!config) return complain(config.error());
  return apps::run_agent(*config, nullptr);
}

int run_gateway(const std::string& path) {
  const auto config = apps::load_gateway_config(path);
  if (!config) return complain(config.error());
  return apps::run_gateway(*config);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 2) return 64;
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  if (apps::is_clouds_own(words[0])) return apps::run_cloud(words);
  if (words[0] == "cloud") return apps::run_cloud(rest);
  if (words[0] == "up") return apps::run_up(rest);
  if (words[0] == "serve") return handover::run_held_serve(rest[0]);
  if (words[0] == "gateway") return run_gateway(rest[0]);
  if (words[0] == "agent" && rest.size() == 2) return join_and_run_agent(rest[1]);
  return 64;
}
