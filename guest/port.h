// The guest's end of the control channel: frames in and out of one virtio-serial port.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "lib/frame/control.h"
#include "lib/frame/frame.h"

namespace godwit::guest {

// Something that keeps what it has to send until the node has it. The port asks it when there is
// room, so nothing waits inside the port for a node that is gone.
class Source {
 public:
  virtual ~Source() = default;
  // The next messages, about `max_bytes` of them; empty when there is nothing to send.
  virtual std::vector<frame::Message> take(std::size_t max_bytes) = 0;
  // A new session has begun: what was taken may be lost.
  virtual void rewind() = 0;
};

class Port {
 public:
  // `welcome` fills the answer to a hello; `receive` gets every other message. Both are called on
  // the reading thread. The descriptor is only borrowed.
  Port(int fd, std::function<frame::Welcome()> welcome,
       std::function<void(const frame::Message&)> receive)
      : fd_(fd), welcome_(std::move(welcome)), receive_(std::move(receive)) {}
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  // Before read_forever(). It outlives the port.
  void add_source(Source& source) { sources_.push_back(&source); }

  // From any thread. Dropped when no node has said hello, or when the node has been away for so
  // long that kMaxWaiting messages wait: the state is told anew in the next Welcome.
  void send(frame::Message message);
  void wake();  // A source has something.
  // Waits until all that was sent is written, or 1 s has passed.
  void flush();

  // What the threads below do with bytes: takes some that came, on the reading thread; and gives
  // the next ones to write, empty when there is nothing to say or nobody has said hello.
  void receive(std::string_view bytes);
  std::string to_send();

  // Each is one thread's whole life.
  [[noreturn]] void read_forever();
  [[noreturn]] void write_forever();
  [[noreturn]] void beat_forever();

 private:
  static constexpr std::size_t kMaxWaiting = 256;
  static constexpr std::size_t kBatch = 16 * 1024;

  void receive_frame(const frame::Frame& frame);
  void begin(const frame::Hello& hello);
  std::string next_batch();  // With the lock held.

  const int fd_;
  const std::function<frame::Welcome()> welcome_;
  const std::function<void(const frame::Message&)> receive_;
  std::vector<Source*> sources_;

  frame::Decoder decoder_;  // Of the reading thread.
  frame::Order order_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t session_ = 0;  // 0: no hello yet.
  std::uint64_t sequence_ = 0;
  std::uint64_t wakes_ = 0;
  bool writing_ = false;
  std::deque<frame::Message> waiting_;
};

// Microseconds since 1970, by the guest's clock.
std::int64_t now_us();

}  // namespace godwit::guest
