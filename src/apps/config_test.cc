// What a wrong configuration is told. The tables hold one member that is wrong, what the error must
// begin with, and what it must say besides.
#include <gtest/gtest.h>

#include <vector>

#include "apps/agent_config.h"
#include "apps/gateway_config.h"
#include "apps/serve_config.h"

namespace godwit::apps {
namespace {

struct Case {
  std::string_view member, value, begins, says;
};

// `good` with one member replaced.
std::string with(std::string_view good, const Case& bad) {
  json::Value value = json::parse(good).value();
  return value.set(std::string(bad.member), json::parse(bad.value).value()).dump();
}

Result<std::string> no_files(const std::string& path) {
  if (path.starts_with("/none")) return not_found("open " + path);
  return "bytes of " + path;
}

constexpr std::string_view kAgent =
    R"({"node":"i-1/b","address":"10.0.1.2","listen":"10.0.1.2:7001","control":"10.0.0.1:1",)"
    R"("certificate":"c","key":"k","authority":"a","record_dir":"r","run_dir":"u",)"
    R"("disk_dir":"d","image_dir":"i","memory_mib":4096,"vcpus":2})";
constexpr std::string_view kServe = R"({"state_dir":"/s","listen":"h:1"})";

TEST(AgentConfig, IsReadWithItsFiles) {
  const auto config = parse_agent_config(kAgent, no_files);
  ASSERT_TRUE(config) << to_string(config.error());
  EXPECT_EQ(config->agent.memory_mib, 4096U);
  EXPECT_EQ(config->agent.port, 7001);
  EXPECT_EQ(config->credentials.self.key, "bytes of k");
}

TEST(AgentConfig, SaysWhatIsWrongAndWhere) {
  for (const Case& c : std::vector<Case>{
           {"node", "7", "field \"node\"", "a text"},
           {"listen", R"("10.0.1.2")", "field \"listen\"", "host:port"},
           {"listen", R"("10.0.1.2:65536")", "field \"listen\"", "host:port"},
           {"key", R"("/none/k")", "open /none/k", ""},
           // 2^32 + 512 is not 512.
           {"memory_mib", "4294967808", "field \"memory_mib\"", "to 4294967295"},
           {"vcpus", "-1", "field \"vcpus\"", "whole number"},
           {"vcpus", "1.5", "field \"vcpus\"", "whole number"},
           {"uid_first", R"("root")", "field \"uid_first\"", "whole number"},
           {"peers", R"({"p":{"address":"1.2.3.4"}})", "peer \"p\": field \"port\"", "1 to 65535"},
           {"peers", R"({"p":{"address":"1.2.3.4","port":65537}})", "peer \"p\"", "1 to 65535"}}) {
    const auto config = parse_agent_config(with(kAgent, c), no_files);
    ASSERT_FALSE(config) << c.member << " " << c.value;
    EXPECT_TRUE(config.error().message.starts_with(c.begins)) << config.error().message;
    EXPECT_TRUE(config.error().message.contains(c.says)) << config.error().message;
  }
}

TEST(ServeConfig, SaysWhatIsWrongAndWhere) {
  for (const Case& c : std::vector<Case>{
           {"listne", "1", "field \"listne\"", "not known"},
           {"gateway", R"({"address":"1.2.3.4","port":65537})", "field \"gateway\"", "NUMBER"},
           {"machine", R"({"mtu":4294967296})", "field \"machine\": field \"mtu\"", "from 576"},
           {"machine", R"({"cpu":"x"})", "field \"machine\": field \"cpu\"", "not known"},
           {"policy", R"({"notice":1})", "\"policy.notice\"", "no such number"},
           {"cloud", R"({"endpoint":"ftp://x"})", "field \"cloud\"", "http"}}) {
    const auto config = parse_serve_config(with(kServe, c));
    ASSERT_FALSE(config) << c.member << " " << c.value;
    EXPECT_TRUE(config.error().message.starts_with(c.begins)) << config.error().message;
    EXPECT_TRUE(config.error().message.contains(c.says)) << config.error().message;
  }
}

// What is no object is refused as a whole, and a directory is no file: it was a crash once.
TEST(ConfigFile, IsAnObjectInAFile) {
  for (const char* text : {"", "[]", "7", "{", "null", "{}x"}) {
    EXPECT_EQ(parse_serve_config(text).error_or(Error{}).code, Code::kInvalidArgument) << text;
    EXPECT_FALSE(parse_gateway_config(text, no_files)) << text;
  }
  EXPECT_TRUE(load_serve_config("/").error().message.contains("directory"));
  EXPECT_TRUE(load_agent_config("/").error().message.contains("directory"));
  EXPECT_EQ(load_serve_config("/nowhere").error().code, Code::kNotFound);
}

}  // namespace
}  // namespace godwit::apps
