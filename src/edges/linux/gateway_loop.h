// Runs the gateway: takes messages, fixes "now" for one turn, and carries out the step in the
// kernel. Everything happens on the thread that runs the io::Loop, which must be in the gateway's
// network namespace; offer() and attached() may be called from any thread.
//
// Crash-only: what the kernel refuses for another reason than a bad value ends the loop. The next
// process finds routes and ports in the kernel, and is told the rest.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "edges/linux/gateway.h"
#include "gateway/gateway.h"
#include "lib/io/loop.h"
#include "ports/event_sink.h"

namespace godwit::linux_net {

class GatewayLoop final : public ports::EventSink<ports::Message> {
 public:
  // `log` gets one line per note and refusal. All references outlive this.
  GatewayLoop(io::Loop& loop, gateway::Gateway& gateway, LinuxGateway& kernel,
              std::function<Time()> clock, std::function<void(const std::string&)> log);

  // Reads what the kernel publishes. Call once, before the first event.
  Status start();

  void offer(ports::Message message) override { turn(std::move(message)); }
  void attached(bool now) { turn(gateway::ControlSeen{now}); }

  int exit_code() const { return exit_code_; }  // 0, or 71 (EX_OSERR) after a refusal.

 private:
  void turn(gateway::Event event);
  void deliver(const gateway::Event& event);
  Status issue(const gateway::Command& command);
  void wake_at(std::optional<Time> when);

  io::Loop& loop_;
  gateway::Gateway& gateway_;
  LinuxGateway& kernel_;
  const std::function<Time()> clock_;
  const std::function<void(const std::string&)> log_;
  std::optional<Time> wake_;
  int exit_code_ = 0;
};

}  // namespace godwit::linux_net
