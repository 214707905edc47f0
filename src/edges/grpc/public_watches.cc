#include "edges/grpc/public_watches.h"

#include <utility>

#include "edges/grpc/channel.h"
#include "edges/grpc/public_codec.h"

namespace godwit::grpc_edge {
namespace {

bool wants(const v1::WatchRequest& request, const v1::Change& change) {
  if (!request.groups() && !request.guests() && !request.nodes() && !request.events() &&
      !request.moves() && !request.offerings())
    return true;
  switch (change.object_case()) {
    case v1::Change::kGroup:
      return request.groups();
    case v1::Change::kGuest:
      return request.guests();
    case v1::Change::kNode:
      return request.nodes();
    case v1::Change::kEvent:
      return request.events();
    case v1::Change::kMove:
      return request.moves();
    case v1::Change::kOffering:
      return request.offerings();
    case v1::Change::kRemoved:
      return (change.removed().has_group() && request.groups()) ||
             (change.removed().has_guest() && request.guests()) ||
             (change.removed().has_node() && request.nodes());
    case v1::Change::OBJECT_NOT_SET:
      break;
  }
  return false;
}

}  // namespace

// Its functions but the callbacks run under the lock.
class PublicServer::Watches::Watcher final : public grpc::ServerWriteReactor<v1::Change> {
 public:
  Watcher(Watches& watches, v1::WatchRequest request)
      : watches_(watches), request_(std::move(request)) {}

  void push(const v1::Change& change) {
    if (finished_ || !wants(request_, change)) return;
    if (queue_.size() >= watches_.queue_max_)
      return finish(
          {grpc::ABORTED, "the watcher reads too slowly: list again, then watch from there"});
    queue_.push_back(change);
    write_next();
  }
  void finish(const grpc::Status& status) {
    if (std::exchange(finished_, true)) return;
    queue_.clear();
    Finish(status);
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(watches_.mutex_);
    writing_ = false;
    if (!ok) return finish(grpc::Status::CANCELLED);
    write_next();
  }
  void OnCancel() override {
    const std::lock_guard lock(watches_.mutex_);
    finish(grpc::Status::CANCELLED);
  }
  void OnDone() override {
    {
      const std::lock_guard lock(watches_.mutex_);
      watches_.watchers_.erase(this);
    }
    delete this;
  }

 private:
  void write_next() {
    if (finished_ || writing_ || queue_.empty()) return;
    out_ = std::move(queue_.front());
    queue_.pop_front();
    writing_ = true;
    StartWrite(&out_);
  }

  Watches& watches_;
  const v1::WatchRequest request_;
  std::deque<v1::Change> queue_;
  v1::Change out_;
  bool writing_ = false;
  bool finished_ = false;
};

grpc::ServerWriteReactor<v1::Change>* PublicServer::Watches::watch(const v1::WatchRequest& request,
                                                                   const grpc::Status& admitted) {
  const std::lock_guard lock(mutex_);
  auto* const watcher = new Watcher(*this, request);  // Deletes itself in OnDone.
  const bool full = watchers_.size() >= watchers_max_;
  watchers_.insert(watcher);
  const auto missed =
      history_.since(request.has_after_version() ? request.after_version() : history_.newest());
  if (!admitted.ok()) {
    watcher->finish(admitted);
  } else if (closing_) {
    watcher->finish({grpc::UNAVAILABLE, "the control plane is ending: try again"});
  } else if (full) {
    watcher->finish({grpc::RESOURCE_EXHAUSTED, "too many watchers: try again later"});
  } else if (!missed) {
    watcher->finish(to_grpc(missed.error()));
  } else {
    watcher->StartSendInitialMetadata();  // Tells the client that it misses nothing from now on.
    v1::Change wire;
    for (const ports::Change& change : *missed) {
      to_wire(change, wire);
      watcher->push(wire);
    }
  }
  return watcher;
}

void PublicServer::Watches::begin(std::uint64_t version) {
  const std::lock_guard lock(mutex_);
  history_.begin(version);
}

void PublicServer::Watches::publish(ports::Change change) {
  v1::Change wire;
  to_wire(change, wire);
  const std::lock_guard lock(mutex_);
  history_.add(std::move(change));
  for (Watcher* watcher : watchers_) watcher->push(wire);
}

void PublicServer::Watches::close() {
  const std::lock_guard lock(mutex_);
  closing_ = true;
  for (Watcher* watcher : watchers_)
    watcher->finish({grpc::UNAVAILABLE, "the control plane is ending: try again"});
}

}  // namespace godwit::grpc_edge
