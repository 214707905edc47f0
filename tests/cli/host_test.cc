// The verbs of this host get what the command line said, and a wrong one runs nothing. By tables,
// with functions that write down what they were given.
#include <gtest/gtest.h>

#include <algorithm>

#include "stage.h"

namespace godwit::golden {
namespace {

struct Case {
  std::vector<std::string> words;
  std::string ran;
};

const Case kCases[] = {
    {{"up"}, "up dir= market=aws-2021 json=false foreground=false"},
    {{"up", "--foreground", "--dir", "/d", "--market", "m.json", "-o", "json"},
     "up dir=/d market=m.json json=true foreground=true"},
    {{"down"}, "down dir="},
    {{"down", "--dir", "/d"}, "down dir=/d"},
    {{"serve", "s.json"}, "serve config=s.json"},
    {{"agent", "a.json"}, "agent config=a.json join="},
    {{"agent", "--join", "j.json"}, "agent config= join=j.json"},
    {{"gateway", "g.json"}, "gateway config=g.json"},
    {{"cloud", "c.json"}, "cloud config=c.json"},
    {{"image", "import", "redis.tar", "--store", "s", "--tag", "7"},
     "image import path=redis.tar store=s tag=7"},
    {{"image", "import", "--store", "s", "redis.tar"}, "image import path=redis.tar store=s tag="},
    {{"cloud", "status"}, R"(ask  {"command":"status"})"},
    {{"cloud", "bill", "--socket", "/s"}, R"(ask /s {"command":"bill"})"},
    {{"cloud", "price", "a/b", "0.5"}, R"(ask  {"command":"price","pool":"a/b","usd":"0.5"})"},
    {{"cloud", "capacity", "a/b/on-demand", "7"},
     R"(ask  {"command":"capacity","count":7,"pool":"a/b/on-demand"})"},
    {{"cloud", "capacity", "a/b", "auto"},
     R"(ask  {"command":"capacity","count":"auto","pool":"a/b"})"},
    {{"cloud", "reclaim", "i"}, R"(ask  {"command":"reclaim","instance":"i","notice":true})"},
    {{"cloud", "reclaim", "i", "--no-notice"},
     R"(ask  {"command":"reclaim","instance":"i","notice":false})"},
    // A verb's name is a name like others there.
    {{"cloud", "kill", "status"}, R"(ask  {"command":"kill","instance":"status"})"},
    {{"cloud", "exec", "--socket", "/s", "i", "--", "ls", "--socket", "/t", "-h", "--", "x"},
     R"(ask /s {"argv":["ls","--socket","/t","-h","--","x"],"command":"exec","instance":"i"})"},
};

TEST(CliHost, AVerbGetsWhatWasSaid) {
  for (const Case& one : kCases) {
    Stage stage;
    const std::string said = stage.run(one.words);
    EXPECT_EQ(stage.host().ran(), std::vector{one.ran}) << said;
  }
}

TEST(CliHost, TheSocketMayStandInTheEnvironment) {
  Stage stage;
  ::setenv("GODWIT_CLOUD_SOCKET", "/e", 1);
  stage.run({"cloud", "status"});
  stage.run({"cloud", "status", "--socket", "/s"});
  ::unsetenv("GODWIT_CLOUD_SOCKET");
  EXPECT_EQ(stage.host().ran(), (std::vector<std::string>{R"(ask /e {"command":"status"})",
                                                          R"(ask /s {"command":"status"})"}));
}

const std::vector<std::string> kWrong[] = {
    {"up", "now"},
    {"up", "--dir"},
    {"up", "--dir", ""},
    {"up", "-o", "xml"},
    {"up", "--server", "127.0.0.1:1"},
    {"down", ""},
    {"down", "--foreground"},
    {"serve"},
    {"serve", "a", "b"},
    {"agent"},
    {"agent", "--join"},
    {"agent", "a", "--join", "b"},
    {"gateway", "--fast"},
    {"cloud"},
    {"cloud", ""},
    {"cloud", "c.json", "d.json"},
    {"cloud", "c.json", "status"},
    {"cloud", "ctl", "status"},
    {"cloud", "status", "c.json"},
    {"cloud", "status", "--socket", ""},
    {"cloud", "price", "a/b", "1", "2"},
    {"cloud", "kill", ""},
    {"cloud", "exec", "i"},
    {"cloud", "boot-instance", "spec"},
    {"boot-instance"},
    {"image"},
    {"image", "import"},
    {"image", "import", "a"},
    {"image", "import", "a", "--store", ""},
    {"version", "--server", "x"},
};

TEST(CliHost, AWrongOneRunsNothing) {
  for (const auto& words : kWrong) {
    Stage stage;
    const std::string said = stage.run(words);
    EXPECT_TRUE(said.starts_with("! godwit")) << said;
    EXPECT_TRUE(said.ends_with(" --help`\n=> 64\n")) << said;
    EXPECT_EQ(std::ranges::count(said, '\n'), 2) << said;
    EXPECT_TRUE(stage.host().ran().empty()) << said;
  }
}

}  // namespace
}  // namespace godwit::golden
