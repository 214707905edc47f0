// A public server with a scripted control plane behind it; only for tests.
#pragma once

#include <grpcpp/channel.h>

#include <chrono>
#include <condition_variable>
#include <format>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "edges/grpc/channel.h"
#include "edges/grpc/mailbox.h"
#include "edges/grpc/public_server.h"

namespace godwit::grpc_edge {

// Answers at once by a function, or keeps what it is asked.
class Script final : public ports::EventSink<ports::Request> {
 public:
  void offer(ports::Request request) override {
    std::unique_lock lock(mutex_);
    requests.push_back(request);
    arrived_.notify_all();
    const auto reply = answer;
    ports::Answerer* const to = server;
    lock.unlock();
    if (reply) to->answer(request.id, reply(request));
  }
  bool wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    return arrived_.wait_for(lock, std::chrono::seconds{10},
                             [&] { return requests.size() >= count; });
  }

  std::function<ports::Answer(const ports::Request&)> answer;
  std::vector<ports::Request> requests;
  ports::Answerer* server = nullptr;

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
};

struct Rig {
  explicit Rig(PublicOptions options = {})
      : server(PublicServer::start("127.0.0.1:0", fleet.credentials("control"), script,
                                   std::move(options))
                   .value()) {
    script.server = server.get();
  }
  std::shared_ptr<grpc::Channel> channel(const std::string& name) const {
    return make_channel(std::format("127.0.0.1:{}", server->port()), ports::kControl,
                        fleet.credentials(name));
  }

  const Fleet fleet;
  Script script;
  std::unique_ptr<PublicServer> server;
};

}  // namespace godwit::grpc_edge
