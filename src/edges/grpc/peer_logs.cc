#include "edges/grpc/peer_logs.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <condition_variable>
#include <format>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "edges/grpc/channel.h"
#include "godwit/agent/v1/transport.grpc.pb.h"

namespace godwit::grpc_edge {

namespace wire = agent::v1;

namespace {

constexpr std::size_t kPieceBytes = 64 * 1024;
// 4 MiB at 1 Mbit/s are 34 s; a dead connection is known after 4 s (channel.cc).
constexpr std::chrono::seconds kLimit{60};

Status status_of(const grpc::Status& status) {
  if (status.ok()) return {};
  const Code code = status.error_code() == grpc::StatusCode::INVALID_ARGUMENT
                        ? Code::kInvalidArgument
                        : Code::kUnavailable;
  return fail(code, to_string(status));
}

}  // namespace

class PeerLogs::Lines {
 public:
  explicit Lines(Credentials credentials) : credentials_(std::move(credentials)) {}
  ~Lines() {
    std::unique_lock lock(mutex_);
    closing_ = true;
    for (Call* call : calls_) call->context.TryCancel();
    at_rest_.wait(lock, [this] { return calls_.empty(); });
  }

  void set_address(const NodeId& node, const std::string& address) {
    const std::lock_guard lock(mutex_);
    Line& line = lines_[node];
    if (line.address == address) return;
    line = {address, nullptr};
  }

  void send(const NodeId& to, ports::LogSegment segment, ports::LogDone done) {
    std::unique_lock lock(mutex_);
    const auto line = lines_.find(to);
    if (line == lines_.end() || closing_) {
      lock.unlock();
      return done(not_found(std::format("no address of {}", to.value)));
    }
    auto& stub = line->second.stub;
    if (!stub) stub = wire::Peer::NewStub(make_channel(line->second.address, to, credentials_));
    auto* const call = new Call(*this, stub, to, std::move(segment), std::move(done));
    calls_.insert(call);
    lock.unlock();
    call->start();
  }

 private:
  struct Call final : grpc::ClientWriteReactor<wire::LogPiece> {
    Call(Lines& owner, std::shared_ptr<wire::Peer::Stub> stub, const NodeId& to,
         ports::LogSegment sent, ports::LogDone when_done)
        : lines(owner),
          peer(std::move(stub)),
          segment(std::move(sent)),
          done(std::move(when_done)) {
      piece.set_guest(segment.guest.value);
      piece.set_to(to.value);
      piece.set_size(segment.bytes.size());
      context.set_deadline(std::chrono::system_clock::now() + kLimit);
    }
    void start() {
      peer->async()->KeepLog(&context, &reply, this);
      write_next();
      StartCall();
    }
    void write_next() {
      piece.set_bytes(segment.bytes.substr(at, kPieceBytes));
      at += piece.bytes().size();
      if (at < segment.bytes.size()) return StartWrite(&piece);
      StartWriteLast(&piece, {});
    }
    void OnWriteDone(bool ok) override {
      if (!ok || at >= segment.bytes.size()) return;  // OnDone says how it ended.
      piece.clear_guest();
      piece.clear_to();
      piece.clear_size();
      write_next();
    }
    void OnDone(const grpc::Status& status) override {
      done(status_of(status));
      lines.ended(this);
    }

    Lines& lines;
    const std::shared_ptr<wire::Peer::Stub> peer;
    const ports::LogSegment segment;
    const ports::LogDone done;
    grpc::ClientContext context;
    wire::LogPiece piece;
    wire::LogKept reply;
    std::size_t at = 0;
  };
  struct Line {
    std::string address;
    std::shared_ptr<wire::Peer::Stub> stub;
  };

  // Under the lock to the end, so that the destructor cannot overtake it.
  void ended(Call* call) {
    const std::lock_guard lock(mutex_);
    calls_.erase(call);
    delete call;
    at_rest_.notify_all();
  }

  const Credentials credentials_;
  std::mutex mutex_;
  std::condition_variable at_rest_;
  std::map<NodeId, Line> lines_;
  std::set<Call*> calls_;
  bool closing_ = false;
};

PeerLogs::PeerLogs(Credentials credentials)
    : lines_(std::make_unique<Lines>(std::move(credentials))) {}

PeerLogs::~PeerLogs() = default;

void PeerLogs::set_address(const NodeId& node, const std::string& address) {
  lines_->set_address(node, address);
}

void PeerLogs::send(const NodeId& to, ports::LogSegment segment, ports::LogDone done) {
  lines_->send(to, std::move(segment), std::move(done));
}

}  // namespace godwit::grpc_edge
