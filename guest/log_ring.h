// The container's log lines from the pipe until the node's file has them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

#include "guest/port.h"
#include "lib/frame/control.h"

namespace godwit::guest {

// A line costs this beside its text.
inline constexpr std::size_t kLineOverhead = 64;

// Safe for many threads. A full ring blocks append(), so the pipe fills and the container waits:
// no line is ever dropped here.
class LogRing final : public Source {
 public:
  // `wake` is called, without a lock, when there is a line to send.
  LogRing(std::size_t max_bytes, std::function<void()> wake)
      : max_bytes_(max_bytes), wake_(std::move(wake)) {}

  void append(std::uint8_t stream, bool cut, std::int64_t time_us, std::string text);
  // Everything up to and with `sequence` is dropped. Beyond the last line: all of them.
  void acknowledge(std::uint64_t sequence);
  std::uint64_t first() const;  // The oldest line kept, or the next one to come.
  std::uint64_t waits() const;  // How often a full ring made the container wait.

  std::vector<frame::Message> take(std::size_t max_bytes) override;
  void rewind() override;  // All that is kept is sent again.

 private:
  const std::size_t max_bytes_;
  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::deque<frame::LogLine> lines_;
  std::size_t bytes_ = 0;
  std::uint64_t next_ = 1;  // Sequence of the next line.
  std::size_t sent_ = 0;    // So many of lines_ are sent.
  std::uint64_t waits_ = 0;
};

// Cuts a stream of bytes into lines of at most frame::kMaxLine bytes.
class LineCutter {
 public:
  struct Line {
    std::string text;
    bool cut = false;
  };
  std::vector<Line> feed(std::string_view bytes);
  // The last line, if it had no newline.
  std::vector<Line> end();

 private:
  std::string rest_;
};

}  // namespace godwit::guest
