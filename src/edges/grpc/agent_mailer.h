// One mailer for an agent: what is for the control plane goes by the stream, the rest to peers.
#pragma once

#include <utility>

#include "ports/mailer.h"

namespace godwit::grpc_edge {

class AgentMailer final : public ports::Mailer {
 public:
  // Both outlive it.
  AgentMailer(ports::Mailer& control, ports::Mailer& peers) : control_(control), peers_(peers) {}

  void send(ports::Message message) override {
    ports::Mailer& mailer = message.to == ports::kControl ? control_ : peers_;
    mailer.send(std::move(message));
  }

 private:
  ports::Mailer& control_;
  ports::Mailer& peers_;
};

}  // namespace godwit::grpc_edge
