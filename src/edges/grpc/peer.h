// Agent to agent: a server for what other agents send, and a mailer to them. Mutual TLS: a
// message's `from` is the name in the sender's certificate, and it is sent only to a server whose
// certificate names `to`.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/error.h"
#include "base/ids.h"
#include "edges/grpc/credentials.h"
#include "edges/grpc/limits.h"
#include "ports/event_sink.h"
#include "ports/log_transfer.h"
#include "ports/mailer.h"

namespace godwit::grpc_edge {

class PeerServer {
 public:
  // Listens on `address`, "0.0.0.0:7001" (port 0: any free one). `arrivals`, `log` and `logs`
  // outlive it. Without `logs` no log is taken.
  static Result<std::unique_ptr<PeerServer>> start(const std::string& address,
                                                   const Credentials& credentials,
                                                   ports::EventSink<ports::Message>& arrivals,
                                                   Log log, ports::LogReceiver* logs = nullptr);
  // Ends calls under way; after it nothing is offered any more.
  ~PeerServer();
  PeerServer(const PeerServer&) = delete;
  PeerServer& operator=(const PeerServer&) = delete;

  std::uint16_t port() const;
  // Messages that were not understood, not for us, or of a nameless sender.
  std::uint64_t dropped() const;

 private:
  class Service;
  PeerServer();
  std::unique_ptr<Service> service_;
};

// One connection per peer, made when there is something to send; one call at a time, so messages to
// one peer keep their order. A message is tried again until it is delivered, refused, pushed out of
// the full queue by newer ones, or older than the patience. It may arrive twice.
class PeerMailer final : public ports::Mailer {
 public:
  PeerMailer(Credentials credentials, MailLimits limits, Log log);
  ~PeerMailer() override;  // What is queued is dropped.

  // Where a node's PeerServer is, "10.0.1.7:7001". A changed address moves what is queued there.
  void set_address(const NodeId& node, const std::string& address);
  // Drops what is queued for it.
  void forget(const NodeId& node);

  // Never blocks. May be called from any thread.
  void send(ports::Message message) override;

  MailCounts counts() const;

 private:
  class Line;
  const Credentials credentials_;
  const MailLimits limits_;
  const Log log_;
  mutable std::mutex mutex_;
  std::map<NodeId, std::unique_ptr<Line>> lines_;
  MailCounts past_;  // Of lines that are gone, and of messages without one.
};

}  // namespace godwit::grpc_edge
