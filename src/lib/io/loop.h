// One event loop, run by one thread, and the coroutines that live on it.
//
// A Task starts when it is awaited or spawned and runs on the loop's thread only, so tasks of one
// loop share state without locks and lose the thread only at a co_await. A Task that is spawned
// must not throw: an exception ends the process (crash-only).
//
// Lifetime: whatever a task refers to must outlive the last run() of the loop. Tasks still waiting
// when the Loop is destroyed are destroyed with it, without being resumed; so destructors of their
// locals may not touch what was destroyed before the loop.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <initializer_list>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace godwit::io {

template <class T>
using Task = boost::asio::awaitable<T>;

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs until stop(), also when there is nothing to do. May be called again after a stop.
  void run();
  // The following may be called from any thread, before or during run().
  void stop();
  void post(std::function<void()> call);
  void spawn(Task<void> task);
  // Calls once, not before `delay` has passed.
  void after(Duration delay, std::function<void()> call);
  // Calls each time one of the signals arrives, in place of its default effect.
  void on_signal(std::initializer_list<int> signals, std::function<void(int)> call);

  boost::asio::io_context& context() { return context_; }

 private:
  boost::asio::io_context context_{1};
};

// Inside a Task.
Task<void> sleep(Duration duration);

// Wakes the tasks that wait: a condition variable of one loop. Check the condition, then wait, in a
// while; nothing can come in between, since tasks give way only at a co_await.
class Notifier {
 public:
  explicit Notifier(Loop& loop) : loop_(loop) {}
  // True when notified, false after `timeout`.
  Task<bool> wait(Duration timeout);
  void notify();  // On the loop's thread.

 private:
  Loop& loop_;
  std::vector<boost::asio::steady_timer*> waiting_;
};

}  // namespace godwit::io

// TRY and ASSIGN_OR_RETURN of base/error.h, for coroutines.
#define CO_TRY(expr)                                                                             \
  do {                                                                                           \
    if (auto try_result_ = (expr); !try_result_) co_return std::unexpected(try_result_.error()); \
  } while (false)
#define CO_ASSIGN_OR_RETURN(lhs, expr) \
  CO_ASSIGN_OR_RETURN_(GODWIT_CONCAT(result_, __LINE__), lhs, expr)
#define CO_ASSIGN_OR_RETURN_(name, lhs, expr)                    \
  auto name = (expr);                                            \
  if (!name) co_return std::unexpected(std::move(name).error()); \
  lhs = *std::move(name)
