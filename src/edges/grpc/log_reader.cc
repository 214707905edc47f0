#include "edges/grpc/log_reader.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <format>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "edges/grpc/channel.h"
#include "godwit/agent/v1/transport.pb.h"

namespace godwit::grpc_edge {
namespace {

namespace wire = agent::v1;

class LogReader final : public grpc::ServerReadReactor<wire::LogPiece> {
 public:
  LogReader(bool named, const NodeId& self, ports::LogReceiver* logs)
      : self_(self), logs_(logs), end_(std::make_shared<End>(this)) {
    if (!named) {
      end_->finish(fail(Code::kPermissionDenied, "the caller's certificate has no name"));
    } else if (!logs_) {
      end_->finish(precondition("this node takes no logs"));
    } else {
      StartRead(&piece_);
    }
  }

  void OnReadDone(bool ok) override {
    if (!ok) return whole();
    if (const Status taken = take(); !taken) return end_->finish(taken);
    StartRead(&piece_);
  }
  // The caller is gone, or the server ends: nobody waits for the receiver's word any more.
  void OnCancel() override { end_->finish(fail(Code::kAborted, "cancelled")); }
  void OnDone() override { delete this; }

 private:
  // The receiver may answer late, from another thread, or never: it holds this, not the reactor.
  struct End {
    explicit End(LogReader* reader) : reader(reader) {}
    void finish(const Status& status) {
      LogReader* owner = nullptr;
      {
        const std::lock_guard lock(mutex);
        owner = std::exchange(reader, nullptr);
      }
      if (owner) owner->Finish(status ? grpc::Status::OK : to_grpc(status.error()));
    }
    std::mutex mutex;
    LogReader* reader;
  };

  Status take() {
    if (!size_) {
      if (piece_.to() != self_.value)
        return precondition(std::format("log is for {}, this is {}", piece_.to(), self_.value));
      if (piece_.size() > kMaxLogBytes)
        return invalid(std::format("log of {} bytes, at most {}", piece_.size(), kMaxLogBytes));
      segment_.guest.value = piece_.guest();
      size_ = piece_.size();
    }
    if (segment_.bytes.size() + piece_.bytes().size() > *size_)
      return invalid("log is longer than was said");
    segment_.bytes += piece_.bytes();
    return {};
  }

  // The stream's end: the caller's, or the connection's.
  void whole() {
    if (!size_ || segment_.bytes.size() != *size_)
      return end_->finish(unavailable("log did not come whole"));
    logs_->keep(std::move(segment_), [end = end_](const Status& status) { end->finish(status); });
  }

  const NodeId self_;
  ports::LogReceiver* const logs_;
  const std::shared_ptr<End> end_;
  wire::LogPiece piece_;
  std::optional<std::uint64_t> size_;
  ports::LogSegment segment_;
};

}  // namespace

grpc::ServerReadReactor<wire::LogPiece>* receive_log(bool named, const NodeId& self,
                                                     ports::LogReceiver* logs) {
  return new LogReader(named, self, logs);
}

}  // namespace godwit::grpc_edge
