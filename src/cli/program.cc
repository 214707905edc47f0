#include "cli/program.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <format>

#include "cli/exit_status.h"
#include "cli/parser.h"

namespace godwit::cli {
namespace {

constexpr const char* kFooter =
    "Each verb's --help has its options and examples. Ends with 0 done, 1 refused as things are,\n"
    "4 not found, 64 wrong usage, 65 wrong input, 66 file cannot be read, 69 nobody answers,\n"
    "75 try again, 77 not permitted, 78 wrong configuration or credentials.";

void add_all(CLI::App& app, const Program& program, Parsed& parsed) {
  app.require_subcommand(1);
  app.footer(kFooter);
  app.add_option("--server", parsed.target.server, "The control plane, HOST:PORT")
      ->envname("GODWIT_SERVER")
      ->capture_default_str();
  app.add_option("--credentials", parsed.target.credentials,
                 "Directory with ca.pem, user.pem and user.key")
      ->envname("GODWIT_CREDENTIALS");
  add_host_verbs(app, program, parsed);
  add_api_verbs(app, program, parsed);
  add_verb(app, "About", {"version", "Print the version", "  godwit version"})->callback([&] {
    parsed.local = [&](std::ostream& out) -> Result<int> {
      out << "godwit " << program.version << '\n';
      return kDone;
    };
  });
}

int refuse(const CLI::App& app, const CLI::ParseError& error, std::ostream& err) {
  // Of `godwit cloud price` if the mistake is in that verb's words.
  const CLI::App* verb = &app;
  std::string words = app.get_name();
  std::vector<std::string> extra = app.remaining();  // Also of verbs that pass words on.
  for (auto subs = app.get_subcommands(); !subs.empty(); subs = verb->get_subcommands()) {
    verb = subs.front();
    words += " " + verb->get_name();
    if (extra.empty()) extra = verb->remaining();
  }
  std::string what = error.what();
  std::erase(extra, "--");
  if (!extra.empty() && verb->get_require_subcommand_min() > 0)
    what = std::format("no command '{}'", extra.front());
  else if (!extra.empty() && dynamic_cast<const CLI::ExtrasError*>(&error))
    what = std::format("'{}' is not expected", extra.front());  // The library tells them backwards.
  std::ranges::replace(what, '\n', ' ');
  err << std::format("{}: {}: see `{} --help`\n", words, what, words);
  return kUsage;
}

int report(const Error& error, std::ostream& err) {
  err << "godwit: " << error.message << '\n';
  return exit_status(error.code);
}

int ask_control_plane(const Parsed& parsed, std::istream& in, std::ostream& out,
                      std::ostream& err) {
  auto client = Client::make(parsed.target);
  if (!client) {
    err << "godwit: " << client.error().message << '\n';
    return kBadConfiguration;
  }
  Session session{*std::move(client), parsed.output == "json", in, out, err};
  const Result<int> status = parsed.verb(session);
  return status ? *status : report(status.error(), err);
}

}  // namespace

CLI::App* add_verb(CLI::App& app, const char* group, const VerbText& text) {
  CLI::App* const verb = app.add_subcommand(text.name, text.sentence);
  verb->group(group);
  verb->footer(std::format("For example:\n{}", text.examples));
  return verb;
}

void add_output(CLI::App& verb, Parsed& parsed) {
  verb.add_option("-o,--output", parsed.output, "table or json")
      ->check(CLI::IsMember({"table", "json"}));
}

CLI::Option* named(CLI::Option* option) {
  static const CLI::Validator kNamed{
      [](std::string& text) { return std::string{text.empty() ? "is empty: name it" : ""}; }, ""};
  return option->check(kNamed);
}

int run(const Program& program, const std::vector<std::string>& args, std::istream& in,
        std::ostream& out, std::ostream& err) {
  Parsed parsed;
  CLI::App app("Runs containers on spot instances and moves them live.", "godwit");
  add_all(app, program, parsed);
  if (!args.empty() && !args[0].starts_with('-') &&
      app.get_subcommands([&](const CLI::App* verb) { return verb->get_name() == args[0]; })
          .empty()) {
    err << std::format("godwit: no verb '{}': see `godwit --help`\n", args[0]);
    return kUsage;
  }
  try {
    std::vector<std::string> reversed(args.rbegin(), args.rend());
    app.parse(reversed);
  } catch (const CLI::Success& asked) {  // --help.
    return app.exit(asked, out, err);
  } catch (const CLI::ParseError& error) {
    return refuse(app, error, err);
  }
  if (!parsed.local) return ask_control_plane(parsed, in, out, err);
  const Result<int> status = parsed.local(out);
  return status ? *status : report(status.error(), err);
}

}  // namespace godwit::cli
