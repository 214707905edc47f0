// A `godwit cloud` of its own for a test, and our provider talking to it. For tests only.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>

#include "edges/ec2/cloud.h"
#include "lib/io/child.h"
#include "lib/io/stream.h"
#include "lib/json/json.h"
#include "ports/cloud_contract.h"

namespace godwit::ec2 {

inline constexpr const char* kImage = "ami-00000000000000001";

class LocalCloudTest : public ::testing::Test, public ports::EventSink<ports::CloudEvent> {
 public:
  ~LocalCloudTest() override {
    if (program_.pid > 0) {
      EXPECT_TRUE(io::send_signal(program_, SIGKILL));
      run([](LocalCloudTest* t) -> io::Task<void> { co_await io::wait_ended(t->program_); }(this));
    }
    std::filesystem::remove_all(folder_);
  }

 protected:
  LocalCloudTest() {
    std::string name = "/tmp/godwit-ec2-XXXXXX";
    folder_ = mkdtemp(name.data());
  }

  void offer(ports::CloudEvent event) override {
    answers_[event.command] = std::move(event.answer);
    loop_.stop();
  }

  // `changes` are members of the configuration that replace the usual ones.
  void start(const std::string& changes = "{}") {
    auto config = json::parse(R"({
      "types": {
        "c8i.large": {"vcpus": 2, "memory_mib": 4096, "on_demand_usd": "0.09", "nested": true},
        "c5.large": {"vcpus": 2, "memory_mib": 4096, "on_demand_usd": "0.085"}},
      "prices": {"c8i.large/us-east-1a": "0.03", "c8i.large/us-east-1b": "0.02",
                 "c5.large/us-east-1a": "0.01"},
      "images": {"ami-00000000000000001": "node"},
      "credentials": [{"access_key_id": "AKID", "secret_access_key": "local/secret+key"}],
      "launch_latency_ms": 0, "visible_after_ms": 0, "shutdown_ms": 100,
      "buckets": {"RunInstances": [1000, 100]}, "other_buckets": [1000, 100]})")
                      .value();
    const json::Value other = json::parse(changes).value();
    for (const auto& [name, value] : other.object()) config.set(name, value);
    config.set("port_file", folder_ + "/port").set("admin_socket", folder_ + "/ctl");
    std::ofstream(folder_ + "/config") << config.dump();
    // The cloud goes with us, however we go.
    io::ProgramStart what{
        .argv = {"setpriv", "--pdeathsig", "KILL", GODWIT_PROGRAM, "cloud", folder_ + "/config"},
        .output = folder_ + "/log"};
    const auto program = io::start_program(what);
    ASSERT_TRUE(program) << to_string(program.error());
    program_ = *program;
    const std::string port_file = folder_ + "/port";
    while (!std::filesystem::exists(port_file)) {
      ASSERT_TRUE(io::is_alive(program_)) << text_of(folder_ + "/log");
      run(io::sleep(std::chrono::milliseconds{10}));
    }
    config_.endpoint = {"127.0.0.1", static_cast<std::uint16_t>(std::stoi(text_of(port_file)))};
    config_.credentials = {"AKID", "local/secret+key"};
    config_.back_off_first = std::chrono::milliseconds{20};
    config_.visible_within = std::chrono::milliseconds{200};
    config_.buckets.clear();
  }
  void make_client() { cloud_ = std::make_unique<Cloud>(loop_, *this, config_, random_); }

  // The operator's hand; a refusal is a failure of the test if `must`.
  json::Value ctl(const std::string& request, bool must = true) {
    json::Value answer;
    run([](LocalCloudTest* t, std::string line, json::Value* into) -> io::Task<void> {
      auto stream = co_await io::Stream::connect_unix(t->folder_ + "/ctl");
      if (!stream || !co_await stream->write_all(line + "\n")) co_return;
      const auto text = co_await stream->read_line(1 << 20);
      if (text) *into = json::parse(*text).value_or(json::Value());
    }(this, json::parse(request).value().dump(), &answer));
    EXPECT_TRUE(!must || answer["ok"].boolean()) << request << " -> " << answer.dump();
    return answer;
  }

  ports::CloudRig rig() {
    return {.cloud = *cloud_,
            .image = kImage,
            .zone_a = "us-east-1a",
            .zone_b = "us-east-1b",
            .answer =
                [this](std::uint64_t command) {
                  while (!answers_.contains(command)) loop_.run();
                  return answers_.at(command);
                },
            .pass = [this] { run(io::sleep(std::chrono::milliseconds{20})); },
            .set_capacity =
                [this](const market::Pool& pool, int count) {
                  const auto n = count < 0 ? std::string(R"("auto")") : std::to_string(count);
                  ctl(std::format(R"({{"command": "capacity", "pool": "{}/{}", "count": {}}})",
                                  pool.type, pool.zone, n));
                },
            .interrupt =
                [this](const std::string& id) {
                  ctl(std::format(R"({{"command": "reclaim", "instance": "{}", "notice": false}})",
                                  id));
                }};
  }

  void run(io::Task<void> task) {
    bool done = false;
    loop_.spawn([](io::Task<void> t, io::Loop* loop, bool* flag) -> io::Task<void> {
      co_await std::move(t);
      *flag = true;
      loop->stop();
    }(std::move(task), &loop_, &done));
    while (!done) loop_.run();
  }

  static std::string text_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  io::Loop loop_;
  Random random_{1};
  Config config_;
  std::unique_ptr<Cloud> cloud_;
  std::map<std::uint64_t, ports::CloudAnswer> answers_;

 private:
  std::string folder_;
  io::RunningProgram program_;
};

}  // namespace godwit::ec2
