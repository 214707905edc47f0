#include "lib/io/loop.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>

#include "base/check.h"

namespace godwit::io {

namespace asio = boost::asio;

namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

Task<void> watch_signals(std::unique_ptr<asio::signal_set> signals, std::function<void(int)> call) {
  for (;;) {
    const auto [error, signal] = co_await signals->async_wait(kTuple);
    if (error) co_return;
    call(signal);
  }
}

Task<void> call_after(Duration delay, std::function<void()> call) {
  co_await sleep(delay);
  call();
}

}  // namespace

Loop::Loop() = default;
Loop::~Loop() = default;

void Loop::run() {
  const auto guard = asio::make_work_guard(context_);
  context_.restart();
  context_.run();
}

void Loop::stop() {
  // As a turn of the loop: a stop that comes before run() still counts, and what was posted before
  // it is done.
  asio::post(context_, [this] { context_.stop(); });
}

void Loop::post(std::function<void()> call) { asio::post(context_, std::move(call)); }

void Loop::spawn(Task<void> task) {
  asio::co_spawn(context_, std::move(task),
                 [](const std::exception_ptr& thrown) { CHECK(thrown == nullptr); });
}

void Loop::after(Duration delay, std::function<void()> call) {
  spawn(call_after(delay, std::move(call)));
}

void Loop::on_signal(std::initializer_list<int> signals, std::function<void(int)> call) {
  auto set = std::make_unique<asio::signal_set>(context_);
  for (const int signal : signals) {
    boost::system::error_code error;
    set->add(signal, error);
    CHECK(!error);
  }
  spawn(watch_signals(std::move(set), std::move(call)));
}

Task<void> sleep(Duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  co_await timer.async_wait(kTuple);
}

Task<bool> Notifier::wait(Duration timeout) {
  asio::steady_timer timer(loop_.context(), timeout);
  waiting_.push_back(&timer);
  (void)co_await timer.async_wait(kTuple);
  // A notify() that comes together with the timeout has taken the timer off the list.
  co_return std::erase(waiting_, &timer) == 0;
}

void Notifier::notify() {
  for (asio::steady_timer* timer : std::exchange(waiting_, {})) timer->cancel();
}

}  // namespace godwit::io
