#include "apps/cloud_wiring.h"

#include <signal.h>

#include <cstdio>
#include <filesystem>
#include <format>
#include <memory>
#include <string>
#include <vector>

#include "lib/io/loop.h"
#include "localcloud/admin.h"
#include "localcloud/boot.h"
#include "localcloud/config.h"
#include "localcloud/host.h"
#include "localcloud/service.h"

namespace godwit::apps {
namespace {

int fail_with(const Error& error, int status) {
  std::fprintf(stderr, "godwit cloud: %s\n", error.message.c_str());
  return status;
}

io::Task<void> ask(io::Loop& loop, std::string socket, json::Value request,
                   Result<json::Value>& answer) {
  answer = co_await localcloud::ask_admin(socket, request);
  loop.stop();
}

io::Task<void> end(io::Loop& loop, localcloud::Host* host) {
  if (host) co_await host->stop();
  loop.stop();
}

Result<std::unique_ptr<localcloud::Host>> make_host(io::Loop& loop,
                                                    const localcloud::HostConfig& config,
                                                    localcloud::Service& service) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  ASSIGN_OR_RETURN(auto host,
                   localcloud::Host::create(
                       loop, config, self,
                       {service.cloud(), [&service] { return service.now(); },
                        [&service](const std::string& instance, localcloud::EndReason reason) {
                          service.on_ended(instance, reason);
                        }}));
  localcloud::Host& hands = *host;
  service.set_hands({.boot = [&hands](const localcloud::Instance& i) { hands.boot(i); },
                     .kill = [&hands](const std::string& i) { hands.kill(i); },
                     .network = [&hands] { return hands.network(); },
                     .exec =
                         [&hands](std::string i, std::vector<std::string> argv) {
                           return hands.exec(std::move(i), std::move(argv));
                         }});
  return host;
}

}  // namespace

int run_cloud(const std::string& path) {
  const auto config = localcloud::load_service_config(path);
  if (!config) return fail_with(config.error(), 78);
  io::Loop loop;
  auto service = localcloud::Service::start(loop, *config);
  if (!service) return fail_with(service.error(), 69);
  std::unique_ptr<localcloud::Host> host;
  if (config->instances) {
    auto made = make_host(loop, *config->instances, **service);
    if (!made) return fail_with(made.error(), 69);
    host = std::move(*made);
  }
  loop.on_signal({SIGINT, SIGTERM}, [&](int) { loop.spawn(end(loop, host.get())); });
  if (const Status told = (*service)->announce(*config); !told) return fail_with(told.error(), 73);
  std::fprintf(stderr, "godwit cloud: EC2 at http://%s:%d\n", config->address.c_str(),
               (*service)->port());
  loop.run();
  return 0;
}

Result<json::Value> ask_cloud(const std::string& socket, const json::Value& request) {
  io::Loop loop;
  Result<json::Value> answer = internal("no answer");
  loop.spawn(ask(loop, socket, request, answer));
  loop.run();
  if (!answer)
    return unavailable(
        std::format("no cloud answers at {}: {}: start one with `godwit up`, or name its socket "
                    "with --socket or GODWIT_CLOUD_SOCKET",
                    socket, answer.error().message));
  return answer;
}

std::optional<int> run_clouds_own(const std::vector<std::string>& words) {
  if (words.size() == 2 && words[0] == "boot-instance") return localcloud::boot_instance(words[1]);
  if (words.size() >= 4 && words[0] == "enter-instance")
    return localcloud::enter_instance(words[1], words[2], {words.begin() + 3, words.end()});
  return std::nullopt;
}

}  // namespace godwit::apps
