#include "cli/program.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <format>
#include <memory>

#include "cli/commands.h"
#include "cli/exit_status.h"

namespace godwit::cli {
namespace {

constexpr std::uint32_t kLimitMax = 10'000;  // The server's.

// An empty word, which a script makes of a variable that is not set, would mean all.
const CLI::Validator kNamed{
    [](std::string& text) { return std::string{text.empty() ? "is empty: name it" : ""}; }, ""};

constexpr const char* kFooter =
    "Ends with 0 done, 1 refused as things are, 4 not found, 64 wrong usage, 65 wrong input,\n"
    "66 file cannot be read, 69 no control plane, 75 try again, 77 not permitted, 78 credentials.";

// Every flag of every verb, filled in by the parser, and the verb that was chosen.
struct Parsed {
  Target target{.server = "127.0.0.1:7443", .credentials = "."};
  std::string output = "table";
  std::string kind, name, to;
  Wanted wanted;
  bool watch = false, dry_run = false, verbose = false;
  std::uint64_t from = 1;
  std::uint32_t timeout_ms = 60'000;
  std::vector<std::string> command;
  ApplyFlags apply;
  RunFlags run;
  std::function<Result<int>(Session&)> verb;  // Empty: help or version, done already.
};

class Parser {
 public:
  explicit Parser(const Program& program)
      : program_(program),
        app_("Runs containers on spot instances and moves them live.", "godwit") {
    app_.require_subcommand(1);
    app_.footer(kFooter);
    app_.add_option("--server", parsed.target.server, "The control plane, HOST:PORT")
        ->envname("GODWIT_SERVER")
        ->capture_default_str();
    app_.add_option("--credentials", parsed.target.credentials,
                    "Directory with ca.pem, user.pem and user.key")
        ->envname("GODWIT_CREDENTIALS");
    app_.fallthrough();  // Those two may also come behind the verb.
    add_spec_verbs();
    add_reading_verbs();
    add_moving_verbs();
    add_guest_verbs();
    for (const Local& local : program_.locals) app_.add_subcommand(local.name, local.help);
    if (CLI::App* verb = add("version", "Print the version"))
      verb->callback([this] { version = true; });
  }

  CLI::App& app() { return app_; }

  Parsed parsed;
  bool version = false;

 private:
  CLI::App* add(const std::string& name, const std::string& help) {
    return app_.add_subcommand(name, help);
  }
  CLI::App* add(const std::string& name, const std::string& help,
                std::function<Result<int>(Session&)> verb) {
    CLI::App* const sub = add(name, help);
    if (!sub) return nullptr;
    sub->add_option("-o,--output", parsed.output, "table or json")
        ->check(CLI::IsMember({"table", "json"}));
    sub->callback([this, verb = std::move(verb)] { parsed.verb = verb; });
    return sub;
  }
  void add_images(CLI::App* verb, std::string& images) {
    verb->add_option("--images", images, "Store of base images: fills in what they run by default")
        ->envname("GODWIT_IMAGES");
  }

