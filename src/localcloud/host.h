// Real instances: each has a network namespace in the VPC, a metadata service, a cgroup that holds
// it to its type's CPUs and memory, and a keeper program (boot.h) with its pid 1 below. All of it
// is made within one call and gone when the instance has ended.
//
// DIRECTORY/ID has the upper layer while it lives; DIRECTORY/ID.console stays: what the keeper,
// init and the user data printed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "lib/io/loop.h"
#include "lib/json/json.h"
#include "localcloud/cloud.h"
#include "localcloud/config.h"
#include "localcloud/vpc.h"

namespace godwit::localcloud {

class Host {
 public:
  struct World {
    const Cloud& cloud;
    std::function<Time()> now;
    // An instance ended by itself or could not be started; never called from within boot().
    std::function<void(const std::string& instance, EndReason)> ended;
  };
  // `program` is `godwit` itself, which is started again for every instance. Needs root and the
  // root filesystem. Everything `world` refers to, and the loop, outlive this.
  static Result<std::unique_ptr<Host>> create(io::Loop& loop, const HostConfig& config,
                                              std::string program, World world);
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  void boot(const Instance& instance);
  void kill(const std::string& instance);
  // {"ok": true, "exit": N, "output": TEXT (1 MB at most)} or a refusal() of admin.h.
  io::Task<json::Value> exec(std::string instance, std::vector<std::string> argv);
  // Kills all and waits until their keepers have ended.
  io::Task<void> stop();

  json::Value network() const;  // See `status` in admin.h.

 private:
  struct Living;
  Host(io::Loop& loop, const HostConfig& config, std::string program, World world);
  Status prepare(const Instance& instance, Living& living);
  Status confine(const Instance& instance, Living& living);
  Status start(Living& living);
  io::Task<void> watch(std::string id);
  void clean(Living& living);

  io::Loop& loop_;
  HostConfig config_;
  std::string program_;
  World world_;
  std::string group_;  // Name of the cgroup above all instances.
  std::unique_ptr<Vpc> vpc_;
  std::map<std::string, std::unique_ptr<Living>> living_;
  std::uint64_t commands_ = 0;
  io::Notifier one_ended_;
};

}  // namespace godwit::localcloud
