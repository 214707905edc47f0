// What was kept comes back; damage is an error, never a crash nor another picture.
#include "edges/files/fleet.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <format>
#include <fstream>

namespace godwit::files {
namespace {

class FleetFileTest : public testing::Test {
 protected:
  FleetFileTest() { std::filesystem::create_directories(folder_); }
  ~FleetFileTest() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& text) const { std::ofstream(path_) << text; }

  const std::string folder_ = std::format("{}/fleet_test.{}", testing::TempDir(), getpid());
  const std::string path_ = folder_ + "/fleet";
};

TEST_F(FleetFileTest, KeepsTheNewestPicture) {
  EXPECT_EQ(read_fleet(path_).error().code, Code::kNotFound);
  ports::Fleet fleet{
      .nodes = {{NodeId{"n1"}, {"10.0.1.10", 7001}}, {NodeId{"n-x/2"}, {"10.0.2.10", 65535}}},
      .gateway = ports::PeerAddress{"10.0.9.10", 7002}};
  ASSERT_TRUE(write_fleet(path_, fleet));
  EXPECT_EQ(read_fleet(path_).value(), fleet);
  fleet.nodes.erase(NodeId{"n1"});
  fleet.gateway.reset();
  ASSERT_TRUE(write_fleet(path_, fleet));
  EXPECT_EQ(read_fleet(path_).value(), fleet);
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
  ASSERT_TRUE(write_fleet(path_, {}));
  EXPECT_EQ(read_fleet(path_).value(), ports::Fleet{});
}

TEST_F(FleetFileTest, DamageIsAnError) {
  const ports::Fleet fleet{.nodes = {{NodeId{"n1"}, {"10.0.1.10", 7001}}}, .gateway = {}};
  ASSERT_TRUE(write_fleet(path_, fleet));
  std::string whole;
  std::getline(std::ifstream(path_), whole);
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    write(whole.substr(0, cut));
    EXPECT_EQ(read_fleet(path_).error().code, Code::kDataLoss) << cut;
  }
  for (const char* bad : {R"({"format":2,"nodes":{}})", R"({"format":1})",
                          R"({"format":1,"nodes":{"n1":{"address":"10.0.1.10"}}})",
                          R"({"format":1,"nodes":{"n1":{"address":"","port":1}}})",
                          R"({"format":1,"nodes":{"n1":{"address":"a","port":65536}}})",
                          R"({"format":1,"nodes":{},"gateway":{}})"}) {
    write(bad);
    EXPECT_EQ(read_fleet(path_).error().code, Code::kDataLoss) << bad;
  }
  EXPECT_FALSE(write_fleet(folder_ + "/nowhere/fleet", fleet));
}

}  // namespace
}  // namespace godwit::files
