// apply, plan and run: specs to the control plane.
#include <algorithm>
#include <format>
#include <iterator>

#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/file.h"
#include "cli/show.h"
#include "cli/spec.h"
#include "godwit/v1/services.grpc.pb.h"

namespace godwit::cli {
namespace {

Result<std::string> read_all(const std::string& file, std::istream& in) {
  if (file == "-") return std::string{std::istreambuf_iterator<char>(in), {}};
  auto text = read_text(file);
  if (!text) return not_found(std::format("{}: cannot be read: check the path", file));
  return *std::move(text);
}

// What the spec leaves out is taken from the image.
Status complete(const Program& program, const std::string& images, v1::GroupSpec& spec) {
  if (images.empty() || !program.image_defaults || spec.image().empty()) return {};
  ASSIGN_OR_RETURN(const auto image,
                   in_context("image", program.image_defaults(images, spec.image())));
  if (spec.command_size() == 0)
    for (const auto& word : image.argv) spec.add_command(word);
  for (const auto& line : image.env) {
    const auto equals = std::min(line.find('='), line.size());
    const std::string name = line.substr(0, equals);
    if (equals < line.size() && !spec.env().contains(name))
      (*spec.mutable_env())[name] = line.substr(equals + 1);
  }
  if (spec.cwd().empty()) spec.set_cwd(image.cwd);
  if (!spec.has_user()) {
    spec.mutable_user()->set_uid(image.uid);
    spec.mutable_user()->set_gid(image.gid);
  }
  return {};
}

Status send(Session& s, const v1::ApplyGroupRequest& request, bool tell = true) {
  const v1::GroupSpec& spec = request.spec();
  v1::Group group;
  TRY(s.client.call(v1::Groups::NewStub(s.client.channel()), &v1::Groups::Stub::Apply, request,
                    group));
  if (!tell) return {};
  if (s.json)
    s.out << json(group);
  else
    s.out << std::format("group {}: {}, revision {}, {}\n", spec.name(),
                         request.dry_run() ? "would be applied" : "applied", group.revision(),
                         count_of(group.spec().count(), "guest"));
  return {};
}

using Specs = std::vector<std::pair<v1::GroupSpec, SpecPlaces>>;

Status send_all(Session& s, const Specs& specs, bool dry_run, bool tell) {
  for (const auto& [spec, places] : specs) {
    v1::ApplyGroupRequest request;
    *request.mutable_spec() = spec;
    request.set_dry_run(dry_run);
    const Status status = send(s, request, tell);
    if (status) continue;
    const bool about_spec = status.error().code == Code::kInvalidArgument;
    return std::unexpected(about_spec ? places.locate(status.error()) : status.error());
  }
  return {};
}

// "8080:80" or "80".
Status add_port(const std::string& text, v1::GroupSpec& spec) {
  const auto colon = text.find(':');
  const std::string inside = colon == std::string::npos ? text : text.substr(colon + 1);
  const std::string outside = colon == std::string::npos ? text : text.substr(0, colon);
  const auto number = [](const std::string& digits) {
    const bool good = !digits.empty() && digits.size() <= 5 &&
                      digits.find_first_not_of("0123456789") == std::string::npos;
    return good ? std::stoul(digits) : 0UL;
  };
  if (!number(inside) || !number(outside))
    return invalid(std::format("--publish: '{}' is no port: write PUBLISHED:PORT, 8080:80", text));
  v1::Port& port = *spec.add_ports();
  port.set_port(static_cast<std::uint32_t>(number(inside)));
  port.set_published(static_cast<std::uint32_t>(number(outside)));
  return {};
}

// Words of the command line may be any bytes; strings of the API are UTF-8.
Status check_words(std::string_view flag, const std::vector<std::string>& words) {
  for (const auto& word : words)
    if (!is_utf8(word)) return invalid(std::format("{}: is not UTF-8: write it so", flag));
  return {};
}

Result<v1::GroupSpec> spec_of(const RunFlags& flags) {
  TRY(check_words("image", {flags.image}));
  TRY(check_words("--name", {flags.name.value_or("")}));
  TRY(check_words("--env", flags.env));
  TRY(check_words("command", flags.command));
  constexpr std::size_t kPart = 8;
  v1::GroupSpec spec;
  spec.set_name(flags.name.value_or("run-" + flags.image.substr(0, kPart)));
  spec.set_image(flags.image);
  spec.set_count(flags.count);
  if (flags.memory_mib) spec.set_memory_mib(*flags.memory_mib);
  if (flags.vcpus) spec.set_vcpus(*flags.vcpus);
  for (const auto& word : flags.command) spec.add_command(word);
  for (const auto& line : flags.env) {
    const auto equals = line.find('=');
    if (equals == std::string::npos || equals == 0)
      return invalid(std::format("--env: '{}' has no name: write NAME=VALUE", line));
    (*spec.mutable_env())[line.substr(0, equals)] = line.substr(equals + 1);
  }
  for (const auto& text : flags.publish) TRY(add_port(text, spec));
  if (flags.maximum_price) {
    const auto micro_usd = parse_dollars(*flags.maximum_price);
    if (!micro_usd)
      return invalid(
          std::format("--max-price: '{}' is no amount of dollars: write dollars per hour, 0.012",
                      *flags.maximum_price));
    spec.set_maximum_price_micro_usd_per_hour(*micro_usd);
  }
  if (flags.restart == "always") spec.set_restart(v1::GroupSpec::ALWAYS);
  if (flags.restart == "on-failure") spec.set_restart(v1::GroupSpec::ON_FAILURE);
  if (flags.restart == "never") spec.set_restart(v1::GroupSpec::NEVER);
  return spec;
}

// Of the file's text. All are read before the first is sent: a mistake in the third changes
// nothing.
Result<Specs> read_specs(const std::string& text, const Program& program, const ApplyFlags& flags) {
  const std::string shown = flags.file == "-" ? "(stdin)" : flags.file;
  ASSIGN_OR_RETURN(const auto documents, split_specs(shown, text));
  Specs specs(documents.size());
  for (std::size_t i = 0; i < documents.size(); ++i) {
    auto& [spec, places] = specs[i];
    ASSIGN_OR_RETURN(places, read_spec(shown, documents[i], spec));
    if (const Status status = complete(program, flags.images, spec); !status)
      return std::unexpected(places.locate(status.error()));
  }
  return specs;
}

int unread(Session& s, const Error& error) {
  s.err << "godwit: " << error.message << '\n';
  return kNoInput;
}

}  // namespace

Result<int> apply(Session& s, const Program& program, const ApplyFlags& flags) {
  const auto text = read_all(flags.file, s.in);
  if (!text) return unread(s, text.error());
  ASSIGN_OR_RETURN(const Specs specs, read_specs(*text, program, flags));
  // The server has rules too: it tries all before the first of several is done.
  if (specs.size() > 1 && !flags.dry_run) TRY(send_all(s, specs, true, false));
  TRY(send_all(s, specs, flags.dry_run, true));
  return kDone;
}

Result<int> plan(Session& s, const Program& program, const ApplyFlags& flags) {
  v1::GetPlanRequest request;
  if (!flags.file.empty()) {
    const auto text = read_all(flags.file, s.in);
    if (!text) return unread(s, text.error());
    ASSIGN_OR_RETURN(const Specs specs, read_specs(*text, program, flags));
    for (const auto& [spec, places] : specs) *request.add_specs() = spec;
  }
  v1::Plan plan;
  TRY(s.client.call(v1::Plans::NewStub(s.client.channel()), &v1::Plans::Stub::Get, request, plan));
  if (s.json)
    s.out << json(plan);
  else
    print_plan(s.out, plan);
  return kDone;
}

Result<int> run_image(Session& s, const Program& program, const RunFlags& flags) {
  ASSIGN_OR_RETURN(auto spec, spec_of(flags));
  TRY(complete(program, flags.images, spec));
  v1::ApplyGroupRequest request;
  *request.mutable_spec() = std::move(spec);
  request.set_new_only(true);
  TRY(send(s, request));
  return kDone;
}

}  // namespace godwit::cli
