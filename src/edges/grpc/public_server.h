// Serves api/godwit/v1 to users, by mutual TLS: offers what they ask as ports::Request, completes
// their calls with what the control plane answers, and tells watchers what it publishes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/error.h"
#include "edges/grpc/credentials.h"
#include "ports/api.h"
#include "ports/event_sink.h"

namespace godwit::grpc_edge {

struct PublicOptions {
  // Calls under way; more are refused with RESOURCE_EXHAUSTED. People and scripts have a few each.
  std::size_t calls = 256;
  std::size_t watchers = 64;
  // Changes that wait for one watcher; one that is further behind is ended with ABORTED. Also the
  // length of the history for those who come back.
  std::size_t changes = 4096;
  // Methods that this release does not do, "Guests.Exec", each with the sentence that says so.
  std::map<std::string, std::string> unserved;
};

class PublicServer final : public ports::Answerer, public ports::Publisher {
 public:
  // Listens on `address` (port 0: any free one). `credentials` are the control plane's. `requests`
  // outlives this; it is offered to from gRPC's threads.
  static Result<std::unique_ptr<PublicServer>> start(const std::string& address,
                                                     const Credentials& credentials,
                                                     ports::EventSink<ports::Request>& requests,
                                                     PublicOptions options);
  // Ends calls and watches with UNAVAILABLE; after it nothing is offered any more.
  ~PublicServer() override;

  // From any thread.
  void answer(std::uint64_t id, ports::Answer answer) override;
  void begin(std::uint64_t version) override;
  void publish(ports::Change change) override;

  std::uint16_t port() const;

 private:
  class Calls;
  class Watches;
  struct Services;
  PublicServer();
  std::unique_ptr<Calls> calls_;
  std::unique_ptr<Watches> watches_;
  std::unique_ptr<Services> services_;
};

}  // namespace godwit::grpc_edge
