// The verbs that call the control plane.
#include <CLI/CLI.hpp>
#include <set>

#include "cli/parser.h"

namespace godwit::cli {
namespace {

constexpr std::uint32_t kLimitMax = 10'000;  // The server's.

using Verb = std::function<Result<int>(Session&)>;

CLI::App* add(CLI::App& app, Parsed& p, const VerbText& text, Verb verb) {
  CLI::App* const sub = add_verb(app, kApiGroup, text);
  sub->fallthrough();  // --server and --credentials may also come behind the verb.
  add_output(*sub, p);
  sub->callback([&p, verb = std::move(verb)] { p.verb = verb; });
  return sub;
}

void add_images(CLI::App* verb, std::string& images) {
  verb->add_option("--images", images, "Store of base images: fills in what they run by default")
      ->envname("GODWIT_IMAGES");
}

void add_run(CLI::App& app, const Program& program, Parsed& p) {
  CLI::App* const verb = add(app, p,
                             {"run", "Run an image as a new group: run IMAGE [flags] -- COMMAND",
                              "  godwit run $IMAGE --name web --count 2 --publish 8080:80\n"
                              "  godwit run $IMAGE --max-price 0.012 -- redis-server --save ''"},
                             [&](Session& s) {
                               p.run.command = p.command;
                               return run_image(s, program, p.run);
                             });
  verb->add_option("image", p.run.image, "The base image's sha256")->required();
  verb->add_option("command", p.command, "What to run, after --");
  verb->add_option("--name", p.run.name, "Of the group; default run- and the image's start");
  verb->add_option("--count", p.run.count, "Guests")->capture_default_str();
  verb->add_option("--memory-mib", p.run.memory_mib, "Of each guest; default 256");
  verb->add_option("--vcpus", p.run.vcpus, "Of each guest; default 1");
  verb->add_option("--env", p.run.env, "NAME=VALUE")->allow_extra_args(false);
  verb->add_option("--publish", p.run.publish, "PUBLISHED:PORT")->allow_extra_args(false);
  verb->add_option("--max-price", p.run.maximum_price, "Dollars per hour of each guest");
  verb->add_option("--restart", p.run.restart, "always, on-failure or never")
      ->check(CLI::IsMember({"always", "on-failure", "never"}));
  add_images(verb, p.run.images);
}

void add_spec_verbs(CLI::App& app, const Program& program, Parsed& p) {
  auto* verb = add(app, p,
                   {"apply", "Make groups, or change them, as a spec file says",
                    "  godwit apply -f web.yaml\n  godwit apply -f - --dry-run < web.yaml"},
                   [&](Session& s) { return apply(s, program, p.apply); });
  verb->add_option("-f,--file", p.apply.file, "The spec; - is standard input")->required();
  verb->add_flag("--dry-run", p.apply.dry_run, "Check it, change nothing");
  add_images(verb, p.apply.images);
  add_run(app, program, p);
  verb = add(app, p,
             {"plan", "Show what the planner would do now, or if a spec were applied",
              "  godwit plan\n  godwit plan -f web.yaml"},
             [&](Session& s) { return plan(s, program, p.apply); });
  named(verb->add_option("-f,--file", p.apply.file, "The spec; - is standard input"));
  add_images(verb, p.apply.images);
  verb = add(app, p, {"delete", "Delete a group and its guests", "  godwit delete web"},
             [&](Session& s) { return delete_group(s, p.name); });
  named(verb->add_option("group", p.name, "Its name"))->required();
}

void add_get(CLI::App& app, Parsed& p) {
  CLI::App* const verb =
      add(app, p,
          {"get", "List groups, guests, nodes, events, moves, offerings or intents",
           "  godwit get guests --group web\n  godwit get events --watch -o json"},
          [&](Session& s) { return p.watch ? watch(s, p.wanted) : get(s, p.wanted); });
  Wanted& wanted = p.wanted;
  verb->add_option("kind", wanted.kind,
                   "groups, guests, nodes, events, moves, offerings or intents")
      ->required()
      ->check(
          CLI::IsMember({"groups", "guests", "nodes", "events", "moves", "offerings", "intents"}));
  auto* name =
      named(verb->add_option("name", wanted.name, "Only this one; moves: only of this guest"));
  auto* group = named(verb->add_option("--group", wanted.group, "Guests or events of this group"));
  auto* guest = named(verb->add_option("--guest", wanted.guest, "Events of this guest"));
  auto* node = named(verb->add_option("--node", wanted.node, "Events of this node"));
  auto* limit = verb->add_option("--limit", wanted.limit, "The newest so many events or moves")
                    ->check(CLI::Range(1U, kLimitMax))
                    ->capture_default_str();
  auto* watch = verb->add_flag("--watch", p.watch, "Then print each change")->excludes(name);
  struct Flag {
    CLI::Option* option;
    std::set<std::string> kinds;  // That it means something for.
  };
  const std::vector<Flag> flags{
      {name, {"groups", "guests", "nodes", "moves"}},
      {group, {"guests", "events"}},
      {guest, {"events"}},
      {node, {"events"}},
      {limit, {"events", "moves"}},
      {watch, {"groups", "guests", "nodes", "events", "moves", "offerings"}}};
  verb->parse_complete_callback([&p, flags, group] {
    const std::string& kind = p.wanted.kind;
    for (const auto& [option, kinds] : flags)
      if (option->count() > 0 && !kinds.contains(kind))
        throw CLI::ValidationError(option->get_name(), "not for " + kind + ": leave it out");
    // Of a guest that goes only the name is told.
    if (p.watch && kind == "guests" && group->count() > 0)
      throw CLI::ValidationError("--group", "not with --watch: leave one of them out");
  });
}

void add_reading_verbs(CLI::App& app, Parsed& p) {
  add_get(app, p);
  auto* verb =
      add(app, p,
          {"describe", "Show all of one group, guest or node with its events, or of one move",
           "  godwit describe guest web-1\n  godwit describe move 7"},
          [&](Session& s) { return describe(s, p.kind, p.name); });
  verb->add_option("kind", p.kind, "group, guest, node or move")
      ->required()
      ->check(CLI::IsMember({"group", "guest", "node", "move"}));
  named(verb->add_option("name", p.name, "Its name; a move's number"))->required();
  verb = add(app, p,
             {"savings", "Show what was paid, and what on-demand would have cost",
              "  godwit savings\n  godwit savings -v -o json"},
             [&](Session& s) { return savings(s, p.verbose); });
  verb->add_flag("-v,--verbose", p.verbose, "Each instance too");
}

void add_moving_verbs(CLI::App& app, Parsed& p) {
  auto* verb = add(app, p,
                   {"migrate", "Move a guest to a node, live",
                    "  godwit migrate web-1 --to i-0123456789abcdef0/1a2b"},
                   [&](Session& s) { return migrate(s, p.name, p.to); });
  named(verb->add_option("guest", p.name, "Its name"))->required();
  named(verb->add_option("--to", p.to, "A node"))->required();
  verb =
      add(app, p,
          {"cordon", "Place no more guests on a node", "  godwit cordon i-0123456789abcdef0/1a2b"},
          [&](Session& s) { return cordon(s, p.name); });
  named(verb->add_option("node", p.name, "Its name"))->required();
  verb = add(
      app, p,
      {"uncordon", "Place guests on a node again", "  godwit uncordon i-0123456789abcdef0/1a2b"},
      [&](Session& s) { return uncordon(s, p.name); });
  named(verb->add_option("node", p.name, "Its name"))->required();
  verb = add(app, p,
             {"drain", "Cordon a node and move its guests away",
              "  godwit drain i-0123456789abcdef0/1a2b --dry-run"},
             [&](Session& s) { return drain(s, p.name, p.dry_run); });
  named(verb->add_option("node", p.name, "Its name"))->required();
  verb->add_flag("--dry-run", p.dry_run, "Show the moves, do nothing");
}

void add_guest_verbs(CLI::App& app, Parsed& p) {
  auto* verb = add(app, p,
                   {"logs", "Print what a guest's container wrote",
                    "  godwit logs web-1\n  godwit logs web-1 --from 1000"},
                   [&](Session& s) { return logs(s, p.name, p.from); });
  named(verb->add_option("guest", p.name, "Its name"))->required();
  verb->add_option("--from", p.from, "Number of the first line")->capture_default_str();
  verb = add(app, p,
             {"exec", "Run a program beside a guest's container: exec GUEST -- COMMAND",
              "  godwit exec web-1 -- sh -c 'ps ax'"},
             [&](Session& s) { return exec(s, p.name, p.command, p.timeout_ms); });
  named(verb->add_option("guest", p.name, "Its name"))->required();
  verb->add_option("command", p.command, "What to run, after --")->required();
  verb->add_option("--timeout-ms", p.timeout_ms, "Then it is killed")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
}

}  // namespace

void add_api_verbs(CLI::App& app, const Program& program, Parsed& parsed) {
  add_spec_verbs(app, program, parsed);
  add_reading_verbs(app, parsed);
  add_moving_verbs(app, parsed);
  add_guest_verbs(app, parsed);
}

}  // namespace godwit::cli
