// godwit: the commands of the public API, and the programs of this project by name.
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "apps/agent_wiring.h"
#include "apps/cloud_wiring.h"
#include "apps/gateway_wiring.h"
#include "apps/join.h"
#include "apps/serve_wiring.h"
#include "apps/up.h"
#include "cli/exit_status.h"
#include "cli/program.h"
#include "edges/oci/import.h"
#include "lib/io/loop.h"

namespace {

using namespace godwit;
using Words = std::vector<std::string>;

int usage(const char* text) {
  std::fprintf(stderr, "usage: %s\n", text);
  return cli::kUsage;
}
int report(const Error& error, int status) {
  std::fprintf(stderr, "godwit: %s\n", error.message.c_str());
  return status;
}

int join_and_run_agent(const std::string& path) {
  const auto join = apps::load_join_config(path);
  if (!join) return report(join.error(), cli::kBadConfiguration);
  const auto config = apps::become_node(*join);
  if (!config) return report(config.error(), cli::exit_status(config.error().code));
  return apps::run_agent(*config, nullptr);
}

int run_agent(const Words& words) {
  if (words.size() == 2 && words[0] == "--join") return join_and_run_agent(words[1]);
  if (words.size() != 1 || words[0] == "--help")
    return usage("godwit agent CONFIG.json, or: godwit agent --join JOIN.json");
  const auto config = apps::load_agent_config(words[0]);
  if (!config) return report(config.error(), cli::kBadConfiguration);
  return apps::run_agent(*config, nullptr);
}

int run_serve(const Words& words) {
  if (words.size() != 1 || words[0] == "--help") return usage("godwit serve CONFIG.json");
  const auto config = apps::load_serve_config(words[0]);
  if (!config) return report(config.error(), cli::kBadConfiguration);
  return apps::run_serve(*config);
}

int run_gateway(const Words& words) {
  if (words.size() != 1 || words[0] == "--help") return usage(apps::kGatewayUsage);
  const auto config = apps::load_gateway_config(words[0]);
  if (!config) return report(config.error(), cli::kBadConfiguration);
  return apps::run_gateway(*config);
}

io::Task<void> import(io::Loop& loop, oci::ImportRequest request, int& status) {
  const auto imported = co_await oci::import_image(std::move(request));
  if (imported) {
    std::printf("%s\n", imported->sha256.c_str());
    status = cli::kDone;
  } else {
    status = report(imported.error(), cli::exit_status(imported.error().code));
  }
  loop.stop();
}

int run_image(const Words& words) {
  constexpr const char* kUsageText =
      "godwit image import PATH --store DIR [--tag TAG]: prints the base image's sha256";
  if (words.size() < 2 || words[0] != "import") return usage(kUsageText);
  oci::ImportRequest request{.path = words[1], .tag = "", .store = ""};
  for (std::size_t i = 2; i + 1 < words.size(); i += 2) {
    if (words[i] == "--store")
      request.store = words[i + 1];
    else if (words[i] == "--tag")
      request.tag = words[i + 1];
    else
      return usage(kUsageText);
  }
  if (words.size() % 2 != 0 || request.store.empty()) return usage(kUsageText);
  io::Loop loop;
  int status = cli::kInternal;
  loop.spawn(import(loop, std::move(request), status));
  loop.run();
  return status;
}

Result<cli::ImageDefaults> image_defaults(const std::string& store, const std::string& sha256) {
  ASSIGN_OR_RETURN(const auto image, oci::read_stored_config(store, sha256));
  cli::ImageDefaults defaults{.argv = image.entrypoint,
                              .env = image.env,
                              .cwd = image.cwd,
                              .uid = image.uid,
                              .gid = image.gid};
  defaults.argv.insert(defaults.argv.end(), image.cmd.begin(), image.cmd.end());
  return defaults;
}

}  // namespace

int main(int argc, char** argv) {
  const Words words(argv + 1, argv + argc);
  if (!words.empty() && apps::is_clouds_own(words[0])) return apps::run_cloud(words);
  const cli::Program program{
      .version = GODWIT_VERSION,
      .locals = {{"up", "Start cloud, control plane and gateway on this host", apps::run_up},
                 {"down", "End what up started", apps::run_down},
                 {"serve", "The control plane: serve CONFIG.json", run_serve},
                 {"agent", "The agent of a node: agent CONFIG.json, agent --join JOIN.json",
                  run_agent},
                 {"gateway", "The gateway of guests: gateway CONFIG.json", run_gateway},
                 {"cloud", "A cloud on this host: cloud CONFIG.json, cloud ctl ...",
                  apps::run_cloud},
                 {"image", "image import PATH --store DIR: make a base image", run_image}},
      .image_defaults = image_defaults,
  };
  return cli::run(program, words, std::cin, std::cout, std::cerr);
}
