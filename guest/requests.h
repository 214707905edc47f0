// What the node asks for, done once and answered as often as it is asked.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>

#include "guest/container.h"
#include "guest/execs.h"
#include "guest/log_ring.h"
#include "guest/port.h"
#include "lib/frame/control.h"

namespace godwit::guest {

class Requests {
 public:
  static constexpr std::size_t kKept = 64;  // Answers to requests that may come again.

  struct World {
    std::string broken;                             // Why no container can run here, or empty.
    std::function<void(const std::string&)> named;  // The host name, before the first run.
    std::function<frame::ClockSet(const frame::SetClock&, bool may_go_back)> set_clock;
    std::function<void()> power_off;  // Soon: it returns, so that its answer can go out.
  };
  // All outlive it.
  Requests(Port& port, LogRing& log, Container& container, Execs& execs, World world)
      : port_(port), log_(log), container_(container), execs_(execs), world_(std::move(world)) {}

  // On the port's reading thread.
  void receive(const frame::Message& message);

 private:
  void on(const frame::Ping& ping);
  void on(const frame::SetClock& request);
  void on(const frame::Start& request);
  void on(const frame::Exec& request);
  void on(const frame::Signal& request);
  void on(const frame::Stop& request);
  void on(const frame::PowerOff& request);
  void on(const frame::LogAck& ack);
  // True, and the answer sent again, when the request was done before.
  bool answered(frame::Id id);
  void answer(frame::Id id, frame::Message message);

  Port& port_;
  LogRing& log_;
  Container& container_;
  Execs& execs_;
  const World world_;
  std::map<frame::Id, frame::Message> answers_;
  std::deque<frame::Id> order_;  // Oldest first.
};

}  // namespace godwit::guest
