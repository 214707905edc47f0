// A running QEMU is looked at from outside, through /proc: its ids, its capabilities, its system
// call filter and its control group, before and after its agent restarts.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>

#include "edges/qemu/real_rig_test.h"
#include "lib/cgroup/cgroup.h"
#include "lib/io/child.h"

namespace godwit::qemu {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return std::string((std::istreambuf_iterator<char>(file)), {});
}

// "Uid:\t1\t1\t1\t1" of /proc/PID/status gives "1 1 1 1".
std::string field(int pid, const std::string& name) {
  std::istringstream status(read_file(std::format("/proc/{}/status", pid)));
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(name + ":")) continue;
    std::istringstream words(line.substr(name.size() + 1));
    std::string all, word;
    while (words >> word) all += (all.empty() ? "" : " ") + word;
    return all;
  }
  return "no such field";
}

template <class T>
bool ask(RealRig& rig, ports::HypervisorCommand command) {
  rig.node(0).submit(GuestId{"g1"}, std::move(command));
  const auto answer = rig.next(0);
  const auto* failed = answer ? std::get_if<ports::Failed>(&*answer) : nullptr;
  EXPECT_FALSE(failed) << to_string(failed->error);
  return answer && std::holds_alternative<T>(*answer);
}

TEST(RealConfinement, SeenFromOutside) {
  if (!real_qemu_is_here()) GTEST_SKIP() << "no qemu, kernel or gcc here";
  RealRig rig;
  if (rig.config(0).uid_count == 0 || rig.config(0).cgroup.empty())
    GTEST_SKIP() << "needs root and control groups";
  ASSERT_TRUE(ask<ports::Started>(rig, ports::Boot{rig.machine(), ""}));
  const auto program = io::read_pid_file(rig.files(0).pid);
  ASSERT_TRUE(program);
  EXPECT_EQ(field(program->pid, "Uid"), "200000 200000 200000 200000");
  EXPECT_EQ(field(program->pid, "Gid"), "200000 200000 200000 200000");
  EXPECT_EQ(field(program->pid, "Groups"), "");
  EXPECT_EQ(field(program->pid, "Seccomp"), "2");  // A filter, seccomp(2).
  EXPECT_EQ(field(program->pid, "NoNewPrivs"), "1");
  EXPECT_EQ(field(program->pid, "CapEff"), "0000000000000000");
  EXPECT_EQ(field(program->pid, "CapBnd"), "0000000000000000");
  const std::string group = rig.config(0).cgroup + "/g1";
  EXPECT_TRUE(read_file(std::format("/proc/{}/cgroup", program->pid)).contains("/" + group));
  const std::string limit = read_file("/sys/fs/cgroup/memory/" + group + "/memory.limit_in_bytes") +
                            read_file("/sys/fs/cgroup/" + group + "/memory.max");
  EXPECT_EQ(limit, std::format("{}\n", (128 + 256) << 20));
  struct stat overlay{};
  ASSERT_EQ(::stat(rig.overlay(0).c_str(), &overlay), 0);
  EXPECT_EQ(overlay.st_uid, 200000u);

  // The agent still reaches its QEMU, and a new one finds the group again and removes it.
  rig.restart_agent(0);
  ASSERT_TRUE(ask<ports::Running>(rig, ports::Run{}));
  ASSERT_TRUE(ask<ports::Discarded>(rig, ports::Discard{.keep_overlay = true}));
  EXPECT_FALSE(io::is_alive(*program));
  for (const char* root : {"/sys/fs/cgroup/memory/", "/sys/fs/cgroup/"}) {
    struct stat left{};
    EXPECT_NE(::stat((root + group).c_str(), &left), 0) << root << group;
  }
  ASSERT_EQ(::stat(rig.overlay(0).c_str(), &overlay), 0);
  EXPECT_EQ(overlay.st_uid, ::geteuid());
}

}  // namespace
}  // namespace godwit::qemu
