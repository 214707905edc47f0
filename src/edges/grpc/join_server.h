// Serves the service Join to instances that are to become nodes: asks the control plane whom a
// token stands for, and signs what it says. Nothing is signed before its answer, so the row that
// binds token and key is committed before anybody has the certificate.
//
// Callers have no certificate; a token is 256 random bits, so guessing needs no defence but the
// bound on calls under way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/time.h"
#include "edges/grpc/credentials.h"
#include "lib/tls/authority.h"
#include "ports/api.h"
#include "ports/event_sink.h"

namespace godwit::grpc_edge {

// The numbers of join requests have this bit, those of the public server never: one control plane
// answers both. See SplitAnswers.
inline constexpr std::uint64_t kJoinBit = std::uint64_t{1} << 63;

struct JoinOptions {
  // Calls under way; more are refused with RESOURCE_EXHAUSTED, and agents try again. A whole fleet
  // that starts at once has some tens of nodes, and an answer takes one commit.
  std::size_t calls = 64;
};

class JoinServer final : public ports::Answerer {
 public:
  // Listens on `address` (port 0: any free one) with `self`, the control plane's own certificate.
  // `authority` signs; `clock` says from when on a certificate is valid. `requests` outlives this;
  // it is offered ports::JoinNode from gRPC's threads.
  static Result<std::unique_ptr<JoinServer>> start(const std::string& address,
                                                   const Credentials& self, tls::Identity authority,
                                                   ports::EventSink<ports::Request>& requests,
                                                   std::function<Time()> clock,
                                                   JoinOptions options);
  // Ends calls with UNAVAILABLE; after it nothing is offered any more.
  ~JoinServer() override;

  // From any thread. Expects a NodeView, of which `node` counts.
  void answer(std::uint64_t id, ports::Answer answer) override;

  std::uint16_t port() const;

 private:
  class Service;
  JoinServer();
  std::unique_ptr<Service> service_;
};

// Gives each answer to the server that asked for it. Either may be absent; both outlive this.
class SplitAnswers final : public ports::Answerer {
 public:
  SplitAnswers(ports::Answerer* joins, ports::Answerer* others) : joins_(joins), others_(others) {}
  void answer(std::uint64_t id, ports::Answer answer) override {
    ports::Answerer* const to = (id & kJoinBit) != 0 ? joins_ : others_;
    if (to) to->answer(id, std::move(answer));
  }

 private:
  ports::Answerer* const joins_;
  ports::Answerer* const others_;
};

}  // namespace godwit::grpc_edge
