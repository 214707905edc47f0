// The verbs of this host: what would run is written down, and a cloud without real instances
// answers its operator. Its clock is a second further at each command.
#pragma once

#include <chrono>
#include <format>
#include <string>
#include <vector>

#include "base/check.h"
#include "cli/program.h"
#include "localcloud/admin.h"
#include "localcloud/config.h"

namespace godwit::golden {

inline localcloud::ServiceConfig cloud_config() {
  return localcloud::parse_service_config(R"({
    "types": {"c5.large": {"vcpus": 2, "memory_mib": 4096, "on_demand_usd": "0.085"},
              "m5.large": {"vcpus": 2, "memory_mib": 8192, "on_demand_usd": "0.096"}},
    "prices": {"c5.large/us-east-1a": "0.03", "c5.large/us-east-1b": "0.031",
               "m5.large/us-east-1a": "0.04"},
    "images": {"ami-1": "node"}, "launch_latency_ms": 0, "visible_after_ms": 0,
    "shutdown_ms": 0})")
      .value();
}

class FakeHost {
 public:
  FakeHost() {
    launch({.type = "c5.large", .zone = "us-east-1a", .image = "ami-1", .spot = true});
    launch({.type = "m5.large", .zone = "us-east-1a", .image = "ami-1"});
  }

  // "up --dir D": one line for each verb that ran, with what it was given.
  const std::vector<std::string>& ran() const { return ran_; }

  cli::HostVerbs verbs() {
    return {
        .up =
            [this](const cli::UpFlags& f) {
              return note(std::format("up dir={} market={} json={} foreground={}", f.dir, f.market,
                                      f.json, f.foreground));
            },
        .down = [this](const std::string& dir) { return note("down dir=" + dir); },
        .agent =
            [this](const cli::AgentFlags& f) {
              return note(std::format("agent config={} join={}", f.config, f.join));
            },
        .serve = [this](const std::string& config) { return note("serve config=" + config); },
        .gateway = [this](const std::string& config) { return note("gateway config=" + config); },
        .cloud = [this](const std::string& config) { return note("cloud config=" + config); },
        .ask_cloud = [this](const std::string& socket, const json::Value& request)
            -> Result<json::Value> { return answer(socket, request); },
        .import_image = [this](const cli::ImportFlags& f) -> Result<std::string> {
          note(std::format("image import path={} store={} tag={}", f.path, f.store, f.tag));
          if (f.path != "redis.tar") return not_found(f.path + ": no image there");
          return std::string(64, 'a');
        }};
  }

 private:
  int note(std::string line) {
    ran_.push_back(std::move(line));
    return 0;
  }
  void launch(localcloud::LaunchSpec spec) {
    if (spec.spot) spec.max_price = MicroUsdPerHour{85'000};
    CHECK(cloud_.run(spec, false, now_).has_value());
  }
  Result<json::Value> answer(const std::string& socket, const json::Value& request) {
    note(std::format("ask {} {}", socket, request.dump()));
    if (socket == "/none") return unavailable("no cloud answers at /none");
    now_ += std::chrono::minutes{1};
    if (request["command"].text() != "exec") return localcloud::admin_answer(cloud_, request, now_);
    std::string words;
    for (const auto& word : request["argv"].array()) words += word.text() + " ";
    return json::Value().set("ok", true).set("exit", 3).set("output", words + "\n");
  }

  std::vector<std::string> ran_;
  const localcloud::ServiceConfig config_ = cloud_config();
  Time now_{std::chrono::sys_days{std::chrono::year{2026} / 11 / 24}};
  localcloud::Cloud cloud_{
      config_.cloud, localcloud::Market(localcloud::compress(config_.series, {.start = now_})),
      now_};
};

}  // namespace godwit::golden
