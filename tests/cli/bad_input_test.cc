// Bad specs and flags, by tables: each is refused with its status and one error that says what,
// where and how to fix it, prints nothing else, and no change reaches the control plane.
#include <gtest/gtest.h>

#include <algorithm>

#include "stage.h"

namespace godwit::golden {
namespace {

const std::string kImage(64, 'a');

// Whether anything was asked that could change something.
bool changed(const Stage& stage) {
  return std::ranges::any_of(stage.control().offered(), [](const ports::RequestBody& asked) {
    if (const auto* apply = std::get_if<ports::ApplyGroup>(&asked)) return !apply->dry_run;
    return !std::holds_alternative<ports::ListGroups>(asked) &&
           !std::holds_alternative<ports::ListGuests>(asked) &&
           !std::holds_alternative<ports::ListNodes>(asked) &&
           !std::holds_alternative<ports::ListEvents>(asked) &&
           !std::holds_alternative<ports::ListMoves>(asked);
  });
}

struct BadSpec {
  std::string text;   // Behind three good lines, so its first line is the fourth.
  std::string start;  // "LINE:COLUMN: FIELD: ", or the place only.
  std::string fix;    // Part of the remedy.
};

const BadSpec kBadFields[] = {
    {"nmae: y", "4:1: nmae: ", "did you mean name?"},
    {"qqqqqqqq: y", "4:1: qqqqqqqq: ", "use one of name, count"},
    {"count: many", "4:8: count: ", "write digits"},
    {"count: -1", "4:8: count: ", "write digits"},
    {"count: 1.0", "4:8: count: ", "write digits"},
    {"count: 0x10", "4:8: count: ", "write digits"},
    {"count: 4294967296", "4:8: count: ", "at most 4294967295"},
    {"count: 10001", "4:8: count: ", "use 0 to 10000"},
    {"count: [1]", "4:8: count: ", "write one value"},
    {"count: ~", "4:8: count: ", "leave it out"},
    {"memory_mib: 63", "4:13: memory_mib: ", "use 64 to 1048576 MiB"},
    {"memory_mib: 0", "4:13: memory_mib: ", "use 64 to 1048576 MiB"},
    {"memory_mib: 1048577", "4:13: memory_mib: ", "use 64 to 1048576 MiB"},
    {"memory_mib: 256Mi", "4:13: memory_mib: ", "write digits"},
    {"vcpus: 0", "4:8: vcpus: ", "use 1 to 128"},
    {"vcpus: 129", "4:8: vcpus: ", "use 1 to 128"},
    {"vcpus: 0.5", "4:8: vcpus: ", "write digits"},
    {"maximum_price: 0", "4:16: maximum_price: ", "like 0.012"},
    {"maximum_price: -0.1", "4:16: maximum_price: ", "dollars per hour"},
    {"maximum_price: $1", "4:16: maximum_price: ", "dollars per hour"},
    {"maximum_price: 0,012", "4:16: maximum_price: ", "dollars per hour"},
    {"maximum_price: 1e-3", "4:16: maximum_price: ", "dollars per hour"},
    {"maximum_price: nan", "4:16: maximum_price: ", "dollars per hour"},
    {"maximum_price: 0.0000001", "4:16: maximum_price: ", "at most six decimals"},
    {"maximum_price: 9999999999", "4:16: maximum_price: ", "dollars per hour"},
    {"maximum_price_micro_usd_per_hour: 5",
     "4:1: maximum_price_micro_usd_per_hour: ", "use one of"},
    {"spread: rack", "4:9: spread: ", "none, node, pool, zone"},
    {"spread: NODE", "4:9: spread: ", "none, node, pool, zone"},
    {"restart: sometimes", "4:10: restart: ", "always, on-failure, never"},
    {"egress: none", "4:9: egress: ", "gateway, from-node"},
    {"egress: from-node", "4:9: egress: ", "leave it out"},
    {"above_maximum: stop", "4:16: above_maximum: ", "leave it out"},
    {"update: rolling", "4:9: update: ", "leave it out"},
    {"update: blue-green", "4:9: update: ", "recreate, rolling"},
    {"volumes: [{name: v, path: /v}]", "4:10: volumes: ", "leave it out"},
    {"disruption: {guests_max: 1}", "4:26: disruption.guests_max: ", "leave it out"},
    {"disruption: {windows: [Sat]}", "4:23: disruption.windows: ", "leave it out"},
    {"health: {}", "4:9: health: ", "leave health out"},
    {"health: 5", "4:9: health: ", "KEY: VALUE"},
    {"health: {tcp_port: 80, command: [x]}", "4:9: health: ", "use one of them"},
    {"health: {command: []}", "4:9: health: ", "name one"},
    {"health: {tcp_port: 65536}", "4:20: health.tcp_port: ", "use 1 to 65535"},
    {"health: {tcp_port: 80, failures: 0}", "4:9: health: ", "at least 1"},
    {"health: {tcp_port: 80, interval_ms: 0}", "4:9: health: ", "at least 1"},
    {"health:\n  tcp_port: 80\n  timeout: 5", "6:3: health.timeout: ", "timeout_ms"},
    {"ports: 80", "4:8: ports: ", "[a, b]"},
    {"ports: [80]", "4:9: ports[0]: ", "KEY: VALUE"},
    {"ports: [{published: 80}]", "4:9: ports[0]: ", "use 1 to 65535"},
    {"ports:\n  - {port: 80}\n  - {port: 65536}", "6:5: ports[1]: ", "use 1 to 65535"},
    {"ports:\n  - {port: 80}\n  - {port: 80}", "6:5: ports[1]: ", "each port once"},
    {"ports:\n  - {port: 80, published: 1}\n  - {port: 81, published: 1}",
     "6:5: ports[1]: ", "give each its own"},
    {"ports:\n  - {port: 80, publish: 1}", "5:16: ports[0].publish: ", "published"},
    {"env: [A=b]", "4:6: env: ", "NAME: VALUE"},
    {"env: {A: [b]}", "4:10: env.A: ", "write one value"},
    {"env: {'A=B': c}", "4:14: env.A=B: ", "move it to the value"},
    {"env: {'': c}", "4:11: env.: ", "NAME: VALUE"},
    {"env: {A: \"b\xff\"}", "", "UTF-8"},
    {"cwd: tmp", "4:6: cwd: ", "begin it with '/'"},
    {"user: 5", "4:7: user: ", "KEY: VALUE"},
    {"user: {uid: root}", "4:13: user.uid: ", "write digits"},
    {"zones: {allow: [a], deny: [a]}", "4:8: zones: ", "out of one list"},
    {"zones: {allow: [a]}\nspread: zone\ncount: 2", "5:9: spread: ", "allow more zones"},
    {"zones: [a]", "4:8: zones: ", "KEY: VALUE"},
    {"name: twice", "4:1: ", "write it once"},
    {"env: {A: b", "", "bracket"},
    {"env:\n\tA: b", "5:", "tab"},
    {"cwd: &a /x", "4:6: ", "leave it out"},
    {"cwd: *a", "4:6: ", "look there"},
    {"env:\n  ? [a]\n  : b", "5:", "write KEY: VALUE"},
    {"cwd: !!str /x", "4:", "leave it out"},
};

void expect_refused(Stage& stage, const std::string& spec, const std::string& start,
                    const std::string& fix) {
  stage.write("spec.yaml", spec);
  const std::string said = stage.run({"apply", "-f", "spec.yaml"});
  EXPECT_TRUE(said.starts_with("! godwit: spec.yaml:" + start)) << start << " for\n" << said;
  EXPECT_TRUE(said.ends_with("\n=> 65\n")) << said;
  EXPECT_EQ(std::ranges::count(said, '\n'), 2) << said;
  EXPECT_TRUE(said.contains(fix)) << fix << " not in\n" << said;
  EXPECT_FALSE(changed(stage)) << said;
}

TEST(CliBadInput, AFieldIsRefusedAtItsPlace) {
  Stage stage;
  const std::string good = "name: web\nimage: " + kImage + "\ncommand: [x]\n";
  for (const BadSpec& bad : kBadFields)
    expect_refused(stage, good + bad.text + "\n", bad.start, bad.fix);
  // The table is not refused for its first lines.
  stage.write("spec.yaml", good);
  EXPECT_EQ(stage.run({"apply", "-f", "spec.yaml"}),
            "group web: applied, revision 1, 1 guest\n=> 0\n");
}

TEST(CliBadInput, AFileIsRefusedAsAWhole) {
  Stage stage;
  const std::string rest = "\nimage: " + kImage + "\ncommand: [x]\n";
  const BadSpec whole[] = {
      {"", "1:1: ", "write name, image, command"},
      {"# only this\n---\n", "1:1: ", "write name, image, command"},
      {"- a\n", "1:1: spec: ", "KEY: VALUE"},
      {"just text\n", "1:1: spec: ", "KEY: VALUE"},
      {"image: " + kImage + "\ncommand: [x]\n", "1:1: name: ", "use 1 to 50"},
      {"name: web\ncommand: [x]\n", "1:1: image: ", "godwit image import"},
      {"name: web\nimage: " + kImage + "\n", "1:1: command: ", "as a list"},
      {"name: web\nimage: " + kImage + "\ncommand: []\n", "3:10: command: ", "as a list"},
      {"name: web\nimage: " + kImage + "\ncommand: ['']\n", "3:10: command: ", "as a list"},
      {"name: Web" + rest, "1:7: name: ", "use 1 to 50"},
      {"name: web-" + rest, "1:7: name: ", "use 1 to 50"},
      {"name: 1web" + rest, "1:7: name: ", "use 1 to 50"},
      {"name: a/../b" + rest, "1:7: name: ", "use 1 to 50"},
      {"name: " + std::string(51, 'a') + rest, "1:7: name: ", "use 1 to 50"},
      {"name: web\nimage: redis:7\ncommand: [x]\n", "2:8: image: ", "godwit image import"},
      {"name: web\nimage: " + std::string(64, 'A') + "\ncommand: [x]\n", "2:8: image: ", "hex"},
      {"? [a]\n: b\n", "1:", ": "},
      {std::string(100, '[') + "\n", "1:", ": "},
      {std::string("name: a\0b", 9) + rest, "1:", ": "},
      // The second of two: the first is not applied either, whoever finds the mistake.
      {"name: one" + rest + "---\nname: two" + rest + "vcpus: x\n", "8:8: vcpus: ", "digits"},
      {"name: one" + rest + "---\nname: two" + rest + "vcpus: 0\n", "8:8: vcpus: ", "use 1 to"},
  };
  for (const BadSpec& bad : whole) expect_refused(stage, bad.text, bad.start, bad.fix);
}

struct BadWords {
  std::vector<std::string> words;
  int status;
  std::string what, fix;  // Parts of the error: the flag or field, and the remedy.
};

std::vector<std::string> run(std::vector<std::string> flags) {
  std::vector<std::string> words{"run", kImage};
  words.insert(words.end(), flags.begin(), flags.end());
  words.insert(words.end(), {"--", "x"});
  return words;
}

const BadWords kBadWords[] = {
    {{}, 64, "subcommand", "--help"},
    {{"fly"}, 64, "'fly'", "--help"},
    {{"--fly"}, 64, "", "--help"},
    {{"run"}, 64, "image", "--help"},
    {{"run", "redis", "--", "x"}, 65, "image: ", "godwit image import"},
    {{"run", kImage}, 65, "command: ", "name the program"},
    {{"run", kImage, "--images", "nowhere"}, 4, "image: ", "nowhere"},
    {run({"--name", "Web"}), 65, "name: ", "use 1 to 50"},
    {run({"--name", ""}), 65, "name: ", "use 1 to 50"},
    {run({"--name", "a\xff"}), 65, "--name: ", "UTF-8"},
    {run({"--count", "x"}), 64, "--count", "--help"},
    {run({"--count", "-1"}), 64, "--count", "--help"},
    {run({"--count", "10001"}), 65, "count: ", "use 0 to 10000"},
    {run({"--memory-mib", "1"}), 65, "memory_mib: ", "use 64 to"},
    {run({"--memory-mib", "0"}), 65, "memory_mib: ", "use 64 to"},
    {run({"--vcpus", "0"}), 65, "vcpus: ", "use 1 to 128"},
    {run({"--env", "x"}), 65, "--env: ", "NAME=VALUE"},
    {run({"--env", "=x"}), 65, "--env: ", "NAME=VALUE"},
    {run({"--env", "A=\xff"}), 65, "--env: ", "UTF-8"},
    {run({"--publish", "x"}), 65, "--publish: ", "8080:80"},
    {run({"--publish", "80:"}), 65, "--publish: ", "8080:80"},
    {run({"--publish", "1:2:3"}), 65, "--publish: ", "8080:80"},
    {run({"--publish", "70000"}), 65, "ports[0]: ", "use 1 to 65535"},
    {run({"--publish", "80", "--publish", "81:80"}), 65, "ports[1]: ", "each port once"},
    {run({"--max-price", "cheap"}), 65, "--max-price: ", "0.012"},
    {run({"--max-price="}), 65, "--max-price: ", "0.012"},
    {run({"--max-price=-1"}), 65, "--max-price: ", "0.012"},
    {run({"--max-price", "0"}), 65, "maximum_price: ", "0.012"},
    {run({"--restart", "sometimes"}), 64, "--restart: ", "always,on-failure,never"},
    {run({"--output", "xml"}), 64, "--output: ", "table,json"},
    {{"apply"}, 64, "--file", "--help"},
    {{"apply", "-f", "none.yaml"}, 66, "none.yaml: ", "check the path"},
    {{"apply", "-f", "/"}, 66, "/: ", "check the path"},
    {{"get"}, 64, "kind", "--help"},
    {{"get", "pods"}, 64, "kind: pods", "groups,guests,nodes"},
    {{"get", "guests", ""}, 64, "name: ", "name it"},
    {{"get", "guests", "a", "b"}, 64, "b", "--help"},
    {{"get", "events", "--guest", ""}, 64, "--guest: ", "name it"},
    {{"get", "events", "--limit", "x"}, 64, "--limit", "--help"},
    {{"describe", "guest"}, 64, "name", "--help"},
    {{"describe", "guest", ""}, 64, "name: ", "name it"},
    {{"describe", "move", "18446744073709551616"}, 65, "no number", "godwit get moves"},
    {{"migrate", "web-1"}, 64, "--to", "--help"},
    {{"migrate", "web-1", "--to", ""}, 64, "--to: ", "name it"},
    {{"migrate", "", "--to", "i-a/1"}, 64, "guest: ", "name it"},
    {{"delete", ""}, 64, "group: ", "name it"},
    {{"cordon", ""}, 64, "node: ", "name it"},
    {{"uncordon"}, 64, "node", "--help"},
    {{"drain", "i-a/1", "--dry"}, 64, "--dry", "--help"},
    {{"logs", "web-1", "--from", "x"}, 64, "--from", "--help"},
    {{"logs", "web-1", "--from", "-1"}, 64, "--from", "--help"},
    {{"exec", "web-1"}, 64, "command", "--help"},
    {{"exec", "web-1", "--timeout-ms", "0", "--", "x"}, 64, "--timeout-ms", "--help"},
    {{"savings", "all"}, 64, "all", "--help"},
    {{"get", "nodes", "--credentials", "/proc"}, 78, "/proc/ca.pem", "GODWIT_CREDENTIALS"},
    {{"get", "nodes", "--credentials", "/nowhere"}, 78, "/nowhere/ca.pem", "GODWIT_CREDENTIALS"},
    {{"get", "nodes", "--server", "127.0.0.1:1"}, 69, "127.0.0.1:1", "GODWIT_SERVER"},
    {{"get", "nodes", "--server", "no server"}, 69, "no server", "GODWIT_SERVER"},
};

TEST(CliBadInput, AFlagIsRefusedByItsName) {
  for (const BadWords& bad : kBadWords) {
    Stage stage;
    const std::string said = stage.run(bad.words);
    std::string words;
    for (const auto& word : bad.words) words += word + " ";
    EXPECT_TRUE(said.ends_with(std::format("\n=> {}\n", bad.status))) << words << '\n' << said;
    EXPECT_TRUE(said.starts_with("! ")) << words << '\n' << said;
    EXPECT_TRUE(said.contains(bad.what)) << bad.what << " not in\n" << said;
    EXPECT_TRUE(said.contains(bad.fix)) << bad.fix << " not in\n" << said;
    EXPECT_FALSE(changed(stage)) << words;
  }
}

}  // namespace
}  // namespace godwit::golden
