// The demo's images as guests. Goal: each service of tools/images answers in a guest of the size
// the demo gives it, and its client, one TCP connection from outside, sees nothing of two moves but
// a pause. Method: real agents and QEMUs of tests/handover, the demo's own client.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "edges/oci/import.h"
#include "lib/io/child.h"
#include "tests/handover/rig.h"

namespace godwit::handover {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Steady = std::chrono::steady_clock;

struct Service {
  const char* image;
  std::uint16_t port;
  std::uint32_t memory_mib;
};

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

template <class T>
T wait(io::Task<T> task) {
  io::Loop loop;
  std::optional<T> out;
  const auto body = [](io::Loop& l, io::Task<T> t, std::optional<T>& o) -> io::Task<void> {
    o = co_await std::move(t);
    l.stop();
  };
  loop.spawn(body(loop, std::move(task), out));
  loop.run();
  return *std::move(out);
}

bool until(const std::function<bool()>& met, seconds limit) {
  const auto end = Steady::now() + limit;
  while (!met() && Steady::now() < end) std::this_thread::sleep_for(milliseconds{50});
  return met();
}

class DemoImages : public testing::TestWithParam<Service> {
 protected:
  void SetUp() override {
    if (access("/usr/lib/godwit/kernel/vmlinuz", R_OK) != 0 || getuid() != 0)
      GTEST_SKIP() << "needs root and the workspace's guest kernel";
    archive_ = find_archive();
    if (!fs::exists(archive_))
      GTEST_SKIP() << "tools/images ensure " << GetParam().image << " makes it, outside";
    auto made = Rig::make(2, AGENT_PROGRAM, GODWIT_INITRAMFS);
    ASSERT_TRUE(made) << to_string(made.error());
    rig_ = *std::move(made);
  }

  void TearDown() override {
    end_client();
    if (!rig_ || !HasFailure()) return;
    for (int node = 0; node < 2; ++node) {
      const fs::path run = fs::path(rig_->control_socket(node)).parent_path();
      std::printf("--- agent %d\n%s\n--- console %d\n%s\n", node, rig_->log_of(node).c_str(), node,
                  read_file(run / "console").c_str());
      std::error_code none;
      for (const auto& file : fs::directory_iterator(rig_->log_dir(node), none))
        std::printf("--- %s\n%s\n", file.path().c_str(), read_file(file.path()).c_str());
    }
  }

  static std::string find_archive() {
    const std::string ask = GODWIT_SOURCE "/tools/images path " + std::string(GetParam().image);
    std::string path;
    if (FILE* out = popen(ask.c_str(), "r")) {
      for (int c; (c = fgetc(out)) != EOF && c != '\n';) path += static_cast<char>(c);
      pclose(out);
    }
    return path;
  }

  void import() {
    const auto from = Steady::now();
    const auto imported = wait(oci::import_image({archive_, "", rig_->image_dir()}));
    ASSERT_TRUE(imported) << to_string(imported.error());
    const auto took = std::chrono::duration_cast<milliseconds>(Steady::now() - from);
    std::printf("%s: base image of %llu MiB, imported in %lld ms\n", GetParam().image,
                static_cast<unsigned long long>(imported->bytes >> 20),
                static_cast<long long>(took.count()));
    ports::MachineRecord& machine = rig_->machine();
    machine.base_sha256 = imported->sha256;
    machine.overlay_bytes = imported->bytes;
    machine.memory_mib = GetParam().memory_mib;
    machine.append += " godwit.mtu=1344";
    const oci::ImageConfig& config = imported->config;
    ports::Container container{.argv = config.entrypoint,
                               .env = config.env,
                               .cwd = config.cwd,
                               .uid = config.uid,
                               .gid = config.gid,
                               .hostname = "g1"};
    container.argv.insert(container.argv.end(), config.cmd.begin(), config.cmd.end());
    rig_->set_container(container);
  }

  // The demo's client, outside; what it prints is in client_out_.
  void start_client() {
    client_out_ = rig_->folder() + "/client.out";
    const std::vector<std::string> argv{"python3", GODWIT_SOURCE "/tools/demo.d/try_client.py",
                                        GetParam().image, lab::kPublicAddress,
                                        std::to_string(GetParam().port)};
    const auto pid = namespaces::spawn_inside(rig_->lab().client(), argv, client_out_);
    ASSERT_TRUE(pid) << to_string(pid.error());
    client_ = *pid;
  }

  // Its exit status.
  int end_client() {
    if (client_ == 0) return -1;
    kill(client_, SIGTERM);
    int status = -1;
    waitpid(std::exchange(client_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::string archive_, client_out_;
  std::unique_ptr<Rig> rig_;
  pid_t client_ = 0;
};

TEST_P(DemoImages, AnswersAndMovesUnderItsClient) {
  ASSERT_NO_FATAL_FAILURE(import());
  for (const int node : {0, 1}) ASSERT_TRUE(rig_->start_agent(node));
  ASSERT_TRUE(rig_->publish(GetParam().port));
  const auto from = Steady::now();
  ASSERT_TRUE(rig_->start_guest(0)) << rig_->log_of(0);
  ASSERT_NO_FATAL_FAILURE(start_client());
  ASSERT_TRUE(until([&] { return read_file(client_out_).contains("open"); }, seconds{120}))
      << read_file(client_out_);
  std::printf("%s: answers %.1f s after the order to start\n", GetParam().image,
              std::chrono::duration<double>(Steady::now() - from).count());
  for (const auto& [source, destination] : {std::pair{0, 1}, {1, 0}}) {
    const Move move = rig_->move(source, destination, seconds{120});
    ASSERT_TRUE(move.done) << move.why;
    std::printf("%s: moved in %lld ms, %.0f MB, downtime %.1f ms\n", GetParam().image,
                static_cast<long long>(move.total.count()), static_cast<double>(move.bytes) / 1e6,
                static_cast<double>(move.downtime.count()) / 1e3);
  }
  EXPECT_EQ(end_client(), 0) << read_file(client_out_);
  std::printf("%s: %s", GetParam().image, read_file(client_out_).c_str());
}

INSTANTIATE_TEST_SUITE_P(Services, DemoImages,
                         testing::Values(Service{"redis", 6379, 128}, Service{"nginx", 8080, 128},
                                         Service{"postgresql", 5432, 192}),
                         [](const auto& info) { return std::string(info.param.image); });

}  // namespace
}  // namespace godwit::handover
