// up, down, serve, agent, gateway, image: what runs on this host, but for the cloud.
#include <CLI/CLI.hpp>

#include "cli/exit_status.h"
#include "cli/parser.h"

namespace godwit::cli {
namespace {

void add_dir(CLI::App& verb, std::string& dir) {
  named(verb.add_option("--dir", dir,
                        "Where all of it is; default $XDG_STATE_HOME/godwit or /run/godwit"))
      ->type_name("DIR");
}

constexpr const char* kGateway =
    R"(  godwit gateway gateway.json

gateway.json:
  {"address": "10.0.200.10",          its own on the network of the nodes
   "listen": "10.0.200.10:7003",      for agents, which announce where guests are
   "control": "10.0.200.10:7002",     the control plane
   "credentials": "STATE/gateway",    made by `godwit serve` in its state_dir
   "outside": "out",                  device towards clients
   "public_address": "198.51.100.1",  on it: where published ports are
   "denied": ["203.0.113.0/24"]}      what guests may not connect to, beside private networks)";

CLI::Option* add_config(CLI::App& verb, std::string& config) {
  return verb.add_option("config", config, "The configuration, JSON")->type_name("FILE");
}

void add_up_and_down(CLI::App& app, const Program& program, Parsed& p) {
  CLI::App* const up = add_verb(
      app, kHostGroup,
      {"up", "Start cloud, control plane and gateway on this host, and wait until they are ready",
       "  godwit up\n  godwit up --market steady --dir /tmp/region -o json"});
  add_dir(*up, p.up.dir);
  up->add_option("--market", p.up.market, "Prices: a file of data/markets without .json, or a path")
      ->type_name("NAME")
      ->capture_default_str();
  up->add_flag("--foreground", p.up.foreground, "Stay, and end it all at Ctrl-C");
  add_output(*up, p);
  up->callback([&] {
    p.local = [&](std::ostream&) {
      p.up.json = p.output == "json";
      return program.host.up(p.up);
    };
  });
  CLI::App* const down = add_verb(
      app, kHostGroup,
      {"down", "End what `godwit up` started", "  godwit down\n  godwit down --dir /tmp/region"});
  add_dir(*down, p.dir);
  down->callback([&] { p.local = [&](std::ostream&) { return program.host.down(p.dir); }; });
}

void add_daemons(CLI::App& app, const Program& program, Parsed& p) {
  CLI::App* const serve =
      add_verb(app, kHostGroup, {"serve", "Run the control plane", "  godwit serve serve.json"});
  add_config(*serve, p.config)->required();
  serve->callback([&] { p.local = [&](std::ostream&) { return program.host.serve(p.config); }; });

  CLI::App* const agent =
      add_verb(app, kHostGroup,
               {"agent", "Run the agent of a node, which may first have to join",
                "  godwit agent agent.json\n  godwit agent --join join.json"});
  auto* const config = add_config(*agent, p.agent.config);
  auto* const join = agent
                         ->add_option("--join", p.agent.join,
                                      "Become a node with the single-use token of this file first")
                         ->type_name("FILE")
                         ->excludes(config);
  agent->parse_complete_callback([config, join] {
    if (config->count() + join->count() == 0) throw CLI::RequiredError("config, or --join FILE,");
  });
  agent->callback([&] { p.local = [&](std::ostream&) { return program.host.agent(p.agent); }; });

  CLI::App* const gateway = add_verb(
      app, kHostGroup, {"gateway", "Run the gateway of guests: published ports, egress", kGateway});
  add_config(*gateway, p.config)->required();
  gateway->callback(
      [&] { p.local = [&](std::ostream&) { return program.host.gateway(p.config); }; });
}

void add_image(CLI::App& app, const Program& program, Parsed& p) {
  CLI::App* const image = add_verb(app, kHostGroup,
                                   {"image", "Make base images of container images",
                                    "  godwit image import redis.tar --store /run/godwit/images"});
  image->require_subcommand(1);
  CLI::App* const import = add_verb(
      *image, "Commands",
      {"import",
       "Make a base image of an OCI layout or archive, or a docker archive; prints its sha256",
       "  godwit image import redis.tar --store /run/godwit/images\n"
       "  godwit image import layout/ --tag 7.2 --store /run/godwit/images"});
  named(import->add_option("path", p.image.path, "The layout or archive"))->required();
  named(import->add_option("--store", p.image.store, "The store of base images"))
      ->type_name("DIR")
      ->required();
  named(import->add_option("--tag", p.image.tag, "Of the image, where there are several"))
      ->type_name("TAG");
  import->callback([&] {
    p.local = [&](std::ostream& out) -> Result<int> {
      ASSIGN_OR_RETURN(const std::string sha256, program.host.import_image(p.image));
      out << sha256 << '\n';
      return kDone;
    };
  });
}

}  // namespace

void add_host_verbs(CLI::App& app, const Program& program, Parsed& parsed) {
  add_up_and_down(app, program, parsed);
  add_daemons(app, program, parsed);
  add_cloud_verb(app, program, parsed);
  add_image(app, program, parsed);
}

}  // namespace godwit::cli
