// The cloud at work: the API over HTTP, the operator's socket, the clock, and (if configured) real
// instances. One loop, one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "lib/http/server.h"
#include "lib/io/loop.h"
#include "lib/io/stream.h"
#include "lib/json/json.h"
#include "localcloud/api.h"
#include "localcloud/cloud.h"
#include "localcloud/config.h"

namespace godwit::localcloud {

// What starts and ends real instances. Absent members do nothing.
struct Hands {
  std::function<void(const Instance&)> boot;
  std::function<void(const std::string& instance)> kill;
  // Added to `status` as "network".
  std::function<json::Value()> network;
  // Runs a command in an instance: {"ok": true, "exit": N, "output": TEXT} or a refusal() of
  // admin.h.
  std::function<io::Task<json::Value>(std::string instance, std::vector<std::string> argv)> exec;
};

class Service {
 public:
  // Listens; the loop must outlive this, and be run. Prices begin now. Requests wait for the loop.
  static Result<std::unique_ptr<Service>> start(io::Loop& loop, const ServiceConfig& config);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Writes the port file, if one is configured.
  Status announce(const ServiceConfig& config) const;

  void set_hands(Hands hands) { hands_ = std::move(hands); }
  // A real instance has ended without being asked to, or could not be started.
  void on_ended(const std::string& instance, EndReason reason);

  std::uint16_t port() const { return http_->port(); }
  const Cloud& cloud() const { return cloud_; }
  Time now();  // The wall clock, but never backwards.

 private:
  Service(io::Loop& loop, const ServiceConfig& config, Time start);
  io::Task<http::Response> answer(http::Request request);
  io::Task<void> serve_admin();
  io::Task<void> talk(io::Stream stream);
  io::Task<json::Value> command(json::Value request);
  io::Task<void> keep_time();
  void apply_effects();

  io::Loop& loop_;
  Time latest_;
  Cloud cloud_;
  Api api_;
  Hands hands_;
  io::Notifier changed_;
  std::unique_ptr<http::Server> http_;
  std::unique_ptr<io::Listener> admin_;
};

// Asks a running service over its socket: one request, one answer.
io::Task<Result<json::Value>> ask_admin(std::string socket, json::Value request);

}  // namespace godwit::localcloud
