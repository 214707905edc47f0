// What the operator of a local cloud says to it (localcloud/admin.h), and its answers as text.
#include <algorithm>
#include <charconv>
#include <format>
#include <optional>

#include "cli/exit_status.h"
#include "cli/parser.h"
#include "cli/table.h"

namespace godwit::cli {
namespace {

using json::Value;

constexpr const char* kAuto = "auto";

// TYPE/ZONE; with `on_demand` also TYPE/ZONE/on-demand.
bool is_pool(std::string pool, bool on_demand) {
  constexpr std::string_view kEnd = "/on-demand";
  if (on_demand && pool.ends_with(kEnd)) pool.resize(pool.size() - kEnd.size());
  return std::ranges::count(pool, '/') == 1 && !pool.starts_with('/') && !pool.ends_with('/');
}

Status add_price(Value& request, const CloudCommand& command) {
  if (!is_pool(command.pool, false))
    return invalid(
        std::format("pool: '{}' is no pool: write TYPE/ZONE, c5.large/us-east-1a", command.pool));
  if (command.value != kAuto && !parse_dollars(command.value))
    return invalid(
        std::format("usd: '{}' is no amount of dollars: write dollars per hour, 0.012, "
                    "or auto",
                    command.value));
  request.set("pool", command.pool).set("usd", command.value);
  return {};
}

Status add_capacity(Value& request, const CloudCommand& command) {
  if (!is_pool(command.pool, true))
    return invalid(
        std::format("pool: '{}' is no pool: write TYPE/ZONE, c5.large/us-east-1a, or "
                    "TYPE/ZONE/on-demand",
                    command.pool));
  std::uint32_t count = 0;
  const char* const end = command.value.data() + command.value.size();
  const auto [stop, error] = std::from_chars(command.value.data(), end, count);
  if (command.value != kAuto && (stop != end || error != std::errc{}))
    return invalid(
        std::format("count: '{}' is no number of instances: write digits, or auto", command.value));
  request.set("pool", command.pool);
  request.set("count", command.value == kAuto ? Value(kAuto) : Value(count));
  return {};
}

Result<Value> request_of(const CloudCommand& command) {
  Value request;
  request.set("command", command.name);
  if (command.name == "price") TRY(add_price(request, command));
  if (command.name == "capacity") TRY(add_capacity(request, command));
  if (!command.instance.empty()) request.set("instance", command.instance);
  if (command.name == "reclaim") request.set("notice", !command.without_notice);
  if (command.name == "exec")
    request.set("argv", Value::Array(command.arguments.begin(), command.arguments.end()));
  return request;
}

Error error_of(const Value& answer) {
  const std::string said = answer["code"].text();
  Error error{Code::kFailedPrecondition, answer["error"].text()};
  for (int code = 0; code <= static_cast<int>(Code::kInternal); ++code)
    if (name(static_cast<Code>(code)) == said) error.code = static_cast<Code>(code);
  return error;
}

std::string dollars_of(const Value& text) {
  const auto micro_usd = parse_dollars(text.text());
  return micro_usd ? dollars(*micro_usd) : "";
}

std::string count_text(const Value& count) {
  return count.is_integer() ? std::to_string(count.integer()) : count.text();
}

void print_status(std::ostream& out, const Value& answer) {
  std::vector<Row> rows;
  for (const Value& i : answer["instances"].array())
    rows.push_back({i["instance"].text(), i["type"].text(), i["zone"].text(), i["lifecycle"].text(),
                    i["state"].text(), i["address"].text(), i["launched"].text(),
                    dollars_of(i["max_usd"]), i["goes_at"].text()});
  print_table(out,
              {"INSTANCE", "TYPE", "ZONE", "LIFECYCLE", "STATE", "ADDRESS", "LAUNCHED", "MAX $/H",
               "GOES AT"},
              rows);
  rows.clear();
  for (const Value& p : answer["pools"].array())
    rows.push_back(
        {p["type"].text(), p["zone"].text(), dollars_of(p["usd"]), count_text(p["capacity"])});
  out << '\n';
  print_table(out, {"TYPE", "ZONE", "$/H", "CAPACITY"}, rows);
  if (answer.has("network"))
    out << std::format("\npackets dropped: {} by source check, {} by destination check\n",
                       count_text(answer["network"]["dropped_by_source_check"]),
                       count_text(answer["network"]["dropped_by_destination_check"]));
}

void print_bill(std::ostream& out, const Value& answer) {
  std::vector<Row> rows;
  for (const Value& i : answer["items"].array())
    rows.push_back({i["instance"].text(), i["lifecycle"].text(), i["type"].text(), i["zone"].text(),
                    i["start"].text(), i["end"].text(), std::to_string(i["seconds"].integer()),
                    exact_dollars(i["micro_usd"].integer()),
                    i["ended_by_cloud"].boolean() ? "cloud" : ""});
  print_table(
      out, {"INSTANCE", "LIFECYCLE", "TYPE", "ZONE", "START", "END", "SECONDS", "USD", "ENDED BY"},
      rows);
  out << std::format("\ntotal: {} USD at {}\n", exact_dollars(answer["total_micro_usd"].integer()),
                     answer["time"].text());
}

void print(std::ostream& out, const CloudCommand& command, const Value& answer) {
  if (command.name == "status") {
    print_status(out, answer);
  } else if (command.name == "bill") {
    print_bill(out, answer);
  } else if (command.name == "price") {
    out << std::format("pool {}: price {} from {}\n", command.pool, command.value,
                       answer["from"].text());
  } else if (command.name == "capacity") {
    out << std::format("pool {}: capacity {}\n", command.pool, command.value);
  } else if (command.name == "reclaim") {
    out << std::format("instance {}: reclaimed {} notice\n", command.instance,
                       command.without_notice ? "without" : "with");
  } else {
    out << std::format("instance {}: killed\n", command.instance);
  }
}

}  // namespace

Result<int> run_cloud_command(const Program& program, const CloudCommand& command, bool json,
                              std::ostream& out) {
  ASSIGN_OR_RETURN(const Value request, request_of(command));
  ASSIGN_OR_RETURN(const Value answer, program.host.ask_cloud(command.socket, request));
  if (answer.has("error")) return std::unexpected(error_of(answer));
  if (command.name == "exec") {
    out << answer["output"].text();
    return static_cast<int>(answer["exit"].integer(kInternal));
  }
  if (json)
    out << answer.dump() << '\n';
  else
    print(out, command, answer);
  return kDone;
}

}  // namespace godwit::cli
