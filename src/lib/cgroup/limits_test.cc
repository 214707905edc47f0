// Limits are read as the kernel shows them: trees of files as v1 and v2 lay them out, and the
// kernel's own for a process in a group with limits.
#include "lib/cgroup/limits.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/check.h"
#include "lib/cgroup/cgroup.h"

namespace godwit::cgroup {
namespace {

namespace fs = std::filesystem;

class LimitsTest : public ::testing::Test {
 protected:
  LimitsTest() { CHECK(::mkdtemp(dir_.data()) != nullptr); }
  ~LimitsTest() override { fs::remove_all(dir_); }
  void put(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(dir_ + "/" + path).parent_path());
    std::ofstream(dir_ + "/" + path) << text;
  }
  Limits look() const { return limits_here(dir_ + "/root", dir_ + "/self"); }

  std::string dir_ = ::testing::TempDir() + "/limits-XXXXXX";
};

TEST_F(LimitsTest, V1TakesTheTightestOnTheWay) {
  put("self", "3:memory:/a/b\n2:cpu,cpuacct:/a\n0::/\n");
  put("root/memory/memory.limit_in_bytes", "9223372036854771712\n");
  put("root/cpu/cpu.cfs_quota_us", "-1\n");
  put("root/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(look(), Limits{});
  put("root/memory/a/memory.limit_in_bytes", "1000\n");
  put("root/memory/a/b/memory.limit_in_bytes", "2000\n");
  put("root/cpu/a/cpu.cfs_quota_us", "40000\n");
  put("root/cpu/a/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(look(), (Limits{.memory_bytes = 1000, .cpu_percent = 40}));
  // A limit on the root of what is mounted here, as in a container without a namespace of its own.
  put("root/memory/memory.limit_in_bytes", "500\n");
  put("self", "3:memory:/../elsewhere\n2:cpu:/nowhere\n");
  EXPECT_EQ(look(), (Limits{.memory_bytes = 500}));
}

TEST_F(LimitsTest, V2TakesTheTightestOnTheWay) {
  put("self", "0::/a/b\n");
  put("root/cgroup.controllers", "cpuset cpu io memory pids\n");
  EXPECT_EQ(look(), Limits{});  // A root has no such files.
  put("root/a/memory.max", "max\n");
  put("root/a/cpu.max", "max 100000\n");
  EXPECT_EQ(look(), Limits{});
  put("root/a/cpu.max", "150000 100000\n");
  put("root/a/b/memory.max", "3000\n");
  put("root/a/b/cpu.max", "400000 100000\n");
  EXPECT_EQ(look(), (Limits{.memory_bytes = 3000, .cpu_percent = 150}));
}

TEST_F(LimitsTest, WithoutControllersThereAreNone) { EXPECT_EQ(look(), Limits{}); }

TEST(RealLimits, AreThoseOfTheOwnGroup) {
  if (!probe()) GTEST_SKIP() << probe().error().message;
  const std::string name = std::format("godwit-test.{}.limits", ::getpid());
  {
    const auto group = Group::create(name + "/inner");
    ASSERT_TRUE(group) << group.error().message;
    ASSERT_TRUE((*group)->limit_cpu(30));
    ASSERT_TRUE((*group)->limit_memory(64 << 20));
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::alarm(60);
      if (!(*group)->add(::getpid())) ::_exit(99);
      ::_exit(limits_here() == Limits{.memory_bytes = 64 << 20, .cpu_percent = 30} ? 0 : 1);
    }
    int status = -1;
    ::waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
  }
  sweep(name, 0);
}

}  // namespace
}  // namespace godwit::cgroup
