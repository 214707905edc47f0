// Real groups around real processes: what burns past a limit is held. Needs root and controllers.
#include "lib/cgroup/cgroup.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace godwit::cgroup {
namespace {

namespace fs = std::filesystem;

// A child that joins the group, then runs `body`; killed with the test.
template <class Body>
pid_t child_in(const Group& group, Body body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::alarm(60);
    if (!group.add(::getpid())) ::_exit(99);
    body();
    ::_exit(0);
  }
  return pid;
}

int status_of(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

class CgroupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!probe()) GTEST_SKIP() << probe().error().message;
    name_ = std::format("godwit-test.{}.{}", ::getpid(),
                        ::testing::UnitTest::GetInstance()->current_test_info()->name());
    auto group = Group::create(name_ + "/inner");
    ASSERT_TRUE(group) << group.error().message;
    group_ = std::move(*group);
  }
  void TearDown() override {
    group_.reset();
    sweep(name_, 0);
  }
  std::string name_;
  std::unique_ptr<Group> group_;
};

// Two processes that want all they can get have, after some time, used no more than their share.
TEST_F(CgroupTest, CpuIsHeld) {
  ASSERT_TRUE(group_->limit_cpu(20));
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  const auto burn = [] {
    for (volatile bool on = true; on;) continue;
  };
  const pid_t first = child_in(*group_, burn), second = child_in(*group_, burn);
  while (Clock::now() - begin < std::chrono::seconds{2} && group_->cpu_used_us().value() < 100'000)
    ::usleep(1000);
  // By now it is running; the share is taken over ten periods.
  const auto from = Clock::now();
  const std::int64_t before = group_->cpu_used_us().value();
  while (Clock::now() - from < std::chrono::seconds{1}) ::usleep(10'000);
  const std::int64_t used = group_->cpu_used_us().value() - before;
  const auto passed = std::chrono::duration<double, std::micro>(Clock::now() - from).count();
  ASSERT_TRUE(group_->kill_all());
  EXPECT_TRUE(WIFSIGNALED(status_of(first)));
  EXPECT_TRUE(WIFSIGNALED(status_of(second)));
  EXPECT_GT(used, 0);
  // One period's quota more may fall into the window; unlimited, two burners use 100 to 200 %.
  EXPECT_LT(static_cast<double>(used), 0.2 * passed + 40'000);
}

TEST_F(CgroupTest, MemoryIsHeld) {
  ASSERT_TRUE(group_->limit_memory(32 << 20));
  const auto take = [](std::size_t bytes) {
    return [bytes] {
      char* memory = new char[bytes];
      std::memset(memory, 1, bytes);
      ::_exit(memory[bytes / 2] == 1 ? 7 : 8);
    };
  };
  const int small = status_of(child_in(*group_, take(8 << 20)));
  EXPECT_TRUE(WIFEXITED(small) && WEXITSTATUS(small) == 7);
  const int large = status_of(child_in(*group_, take(64 << 20)));
  EXPECT_TRUE(WIFSIGNALED(large) && WTERMSIG(large) == SIGKILL);
}

TEST_F(CgroupTest, ProcessesAreHeldAndKilledTogether) {
  ASSERT_TRUE(group_->limit_processes(4));
  const pid_t pid = child_in(*group_, [] {
    while (::fork() == 0) {
    }
    ::pause();
  });
  while (group_->members()->size() < 4) ::usleep(1000);
  EXPECT_EQ(group_->members()->size(), 4u);
  EXPECT_GT(group_->memory_used().value(), 0);
  ASSERT_TRUE(group_->kill_all());
  EXPECT_TRUE(WIFSIGNALED(status_of(pid)));
  while (!group_->members()->empty()) ::usleep(1000);
}

TEST_F(CgroupTest, GoesWhenEmptyAndIsSweptWhenLeft) {
  const std::string directory = group_->directories().front().second;
  const std::string top = fs::path(directory).parent_path();
  const pid_t pid = child_in(*group_, [] { ::pause(); });
  while (group_->members()->empty()) ::usleep(1000);
  sweep(name_, 0);  // Leaves it alone: somebody lives there.
  EXPECT_TRUE(fs::exists(directory));
  ::kill(pid, SIGKILL);
  status_of(pid);
  group_.reset();
  EXPECT_FALSE(fs::exists(directory));
  EXPECT_TRUE(fs::exists(top));
  sweep(name_, 3600);  // Not old enough.
  EXPECT_TRUE(fs::exists(top));
  sweep(name_, 0);
  EXPECT_FALSE(fs::exists(top));
}

TEST_F(CgroupTest, BadNamesAndLimits) {
  for (const char* bad : {"", "/x", "a/../../b"}) EXPECT_FALSE(Group::create(bad)) << bad;
  EXPECT_EQ(group_->limit_cpu(0).error().code, Code::kInvalidArgument);
  EXPECT_FALSE(group_->add(-5));
  EXPECT_EQ(probe("/nowhere").error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace godwit::cgroup
