#include <grpcpp/alarm.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <format>
#include <mutex>
#include <optional>
#include <utility>

#include "edges/grpc/channel.h"
#include "edges/grpc/codec.h"
#include "edges/grpc/control.h"
#include "godwit/agent/v1/transport.grpc.pb.h"

namespace godwit::grpc_edge {

namespace wire = agent::v1;

// What outlives the single stream: the queue, the back-off. All callbacks take the one lock, and
// gRPC never runs one inside the call that started it.
class ControlClient::Session {
 public:
  Session(const std::string& address, const Credentials& credentials,
          ports::EventSink<ports::Message>& arrivals, OnAttached on_attached, MailLimits limits,
          Log log)
      : self_(tls::common_name(credentials.self.certificate).value_or("")),
        stub_(wire::Control::NewStub(make_channel(address, ports::kControl, credentials))),
        arrivals_(arrivals),
        on_attached_(std::move(on_attached)),
        limits_(limits),
        log_(std::move(log)) {
    const std::lock_guard lock(mutex_);
    open();
  }

  ~Session() {
    std::unique_lock lock(mutex_);
    closing_ = true;
    if (stream_) stream_->context.TryCancel();
    if (alarm_) alarm_->Cancel();
    at_rest_.wait(lock, [this] { return at_rest_now_; });
  }

  void send(ports::Message message) {
    const std::lock_guard lock(mutex_);
    // The first may be on its way already; it stays first, beside the bound.
    const std::size_t sending = writing() ? 1 : 0;
    if (queue_.size() >= limits_.queue + sending) {
      queue_.erase(queue_.begin() + static_cast<std::ptrdiff_t>(sending));
      ++counts_.overflowed;
    }
    queue_.push_back(std::move(message));
    if (stream_) stream_->write_next();
  }

  MailCounts counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
  }

 private:
  // One call. A hold keeps OnDone away while the session may still start writes from outside.
  class Stream final : public grpc::ClientBidiReactor<wire::Envelope, wire::Envelope> {
   public:
    explicit Stream(Session& session) : session_(session) {}

    void start() {
      session_.stub_->async()->Attach(&context, this);
      AddHold();
      StartRead(&in_);
      StartCall();
    }

    // Under the lock.
    void write_next() {
      if (!attached || over_ || writing || session_.queue_.empty()) return;
      to_wire(session_.queue_.front(), out_);
      writing = true;
      StartWrite(&out_);
    }

    void OnReadInitialMetadataDone(bool ok) override {
      if (!ok) return;
      const std::lock_guard lock(session_.mutex_);
      attached = true;
      session_.attached();
      write_next();
    }

    void OnReadDone(bool ok) override {
      if (!ok) {
        {
          const std::lock_guard lock(session_.mutex_);
          over_ = true;
        }
        RemoveHold();
        return;
      }
      session_.take(in_);
      StartRead(&in_);
    }

    void OnWriteDone(bool ok) override {
      const std::lock_guard lock(session_.mutex_);
      writing = false;
      if (!ok) return;  // The stream is about to end; the message goes by the next one.
      session_.queue_.pop_front();
      ++session_.counts_.delivered;
      write_next();
    }

    void OnDone(const grpc::Status& status) override { session_.ended(status); }

    grpc::ClientContext context;
    bool attached = false;
    bool writing = false;

   private:
    Session& session_;
    bool over_ = false;
    wire::Envelope in_, out_;
  };

  bool writing() const { return stream_ && stream_->writing; }

  void open() {
    stream_ = std::make_unique<Stream>(*this);
    stream_->start();
  }

  void attached() {
    pause_ = kRetryFirst;
    unreachable_told_ = false;
    on_attached_(true);
  }

  void take(const wire::Envelope& envelope) {
    Result<ports::Message> message = from_wire(envelope);
    if (message && message->to.value != self_) {
      message =
          precondition(std::format("message is for {}, this is {}", message->to.value, self_));
    }
    if (!message) {
      {
        const std::lock_guard lock(mutex_);
        ++counts_.refused;
      }
      log_(std::format("dropped what control sent: {}", godwit::to_string(message.error())));
      return;
    }
    message->from = ports::kControl;
    arrivals_.offer(*std::move(message));
  }

  void ended(const grpc::Status& status) {
    const std::lock_guard lock(mutex_);
    const std::unique_ptr<Stream> stream = std::move(stream_);
    if (stream->attached) on_attached_(false);
    if (!closing_ && !std::exchange(unreachable_told_, true)) {
      log_(std::format("control: stream ended, {}", to_string(status)));
    }
    if (closing_) return rest();
    // A new one each time: the last one's callback may still be returning.
    alarm_ = std::make_unique<grpc::Alarm>();
    alarm_->Set(std::chrono::system_clock::now() + pause_, [this](bool) {
      const std::lock_guard again(mutex_);
      if (closing_) return rest();
      open();
    });
    pause_ = std::min(2 * pause_, kRetryMax);
  }

  void rest() {
    at_rest_now_ = true;
    at_rest_.notify_all();
  }

  const std::string self_;
  const std::unique_ptr<wire::Control::Stub> stub_;
  ports::EventSink<ports::Message>& arrivals_;
  const OnAttached on_attached_;
  const MailLimits limits_;
  const Log log_;

  mutable std::mutex mutex_;
  std::condition_variable at_rest_;
  std::deque<ports::Message> queue_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<grpc::Alarm> alarm_;
  std::chrono::milliseconds pause_ = kRetryFirst;
  bool unreachable_told_ = false;
  bool closing_ = false;
  bool at_rest_now_ = false;
  MailCounts counts_;
};

ControlClient::ControlClient(const std::string& address, const Credentials& credentials,
                             ports::EventSink<ports::Message>& arrivals, OnAttached on_attached,
                             MailLimits limits, Log log)
    : session_(std::make_unique<Session>(address, credentials, arrivals, std::move(on_attached),
                                         limits, std::move(log))) {}

ControlClient::~ControlClient() = default;

void ControlClient::send(ports::Message message) { session_->send(std::move(message)); }

MailCounts ControlClient::counts() const { return session_->counts(); }

}  // namespace godwit::grpc_edge
