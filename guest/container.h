// The one container of this guest: its runs, its restart policy, its health, its streams.
//
//   kNone --start--> kRunning --end, policy says no--> kEnded
//                       ^  |
//                       |  +--end, policy says again--> kWaiting (back-off)
//                       +------------------------------------+
// stop() leads to kEnded from everywhere.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "guest/children.h"
#include "guest/log_ring.h"
#include "lib/frame/control.h"

namespace godwit::guest {

struct Ending {
  std::int32_t exit_status = -1;  // Or -1: ended by a signal.
  std::int32_t signal = 0;
};
Ending ending(int wait_status);

bool starts_again(frame::Restart policy, const Ending& end);
// The wait before the next start, after `restarts` in a row.
std::chrono::milliseconds back_off(const frame::Start& start, std::uint32_t restarts);

class Container {
 public:
  struct World {
    std::string root;                               // Where its file system is.
    std::function<void()> kill_rest;                // Ends what a run has left behind.
    std::function<void(const frame::State&)> tell;  // Every change; any thread, no lock held.
  };
  // All outlive the container, which lives as long as the program.
  Container(Children& children, LogRing& log, World world)
      : children_(children), log_(log), world_(std::move(world)) {}
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  // Empty, or why not. A container that was started already is success, whatever it was told.
  // `prepare` is called before the first run, if there is to be one.
  std::string start(const frame::Start& start, const std::function<void()>& prepare = [] {});
  std::string signal(int number);
  std::string stop(std::chrono::milliseconds grace);
  frame::State state() const;

 private:
  void run_forever();
  Ending run_once();
  bool wait_for_restart(std::uint32_t restarts);
  void pump(int fd, std::uint8_t stream);
  void watch_health();
  std::string probe();  // Empty when healthy.
  void note_probe(const std::string& failure, std::uint32_t& failures);
  void change(const std::function<void(frame::State&)>& edit);

  Children& children_;
  LogRing& log_;
  const World world_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  frame::State state_;
  frame::Start start_;
  bool started_ = false;
  bool stopping_ = false;
  pid_t pid_ = 0;  // Of the running program, or 0.
};

}  // namespace godwit::guest
