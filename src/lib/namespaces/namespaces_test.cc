// A namespace of our own: entering is this thread's alone and ends with the object, a pin keeps a
// name until it is taken away, and a program is started inside. Needs root.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "lib/namespaces/network_namespace.h"

namespace godwit::namespaces {
namespace {

std::string where() {
  char text[64];
  const auto size = readlink("/proc/thread-self/ns/net", text, sizeof text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : "";
}

class NetworkNamespaceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root to make a network namespace";
  }
};

TEST_F(NetworkNamespaceTest, EnteringEndsWithTheObject) {
  const std::string before = where();
  const auto made = NetworkNamespace::create().value();
  EXPECT_EQ(where(), before);
  const auto inside = run_inside(*made, []() -> Result<std::string> { return where(); });
  EXPECT_NE(inside.value(), before);
  EXPECT_EQ(where(), before);
}

TEST_F(NetworkNamespaceTest, APinKeepsItUntilTakenAway) {
  char folder[] = "/tmp/godwit-ns-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string path = std::string(folder) + "/n";
  std::string inside;
  {
    const auto made = NetworkNamespace::create().value();
    ASSERT_TRUE(made->pin(path));
    inside = run_inside(*made, []() -> Result<std::string> { return where(); }).value();
  }
  {
    const auto again = NetworkNamespace::open(path).value();
    EXPECT_EQ(run_inside(*again, []() -> Result<std::string> { return where(); }), inside);
  }
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(unpin(path));
  EXPECT_EQ(NetworkNamespace::open(path).error().code, Code::kNotFound);
  EXPECT_EQ(rmdir(folder), 0);
}

TEST_F(NetworkNamespaceTest, AProgramIsStartedInside) {
  const auto made = NetworkNamespace::create().value();
  const std::string inside =
      run_inside(*made, []() -> Result<std::string> { return where(); }).value();
  const auto ends_with = [&](const std::vector<std::string>& argv) {
    int status = -1;
    EXPECT_GT(waitpid(spawn_inside(*made, argv).value(), &status, 0), 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  };
  EXPECT_EQ(ends_with({"sh", "-c", "test \"$(readlink /proc/self/ns/net)\" = '" + inside + "'"}),
            0);
  EXPECT_EQ(ends_with({"sh", "-c", "exit 3"}), 3);
  EXPECT_EQ(ends_with({"/no/such/program"}), 127);
}

}  // namespace
}  // namespace godwit::namespaces
