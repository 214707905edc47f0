#include <grpcpp/alarm.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <format>
#include <utility>

#include "edges/grpc/channel.h"
#include "edges/grpc/codec.h"
#include "edges/grpc/peer.h"
#include "godwit/agent/v1/transport.grpc.pb.h"

namespace godwit::grpc_edge {

namespace wire = agent::v1;
using Clock = std::chrono::steady_clock;

// The mail to one peer: idle -> calling -> (idle | calling | pausing -> calling). Callbacks of gRPC
// run on its threads, never inside the call that started them.
class PeerMailer::Line {
 public:
  Line(NodeId node, std::string address, const Credentials& credentials, const MailLimits& limits,
       const Log& log)
      : node_(std::move(node)),
        address_(std::move(address)),
        credentials_(credentials),
        limits_(limits),
        log_(log) {}

  ~Line() {
    std::unique_lock lock(mutex_);
    closing_ = true;
    if (call_) call_->context.TryCancel();
    if (alarm_) alarm_->Cancel();
    at_rest_.wait(lock, [this] { return users_ == 0; });
  }

  void set_address(const std::string& address) {
    const std::lock_guard lock(mutex_);
    if (address == address_) return;
    address_ = address;
    moved_ = true;
    reachable_ = true;
    if (call_) call_->context.TryCancel();
  }

  void send(ports::Message message) {
    {
      const std::lock_guard lock(mutex_);
      if (queue_.size() >= limits_.queue) {
        queue_.pop_front();
        ++counts_.overflowed;
      }
      queue_.push_back({std::move(message), Clock::now() + limits_.patience});
      if (std::exchange(busy_, true)) return;  // The end of what is under way looks into the queue.
      ++users_;
    }
    go_on(/*pause=*/false);
  }

  MailCounts counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
  }

 private:
  struct Queued {
    ports::Message message;
    Clock::time_point expires;
  };
  struct Call {
    Queued mail;
    grpc::ClientContext context;
    wire::Envelope request;
    wire::Delivered reply;
  };

  // The next step of whoever holds the turn (`busy_`, one of `users_`); gives it up or passes it to
  // a callback.
  void go_on(bool pause) {
    wire::Peer::Stub* stub = nullptr;
    Call* call = nullptr;
    {
      const std::lock_guard lock(mutex_);
      drop_expired();
      if (closing_ || queue_.empty()) {
        busy_ = false;
        return leave();
      }
      if (pause) {
        // A new one each time: the last one's callback may still be returning.
        alarm_ = std::make_unique<grpc::Alarm>();
        alarm_->Set(std::chrono::system_clock::now() + kRetryFirst,
                    [this](bool) { go_on(/*pause=*/false); });
        return;
      }
      if (!stub_ || moved_) {
        stub_ = wire::Peer::NewStub(make_channel(address_, node_, credentials_));
        moved_ = false;
      }
      call_ = std::make_unique<Call>();
      call_->mail = std::move(queue_.front());
      queue_.pop_front();
      to_wire(call_->mail.message, call_->request);
      call_->context.set_deadline(std::chrono::system_clock::now() + limits_.call);
      stub = stub_.get();
      call = call_.get();
      ++users_;  // This function, until the call has been started; the callback has our turn.
    }
    stub->async()->Deliver(&call->context, &call->request, &call->reply,
                           [this](const grpc::Status& status) { done(status); });
    const std::lock_guard lock(mutex_);
    leave();
  }

  void done(const grpc::Status& status) {
    bool again = false;
    std::string news;
    {
      const std::lock_guard lock(mutex_);
      const std::unique_ptr<Call> call = std::move(call_);
      switch (status.error_code()) {
        case grpc::StatusCode::OK:
          ++counts_.delivered;
          if (!std::exchange(reachable_, true)) news = "reachable again";
          break;
        case grpc::StatusCode::UNAVAILABLE:
        case grpc::StatusCode::CANCELLED:
        case grpc::StatusCode::DEADLINE_EXCEEDED:
          again = true;
          if (!moved_ && !closing_ && std::exchange(reachable_, false)) {
            news = "unreachable, " + to_string(status);
          }
          put_back(std::move(call->mail));
          break;
        default:
          ++counts_.refused;
          news = "refused a message, " + to_string(status);
      }
    }
    if (!news.empty()) log_(std::format("peer {}: {}", node_.value, news));
    go_on(again);
  }

  void put_back(Queued mail) {
    if (queue_.size() >= limits_.queue) {
      ++counts_.overflowed;
    } else {
      queue_.push_front(std::move(mail));
    }
  }

  void drop_expired() {
    const Clock::time_point now = Clock::now();
    while (!queue_.empty() && queue_.front().expires <= now) {
      queue_.pop_front();
      ++counts_.expired;
    }
  }

  // Under the lock, so that the destructor cannot end between the count and the notice.
  void leave() {
    if (--users_ == 0) at_rest_.notify_all();
  }

  const NodeId node_;
  std::string address_;
  const Credentials& credentials_;
  const MailLimits& limits_;
  const Log& log_;

  mutable std::mutex mutex_;
  std::condition_variable at_rest_;
  std::deque<Queued> queue_;
  std::unique_ptr<wire::Peer::Stub> stub_;
  std::unique_ptr<Call> call_;
  std::unique_ptr<grpc::Alarm> alarm_;
  bool busy_ = false;  // A call or a pause is under way: somebody has the turn.
  int users_ = 0;      // Of this object: who has the turn, and who is starting a call. 0: at rest.
  bool moved_ = false;
  bool reachable_ = true;
  bool closing_ = false;
  MailCounts counts_;
};

PeerMailer::PeerMailer(Credentials credentials, MailLimits limits, Log log)
    : credentials_(std::move(credentials)), limits_(limits), log_(std::move(log)) {}

PeerMailer::~PeerMailer() = default;

void PeerMailer::set_address(const NodeId& node, const std::string& address) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Line>& line = lines_[node];
  if (line) return line->set_address(address);
  line = std::make_unique<Line>(node, address, credentials_, limits_, log_);
}

void PeerMailer::forget(const NodeId& node) {
  const std::lock_guard lock(mutex_);
  const auto line = lines_.find(node);
  if (line == lines_.end()) return;
  const MailCounts counts = line->second->counts();
  past_.delivered += counts.delivered;
  past_.overflowed += counts.overflowed;
  past_.expired += counts.expired;
  past_.refused += counts.refused;
  lines_.erase(line);
}

void PeerMailer::send(ports::Message message) {
  const std::lock_guard lock(mutex_);
  const auto line = lines_.find(message.to);
  if (line == lines_.end()) {
    ++past_.unaddressed;
    return;
  }
  line->second->send(std::move(message));
}

MailCounts PeerMailer::counts() const {
  const std::lock_guard lock(mutex_);
  MailCounts sum = past_;
  for (const auto& [node, line] : lines_) {
    const MailCounts counts = line->counts();
    sum.delivered += counts.delivered;
    sum.overflowed += counts.overflowed;
    sum.expired += counts.expired;
    sum.refused += counts.refused;
  }
  return sum;
}

}  // namespace godwit::grpc_edge
