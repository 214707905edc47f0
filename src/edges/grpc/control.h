// Agent to control plane and back. The agent dials, since it may be behind a NAT: one stream for as
// long as both live. Mutual TLS: the server knows agents by their certificates, the agents accept
// only a server whose certificate names ports::kControl.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/ids.h"
#include "edges/grpc/credentials.h"
#include "edges/grpc/limits.h"
#include "ports/event_sink.h"
#include "ports/mailer.h"

namespace godwit::grpc_edge {

// The agent's end. Dials again for ever, after 50 ms to 1 s.
class ControlClient final : public ports::Mailer {
 public:
  // Told from gRPC's threads, in order, starting with `true`. Must not call back; it may be told
  // before the constructor has returned.
  using OnAttached = std::function<void(bool attached)>;

  // `address` is host:port. `arrivals` outlives this. Messages that are not for us are dropped.
  ControlClient(const std::string& address, const Credentials& credentials,
                ports::EventSink<ports::Message>& arrivals, OnAttached on_attached,
                MailLimits limits, Log log);
  ~ControlClient() override;  // Ends the stream; after it nothing is offered any more.

  // Never blocks. While not attached messages wait, at most MailLimits::queue of them, the newest.
  void send(ports::Message message) override;

  MailCounts counts() const;

 private:
  class Session;
  std::unique_ptr<Session> session_;
};

// The control plane's end, for many agents.
class ControlServer final : public ports::Mailer {
 public:
  // Told from gRPC's threads, in order for one node. A node that attaches anew while its old stream
  // is not yet known to be dead is told as attached once more, without a `false` between. Must not
  // call back.
  using OnAttached = std::function<void(const NodeId& node, bool attached)>;

  // Listens on `address` (port 0: any free one). `arrivals` outlives this.
  static Result<std::unique_ptr<ControlServer>> start(const std::string& address,
                                                      const Credentials& credentials,
                                                      ports::EventSink<ports::Message>& arrivals,
                                                      OnAttached on_attached, MailLimits limits,
                                                      Log log);
  ~ControlServer() override;

  // Never blocks. Dropped as unaddressed if the agent is not attached; what waits when its stream
  // ends is dropped as expired.
  void send(ports::Message message) override;

  std::uint16_t port() const;
  MailCounts counts() const;

 private:
  class Service;
  ControlServer();
  std::unique_ptr<Service> service_;
};

}  // namespace godwit::grpc_edge
