#include "apps/cloud_wiring.h"

#include <signal.h>

#include <cstdio>
#include <filesystem>
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
  std::fprintf(stderr, "godwit-cloud: %s\n", to_string(error).c_str());
  return status;
}

io::Task<void> ask(io::Loop& loop, std::string socket, json::Value request, int& status) {
  const auto answer = co_await localcloud::ask_admin(socket, request);
  status = 1;
  if (!answer) {
    fail_with(answer.error(), 1);
  } else if ((*answer).has("error")) {
    std::fprintf(stderr, "godwit-cloud: %s\n", (*answer)["error"].text().c_str());
  } else if ((*answer).has("output")) {
    std::fputs((*answer)["output"].text().c_str(), stdout);
    status = static_cast<int>((*answer)["exit"].integer(1));
  } else {
    std::printf("%s\n", answer->dump().c_str());
    status = 0;
  }
  loop.stop();
}

int control(std::vector<std::string> words) {
  std::string socket = "/run/godwit-cloud.sock";
  if (words.size() >= 2 && words[0] == "--socket") {
    socket = words[1];
    words.erase(words.begin(), words.begin() + 2);
  }
  const auto request = localcloud::admin_request(words);
  if (!request) return fail_with(request.error(), 64);
  io::Loop loop;
  int status = 1;
  loop.spawn(ask(loop, socket, *request, status));
  loop.run();
  return status;
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

int serve(const std::string& path) {
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
  std::fprintf(stderr, "godwit-cloud: EC2 at http://%s:%d\n", config->address.c_str(),
               (*service)->port());
  loop.run();
  return 0;
}

}  // namespace

bool is_clouds_own(const std::string& word) {
  return word == "boot-instance" || word == "enter-instance";
}

int run_cloud(const std::vector<std::string>& words) {
  if (words.size() > 1 && words[0] == "ctl") return control({words.begin() + 1, words.end()});
  if (words.size() == 2 && words[0] == "boot-instance") return localcloud::boot_instance(words[1]);
  if (words.size() >= 4 && words[0] == "enter-instance")
    return localcloud::enter_instance(words[1], words[2], {words.begin() + 3, words.end()});
  if (words.size() == 1 && words[0] != "--help") return serve(words[0]);
  std::fprintf(stderr, "usage: godwit cloud CONFIG.json\n       godwit cloud ctl ...\n");
  return words.size() == 1 ? 0 : 64;
}

}  // namespace godwit::apps
