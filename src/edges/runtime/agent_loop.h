// Runs one node's agent: takes events from the edges, fixes "now" for one turn, commits the step's
// writes, then issues its commands. Everything happens on the thread that runs the io::Loop;
// offer() may be called from any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "agent/agent.h"
#include "edges/runtime/moment.h"
#include "lib/io/loop.h"
#include "ports/event_sink.h"
#include "ports/guest_control.h"
#include "ports/hypervisor.h"
#include "ports/mailer.h"
#include "ports/network.h"
#include "ports/notices.h"
#include "ports/record.h"

namespace godwit::runtime {

// The ports that an agent acts through. They outlive the loop.
struct AgentPorts {
  ports::Hypervisor& hypervisor;
  ports::GuestControl& guests;
  ports::Network& network;
  ports::Mailer& mailer;
  ports::Record& record;
  // For tests that kill the agent inside a step: called at each moment of each. None: nothing.
  std::function<void(const agent::Step&, Moment)> gate;
  // For tests that lose or hold back what comes in: false: it did not come. None: all does.
  std::function<bool(const agent::Event&)> admit;
  // Keeps the picture of the living nodes, and gives it to all that need addresses. None: nothing.
  std::function<void(const ports::Fleet&)> set_fleet;
  ports::Notices* notices = nullptr;  // Null: the agent's questions stay without answer.
  // Brings the file of that hash among the images, and then calls AgentLoop::image_brought(). None:
  // the wish stays without answer.
  std::function<void(const std::string&)> bring_image;
};

class AgentLoop final : public ports::EventSink<ports::Message>,
                        public ports::EventSink<ports::HypervisorEvent>,
                        public ports::EventSink<ports::GuestEvent>,
                        public ports::EventSink<ports::NoticesEvent> {
 public:
  // `log` gets one line per note and per dropped error. `clock` is the one wall clock.
  AgentLoop(io::Loop& loop, agent::Agent& agent, std::function<Time()> clock,
            std::function<void(const std::string&)> log);

  // Before the first event; hypervisor, guests and mailer need this object as their sink.
  void connect(const AgentPorts& ports) { ports_.emplace(ports); }
  // Takes up what the record says is here, with the newest Fleet that was kept. Call once, after
  // connect().
  void start(const std::map<GuestId, ports::GuestRecord>& records, ports::Fleet fleet = {});
  // The stream to the control plane has begun or ended.
  void attached(bool attached) { turn(agent::ControlAttached{attached}); }
  void image_brought(const std::string& sha256, const Status& end) {
    turn(agent::ImageBrought{sha256, end});
  }

  // 0, or 70 when a guest's record and its QEMU contradicted each other.
  int exit_code() const { return exit_code_; }

  void offer(ports::Message message) override { turn(std::move(message)); }
  void offer(ports::HypervisorEvent event) override { turn(std::move(event)); }
  void offer(ports::GuestEvent event) override { turn(std::move(event)); }
  void offer(ports::NoticesEvent event) override { turn(std::move(event)); }

 private:
  void turn(agent::Event event);  // From any thread.
  void deliver(const agent::Event& event);
  void carry_out(const agent::Step& step);
  void issue(const agent::Command& command);
  void wake_at(std::optional<Time> when);
  void report(const GuestId& guest, const Status& status);

  io::Loop& loop_;
  agent::Agent& agent_;
  std::function<Time()> clock_;
  std::function<void(const std::string&)> log_;
  std::optional<AgentPorts> ports_;
  std::optional<Time> wake_;
  int exit_code_ = 0;
};

}  // namespace godwit::runtime
