// joining_agent agent --join JOIN.json: what `godwit` does with these words.
#include <string_view>

#include "apps/agent_wiring.h"
#include "apps/console.h"
#include "apps/join.h"

int main(int argc, char** argv) {
  using namespace godwit;
  if (argc != 4 || std::string_view(argv[1]) != "agent" || std::string_view(argv[2]) != "--join")
    return 64;
  const auto join = apps::load_join_config(argv[3]);
  if (!join) return apps::complain(join.error());
  const auto config = apps::become_node(*join);
  if (!config) return apps::complain(config.error());
  return apps::run_agent(*config, nullptr);
}
