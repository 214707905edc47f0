// Plans are made beside the loop, by one thread: a large fleet's takes longer than a turn may.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "control/step.h"

namespace godwit::runtime {

class Solver {
 public:
  // `done` is called by the solver's own thread, once for each solve, and never after the
  // destructor has begun. It must not block.
  explicit Solver(std::function<void(control::Solved)> done);
  // Does not wait for the plan that is being made: a plan cannot be broken off, and nobody wants
  // this one any more. Its thread ends with it, or with the process.
  ~Solver();
  Solver(const Solver&) = delete;
  Solver& operator=(const Solver&) = delete;

  // Never blocks. The one before has been answered: the control plane asks for one at a time.
  void submit(control::Solve solve);

 private:
  struct Shared {  // With the thread, which may outlive this.
    std::mutex mutex;
    std::condition_variable woken;
    std::function<void(control::Solved)> done;
    std::optional<control::Solve> next;
    bool solving = false;
    bool ending = false;
  };
  static void run(const std::shared_ptr<Shared>& shared);

  const std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace godwit::runtime
