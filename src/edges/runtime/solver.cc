#include "edges/runtime/solver.h"

#include <utility>

#include "base/check.h"
#include "core/plan/plan.h"

namespace godwit::runtime {

Solver::Solver(std::function<void(control::Solved)> done) : shared_(std::make_shared<Shared>()) {
  shared_->done = std::move(done);
  thread_ = std::thread([shared = shared_] { run(shared); });
}

Solver::~Solver() {
  bool solving = false;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->ending = true;
    solving = shared_->solving;
  }
  shared_->woken.notify_one();
  if (solving) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

void Solver::submit(control::Solve solve) {
  {
    const std::lock_guard lock(shared_->mutex);
    CHECK(!shared_->next);
    shared_->next = std::move(solve);
  }
  shared_->woken.notify_one();
}

void Solver::run(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  for (;;) {
    shared->woken.wait(lock, [&] { return shared->ending || shared->next; });
    if (shared->ending) return;
    const control::Solve solve = *std::exchange(shared->next, std::nullopt);
    shared->solving = true;
    lock.unlock();
    plan::Plan plan = plan::make_plan(solve.world);
    lock.lock();
    shared->solving = false;
    // Under the lock: whoever ends the solver knows that nothing is told any more.
    if (!shared->ending) shared->done({solve.version, std::move(plan)});
  }
}

}  // namespace godwit::runtime
