// The texts that make a node: join.json comes back as it was and refuses what cannot be, and the
// boot script is one that a shell reads, whatever is in its values. tests/node/node_test runs it.
#include "apps/boot_script.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <format>
#include <fstream>

#include "lib/json/json.h"
#include "lib/tls/authority.h"
#include "lib/tls/digest.h"

namespace godwit::apps {
namespace {

using namespace std::chrono_literals;

JoinConfig good() {
  const tls::Validity valid{Time{1600000000s}, Time{4000000000s}};
  return {.token = std::string(64, 'a'),
          .authority = tls::make_authority("godwit", valid)->certificate,
          .join = "10.0.200.10:7443",
          .control = "10.0.200.10:7000",
          .artifacts = "http://10.0.200.10:7080",
          .imds = "http://169.254.169.254",
          .gateway = "10.0.200.10",
          .memory_reserve_mib = 100};
}

TEST(JoinConfig, ComesBackAsItWas) {
  const JoinConfig all = good();
  EXPECT_EQ(parse_join_config(to_json(all)), all);
  JoinConfig least = all;
  least.imds.clear();
  least.gateway.reset();
  EXPECT_EQ(parse_join_config(to_json(least)), least);
  EXPECT_EQ(to_json(good()).find('\n'), std::string::npos);
}

TEST(JoinConfig, SaysWhatCannotBe) {
  const std::pair<const char*, json::Value> table[] = {
      {"token", ""},      {"authority", nullptr},   {"join", 7},          {"control", nullptr},
      {"artifacts", "x"}, {"artifacts", nullptr},   {"imds", "http://x"}, {"port", 0},
      {"port", 65536},    {"state_dir", "var/lib"}, {"run_dir", ""},      {"extra", 1}};
  for (const auto& [member, value] : table) {
    json::Value config = json::parse(to_json(good())).value();
    config.set(member, value);
    const auto parsed = parse_join_config(config.dump());
    ASSERT_FALSE(parsed) << member << " " << value.dump();
    EXPECT_EQ(parsed.error().code, Code::kInvalidArgument) << member;
    EXPECT_NE(parsed.error().message.find(member), std::string::npos) << parsed.error().message;
  }
  EXPECT_FALSE(parse_join_config("{"));
  EXPECT_EQ(load_join_config("/nowhere").error().code, Code::kNotFound);
}

// Words that a shell would take apart come through it as they were.
TEST(BootScript, IsReadByAShellAsItWasMeant) {
  JoinConfig join = good();
  join.state_dir = "/tmp/it's \"$HOME\" `id` \\n";
  const std::string script = boot_script({.agent_sha256 = tls::sha256("agent"), .join = join});
  EXPECT_LE(script.size(), 16u * 1024);
  EXPECT_TRUE(script.starts_with("#!/bin/sh\n"));
  const std::string path = std::format("{}/boot.{}", testing::TempDir(), ::getpid());
  // Only its beginning, the assignments, and the line that writes the configuration.
  const auto body = script.find("\numask");
  const auto line = script.find("printf '%s\\n' '{");
  ASSERT_NE(body, std::string::npos);
  ASSERT_NE(line, std::string::npos);
  std::ofstream(path + ".sh") << script.substr(0, body) << "\nconfig=" << path << ".json\n"
                              << script.substr(line, script.find('\n', line) + 1 - line)
                              << "printf %s \"$state\" >" << path << ".state\n";
  std::ofstream(path + ".all") << script;
  EXPECT_EQ(std::system(std::format("sh -n {}.all && sh {}.sh", path, path).c_str()), 0);
  EXPECT_EQ(load_join_config(path + ".json"), join);
  std::ifstream state(path + ".state");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(state), {}), join.state_dir);
  for (const char* end : {".sh", ".all", ".json", ".state"}) std::filesystem::remove(path + end);
}

}  // namespace
}  // namespace godwit::apps
