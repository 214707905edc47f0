// Watch streams; only for public_server.cc.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <deque>
#include <mutex>
#include <set>

#include "edges/grpc/public_server.h"
#include "godwit/v1/services.pb.h"
#include "ports/change_history.h"

namespace godwit::grpc_edge {

// One lock for all: changes are few, and gRPC never runs a callback inside the call that started
// it.
class PublicServer::Watches {
 public:
  explicit Watches(const PublicOptions& options)
      : watchers_max_(options.watchers), queue_max_(options.changes), history_(options.changes) {}

  // `admitted` is not OK: the watch ends with it.
  grpc::ServerWriteReactor<v1::Change>* watch(const v1::WatchRequest& request,
                                              const grpc::Status& admitted);
  void begin(std::uint64_t version);
  void publish(ports::Change change);
  void close();

 private:
  class Watcher;

  const std::size_t watchers_max_, queue_max_;
  std::mutex mutex_;
  ports::ChangeHistory history_;
  std::set<Watcher*> watchers_;
  bool closing_ = false;
};

}  // namespace godwit::grpc_edge
