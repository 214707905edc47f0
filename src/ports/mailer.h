// The door to the other agents and to the control plane. Sending never blocks and promises nothing;
// the transport authenticates both ends, connects by itself and tries again. Arrivals are offered
// to an EventSink<Message>.
#pragma once

#include "ports/event_sink.h"
#include "ports/messages.h"

namespace godwit::ports {

class Mailer {
 public:
  virtual ~Mailer() = default;
  virtual void send(Message message) = 0;
};

}  // namespace godwit::ports
