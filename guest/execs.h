// Programs run beside the container on request, and what they print, until the node has it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "guest/children.h"
#include "guest/port.h"
#include "lib/frame/control.h"

namespace godwit::guest {

class Execs final : public Source {
 public:
  // Answers to repeated requests are kept for this many that have ended.
  static constexpr std::size_t kKept = 16;
  // At the same time; one more is refused.
  static constexpr std::size_t kMaxRunning = 32;

  // `wake` is called, without a lock, when there is something to send. Lives as long as the
  // program.
  Execs(Children& children, std::string root, std::function<void()> wake)
      : children_(children), root_(std::move(root)), wake_(std::move(wake)) {}

  // Starts it, or sends what it printed from byte `have` on if the id was seen before.
  void request(const frame::Exec& exec);

  std::vector<frame::Message> take(std::size_t max_bytes) override;
  void rewind() override;  // Each waits until its request comes again.

 private:
  struct Chunk {
    std::uint64_t offset;
    std::uint8_t stream;
    std::string bytes;
  };
  struct One {
    frame::Exec exec;
    std::vector<Chunk> chunks;
    std::uint64_t bytes = 0;  // In chunks.
    frame::ExecEnd end;
    bool ended = false;
    // Towards the node of this session.
    bool wanted = true;
    std::uint64_t sent = 0;
    bool end_sent = false;
  };

  void run(std::shared_ptr<One> one);
  void collect(One& one, int out, int err, int over);
  void keep(One& one, std::uint8_t stream, std::string_view bytes);
  void finish(One& one, const frame::ExecEnd& end);
  void forget_old();  // With the lock held.

  Children& children_;
  const std::string root_;
  const std::function<void()> wake_;
  std::mutex mutex_;
  std::map<frame::Id, std::shared_ptr<One>> all_;
  std::deque<frame::Id> ended_;  // Oldest first.
};

}  // namespace godwit::guest