  void add_spec_verbs() {
    Parsed& p = parsed;
    if (auto* verb = add("apply", "Make groups, or change them, as a spec file says",
                         [this](Session& s) { return apply(s, program_, parsed.apply); })) {
      verb->add_option("-f,--file", p.apply.file, "The spec; - is standard input")->required();
      verb->add_flag("--dry-run", p.apply.dry_run, "Check it, change nothing");
      add_images(verb, p.apply.images);
    }
    if (auto* verb = add("plan", "Show what the planner would do now, or if a spec were applied",
                         [this](Session& s) { return plan(s, program_, parsed.apply); })) {
      verb->add_option("-f,--file", p.apply.file, "The spec; - is standard input")->check(kNamed);
      add_images(verb, p.apply.images);
    }
    if (auto* verb = add("run", "Run an image as a new group: run IMAGE [flags] -- COMMAND",
                         [this](Session& s) {
                           parsed.run.command = parsed.command;
                           return run_image(s, program_, parsed.run);
                         })) {
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
    if (auto* verb = add("delete", "Delete a group and its guests",
                         [this](Session& s) { return delete_group(s, parsed.name); }))
      verb->add_option("group", p.name, "Its name")->required()->check(kNamed);
  }

  void add_reading_verbs() {
    Parsed& p = parsed;
    if (auto* verb = add("get", "List groups, guests, nodes, events, moves, offerings or intents",
                         [this](Session& s) {
                           return parsed.watch ? watch(s, parsed.wanted) : get(s, parsed.wanted);
                         }))
      add_get_flags(verb, p.wanted);
    if (auto* verb =
            add("describe", "Show all of one group, guest or node with its events, or of one move",
                [this](Session& s) { return describe(s, parsed.kind, parsed.name); })) {
      verb->add_option("kind", p.kind, "group, guest, node or move")
          ->required()
          ->check(CLI::IsMember({"group", "guest", "node", "move"}));
      verb->add_option("name", p.name, "Its name; a move's number")->required()->check(kNamed);
    }
    if (auto* verb = add("savings", "Show what was paid, and what on-demand would have cost",
                         [this](Session& s) { return savings(s, parsed.verbose); }))
      verb->add_flag("-v,--verbose", p.verbose, "Each instance too");
  }

  void add_get_flags(CLI::App* verb, Wanted& wanted) {
    verb->add_option("kind", wanted.kind,
                     "groups, guests, nodes, events, moves, offerings or intents")
        ->required()
        ->check(CLI::IsMember(
            {"groups", "guests", "nodes", "events", "moves", "offerings", "intents"}));
    auto* name = verb->add_option("name", wanted.name, "Only this one; moves: only of this guest")
                     ->check(kNamed);
    auto* group =
        verb->add_option("--group", wanted.group, "Guests or events of this group")->check(kNamed);
    auto* guest = verb->add_option("--guest", wanted.guest, "Events of this guest")->check(kNamed);
    auto* node = verb->add_option("--node", wanted.node, "Events of this node")->check(kNamed);
    auto* limit = verb->add_option("--limit", wanted.limit, "The newest so many events or moves")
                      ->check(CLI::Range(1U, kLimitMax))
                      ->capture_default_str();
    auto* watch = verb->add_flag("--watch", parsed.watch, "Then print each change");
    watch->excludes(name);
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
    verb->parse_complete_callback([this, flags, group] {
      const std::string& kind = parsed.wanted.kind;
      for (const auto& [option, kinds] : flags)
        if (option->count() > 0 && !kinds.contains(kind))
          throw CLI::ValidationError(option->get_name(), "not for " + kind + ": leave it out");
      // Of a guest that goes only the name is told.
      if (parsed.watch && kind == "guests" && group->count() > 0)
        throw CLI::ValidationError("--group", "not with --watch: leave one of them out");
    });
  }

  void add_moving_verbs() {
    Parsed& p = parsed;
    if (auto* verb = add("migrate", "Move a guest to a node, live",
                         [this](Session& s) { return migrate(s, parsed.name, parsed.to); })) {
      verb->add_option("guest", p.name, "Its name")->required()->check(kNamed);
      verb->add_option("--to", p.to, "A node")->required()->check(kNamed);
    }
    if (auto* verb = add("cordon", "Place no more guests on a node",
                         [this](Session& s) { return cordon(s, parsed.name); }))
      verb->add_option("node", p.name, "Its name")->required()->check(kNamed);
    if (auto* verb = add("uncordon", "Place guests on a node again",
                         [this](Session& s) { return uncordon(s, parsed.name); }))
      verb->add_option("node", p.name, "Its name")->required()->check(kNamed);
    if (auto* verb = add("drain", "Cordon a node and move its guests away",
                         [this](Session& s) { return drain(s, parsed.name, parsed.dry_run); })) {
      verb->add_option("node", p.name, "Its name")->required()->check(kNamed);
      verb->add_flag("--dry-run", p.dry_run, "Show the moves, do nothing");
    }
  }

  void add_guest_verbs() {
    Parsed& p = parsed;
    if (auto* verb = add("logs", "Print what a guest's container wrote",
                         [this](Session& s) { return logs(s, parsed.name, parsed.from); })) {
      verb->add_option("guest", p.name, "Its name")->required()->check(kNamed);
      verb->add_option("--from", p.from, "Number of the first line")->capture_default_str();
    }
    if (auto* verb = add("exec", "Run a program beside a guest's container: exec GUEST -- COMMAND",
                         [this](Session& s) {
                           return exec(s, parsed.name, parsed.command, parsed.timeout_ms);
                         })) {
      verb->add_option("guest", p.name, "Its name")->required()->check(kNamed);
      verb->add_option("command", p.command, "What to run, after --")->required();
      verb->add_option("--timeout-ms", p.timeout_ms, "Then it is killed")
          ->check(CLI::PositiveNumber)
          ->capture_default_str();
    }
  }

  const Program& program_;
  CLI::App app_;
};

int report(const Error& error, std::ostream& err) {
  err << "godwit: " << error.message << '\n';
  return exit_status(error.code);
}

}  // namespace

int run(const Program& program, const std::vector<std::string>& args, std::istream& in,
        std::ostream& out, std::ostream& err) {
  if (!args.empty())
    for (const Local& local : program.locals)
      if (local.name == args[0]) return local.run({args.begin() + 1, args.end()});
  Parser parser{program};
  if (!args.empty() && !args[0].starts_with('-') &&
      parser.app()
          .get_subcommands([&](const CLI::App* verb) { return verb->get_name() == args[0]; })
          .empty()) {
    err << std::format("godwit: no verb '{}': see `godwit --help`\n", args[0]);
    return kUsage;
  }
  try {
    std::vector<std::string> reversed(args.rbegin(), args.rend());
    parser.app().parse(reversed);
  } catch (const CLI::ParseError& e) {
    return parser.app().exit(e, out, err) == 0 ? kDone : kUsage;
  }
  if (parser.version) {
    out << "godwit " << program.version << '\n';
    return kDone;
  }
  auto client = Client::make(parser.parsed.target);
  if (!client) {
    err << "godwit: " << client.error().message << '\n';
    return kBadConfiguration;
  }
  Session session{*std::move(client), parser.parsed.output == "json", in, out, err};
  const Result<int> status = parser.parsed.verb(session);
  return status ? *status : report(status.error(), err);
}

}  // namespace godwit::cli
