// cloud: the local cloud, and the commands of its operator.
#include <CLI/CLI.hpp>

#include "cli/parser.h"

namespace godwit::cli {
namespace {

constexpr const char* kPrice =
    "  godwit cloud price c5.large/us-east-1a 0.05\n"
    "  godwit cloud price c5.large/us-east-1a auto";
constexpr const char* kCapacity =
    "  godwit cloud capacity c5.large/us-east-1a 0\n"
    "  godwit cloud capacity c5.large/us-east-1a/on-demand auto";

class CloudVerb {
 public:
  CloudVerb(CLI::App& cloud, const Program& program, Parsed& parsed)
      : cloud_(cloud), program_(program), p_(parsed) {}

  void add_commands() {
    CLI::App* verb =
        add({"price", "Set the spot price of a pool; it holds until set again", kPrice});
    add_pool(*verb, "TYPE/ZONE");
    named(verb->add_option("usd", p_.cloud.value, "Dollars per hour; auto: as the market has it"))
        ->required();
    verb = add({"capacity", "Set how many instances a pool has room for, running ones included",
                kCapacity});
    add_pool(*verb, "TYPE/ZONE, of spot instances, or TYPE/ZONE/on-demand");
    named(verb->add_option("count", p_.cloud.value, "Instances; auto: as the cloud begins with"))
        ->required();
    verb = add({"reclaim", "Take a spot instance back, as EC2 does: a notice, then the end",
                "  godwit cloud reclaim i-0123456789abcdef0\n"
                "  godwit cloud reclaim i-0123456789abcdef0 --no-notice"});
    add_instance(*verb);
    verb->add_flag("--no-notice", p_.cloud.without_notice, "End it at once");
    verb = add({"kill", "Let the hardware under an instance fail",
                "  godwit cloud kill i-0123456789abcdef0"});
    add_instance(*verb);
    add_exec();
    add({"status", "Show instances, and prices and capacities of pools",
         "  godwit cloud status\n  godwit cloud status -o json"});
    add({"bill", "Show what each instance has cost",
         "  godwit cloud bill\n  godwit cloud bill -o json"});
  }

 private:
  CLI::App* add_bare(const VerbText& text) {
    CLI::App* const verb = add_verb(cloud_, "Commands of the operator of a running cloud", text);
    named(verb->add_option("--socket", p_.cloud.socket,
                           "The cloud's admin socket; default that of `godwit up` without --dir"))
        ->type_name("PATH")
        ->envname("GODWIT_CLOUD_SOCKET");
    verb->callback([name = std::string(text.name), &program = program_, &p = p_] {
      p.cloud.name = name;
      p.local = [&](std::ostream& out) {
        return run_cloud_command(program, p.cloud, p.output == "json", out);
      };
    });
    return verb;
  }
  CLI::App* add(const VerbText& text) {
    CLI::App* const verb = add_bare(text);
    add_output(*verb, p_);
    return verb;
  }
  void add_pool(CLI::App& verb, const char* help) {
    named(verb.add_option("pool", p_.cloud.pool, help))->required();
  }
  void add_instance(CLI::App& verb) {
    named(verb.add_option("instance", p_.cloud.instance, "Its id; see `godwit cloud status`"))
        ->required();
  }
  void add_exec() {
    CLI::App* const verb =
        add_bare({"exec", "Run a program in an instance's namespaces: exec INSTANCE -- COMMAND",
                  "  godwit cloud exec i-0123456789abcdef0 -- ps ax"});
    add_instance(*verb);
    verb->add_option("command", p_.cloud.arguments, "What to run, after --")->required();
  }

  CLI::App& cloud_;
  const Program& program_;
  Parsed& p_;
};

}  // namespace

void add_cloud_verb(CLI::App& app, const Program& program, Parsed& p) {
  CLI::App* const cloud =
      add_verb(app, kHostGroup,
               {"cloud", "Run a cloud on this host, or command one that runs",
                "  godwit cloud cloud.json\n  godwit cloud price c5.large/us-east-1a 0.05"});
  cloud->add_option("config", p.config, "Of the cloud to run, JSON")->type_name("FILE");
  cloud->require_subcommand(0, 1);
  CloudVerb{*cloud, program, p}.add_commands();
  cloud->callback([&p, &program, cloud] {
    if (!cloud->get_subcommands().empty()) {
      if (!p.config.empty())
        throw CLI::ValidationError("config", "not with a command: leave one of them out");
      return;
    }
    if (p.config.empty()) throw CLI::RequiredError("config, or a command,");
    p.local = [&](std::ostream&) { return program.host.cloud(p.config); };
  });
}

}  // namespace godwit::cli
