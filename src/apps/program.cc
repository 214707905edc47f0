#include "apps/program.h"

#include <cstdio>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "apps/agent_wiring.h"
#include "apps/cloud_wiring.h"
#include "apps/gateway_wiring.h"
#include "apps/join.h"
#include "apps/serve_wiring.h"
#include "apps/up.h"
#include "apps/up_files.h"
#include "cli/exit_status.h"
#include "edges/oci/import.h"
#include "lib/io/loop.h"

namespace godwit::apps {
namespace {

int report(const Error& error, int status) {
  std::fprintf(stderr, "godwit: %s\n", error.message.c_str());
  return status;
}

int run_agent_of(const cli::AgentFlags& flags) {
  if (flags.join.empty()) {
    const auto config = load_agent_config(flags.config);
    return config ? run_agent(*config, nullptr) : report(config.error(), cli::kBadConfiguration);
  }
  const auto join = load_join_config(flags.join);
  if (!join) return report(join.error(), cli::kBadConfiguration);
  const auto config = become_node(*join);
  if (!config) return report(config.error(), cli::exit_status(config.error().code));
  return run_agent(*config, nullptr);
}

int run_serve_of(const std::string& path) {
  const auto config = load_serve_config(path);
  return config ? run_serve(*config) : report(config.error(), cli::kBadConfiguration);
}

int run_gateway_of(const std::string& path) {
  const auto config = load_gateway_config(path);
  return config ? run_gateway(*config) : report(config.error(), cli::kBadConfiguration);
}

io::Task<void> import(io::Loop& loop, oci::ImportRequest request, Result<std::string>& sha256) {
  const auto imported = co_await oci::import_image(std::move(request));
  if (imported)
    sha256 = imported->sha256;
  else
    sha256 = std::unexpected(imported.error());
  loop.stop();
}

Result<std::string> import_image(const cli::ImportFlags& flags) {
  io::Loop loop;
  Result<std::string> sha256 = internal("the import did not end");
  oci::ImportRequest request{.path = flags.path, .tag = flags.tag, .store = flags.store};
  loop.spawn(import(loop, std::move(request), sha256));
  loop.run();
  return sha256;
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

cli::Program make_program() {
  cli::HostVerbs host{
      .up = run_up,
      .down = run_down,
      .agent = run_agent_of,
      .serve = run_serve_of,
      .gateway = run_gateway_of,
      .cloud = run_cloud,
      .ask_cloud =
          [](const std::string& socket, const json::Value& request) {
            return ask_cloud(socket.empty() ? default_cloud_socket() : socket, request);
          },
      .import_image = import_image,
  };
  return {.version = GODWIT_VERSION, .host = std::move(host), .image_defaults = image_defaults};
}

int run_program(const cli::Program& program, int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (const auto status = run_clouds_own(words)) return *status;
  return cli::run(program, words, std::cin, std::cout, std::cerr);
}

}  // namespace godwit::apps
