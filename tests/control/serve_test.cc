// What godwit-serve is started with and what it keeps. Method: its state folder is made, found
// again and damaged.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <format>
#include <fstream>

#include "apps/serve_config.h"
#include "apps/state_dir.h"

namespace godwit::apps {
namespace {

namespace fs = std::filesystem;

class ServeTest : public testing::Test {
 protected:
  ServeTest() { EXPECT_TRUE(make_state_dir(folder_)); }
  ~ServeTest() override { fs::remove_all(folder_); }
  static unsigned mode(const std::string& path) {
    struct stat s{};
    return stat(path.c_str(), &s) == 0 ? s.st_mode & 0777U : 0;
  }

  const Time now_{std::chrono::seconds{1'800'000'000}};
  const std::string folder_ =
      std::format("{}/serve_test.{}.{}", testing::TempDir(), getpid(),
                  testing::UnitTest::GetInstance()->current_test_info()->name());
};

// The first start makes the fleet's authority, every later one finds it; nobody else may read it.
TEST_F(ServeTest, KeepsItsAuthority) {
  EXPECT_TRUE(make_state_dir(folder_)) << "again is harmless";
  const auto first = open_authority(folder_, now_);
  ASSERT_TRUE(first);
  const auto again = open_authority(folder_, now_);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->key, first->key);
  EXPECT_EQ(again->certificate, first->certificate);
  EXPECT_EQ(mode(folder_), 0700U);
  EXPECT_EQ(mode(folder_ + "/authority.key"), 0600U);
  const auto issued = tls::issue(*again, NodeId{"n"}, {}, {now_, now_ + std::chrono::hours{1}});
  EXPECT_TRUE(issued);
}

// A crash between key and certificate: nobody has a certificate yet, so both are made anew. A key
// that got lost later is never replaced.
TEST_F(ServeTest, NeverReplacesAnAuthorityInUse) {
  const auto first = open_authority(folder_, now_);
  fs::remove(folder_ + "/authority.pem");
  const auto second = open_authority(folder_, now_);
  ASSERT_TRUE(second);
  EXPECT_NE(second->key, first->key);
  fs::remove(folder_ + "/authority.key");
  EXPECT_EQ(open_authority(folder_, now_).error().code, Code::kDataLoss);
  EXPECT_FALSE(fs::exists(folder_ + "/authority.key"));
}

// Folders of credentials are made once: what was copied elsewhere stays good.
TEST_F(ServeTest, MakesTheCredentialsOfUserAndGatewayOnce) {
  const auto authority = open_authority(folder_, now_);
  ASSERT_TRUE(authority);
  const auto read = [](const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  for (int i = 0; i < 2; ++i) {
    for (const auto& [path, name] :
         {std::pair{"/user/user", "user/admin"}, std::pair{"/gateway/gateway", "gateway"}}) {
      const std::string was = read(folder_ + path + ".pem");
      ASSERT_TRUE(make_first_user(folder_, *authority, now_));
      ASSERT_TRUE(make_gateway(folder_, *authority, now_));
      const std::string certificate = read(folder_ + path + ".pem");
      EXPECT_EQ(tls::common_name(certificate), name);
      EXPECT_EQ(mode(folder_ + path + ".key"), 0600U);
      if (i == 1) {
        EXPECT_EQ(certificate, was);
      }
    }
  }
}

TEST_F(ServeTest, SaysWhatIsWrongInItsConfiguration) {
  const std::string path = folder_ + "/serve.json";
  EXPECT_EQ(load_serve_config(path).error().code, Code::kNotFound);
  std::ofstream(path) << R"({"state_dir":"/s"})";
  const auto wrong = load_serve_config(path);
  EXPECT_TRUE(wrong.error().message.contains("field \"listen\"")) << wrong.error().message;
  std::ofstream(path) << R"({"state_dir":"/s","listen":"0.0.0.0:7002"})";
  const auto good = load_serve_config(path);
  ASSERT_TRUE(good);
  EXPECT_TRUE(good->admin_door.empty()) << "no door unless it is asked for";
}

}  // namespace
}  // namespace godwit::apps
