#include "edges/runtime/agent_loop.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace godwit::runtime {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

}  // namespace

AgentLoop::AgentLoop(io::Loop& loop, agent::Agent& agent, std::function<Time()> clock,
                     std::function<void(const std::string&)> log)
    : loop_(loop), agent_(agent), clock_(std::move(clock)), log_(std::move(log)) {}

void AgentLoop::start(const std::map<GuestId, ports::GuestRecord>& records, ports::Fleet fleet) {
  loop_.post([this, records, fleet = std::move(fleet)] {
    carry_out(agent_.restart(records, fleet, clock_()));
  });
}

void AgentLoop::turn(agent::Event event) {
  loop_.post([this, event = std::move(event)] { deliver(event); });
}

void AgentLoop::deliver(const agent::Event& event) {
  if (ports_->admit && !ports_->admit(event)) return;
  carry_out(agent_.on(event, clock_()));
}

void AgentLoop::carry_out(const agent::Step& step) {
  if (ports_->gate) ports_->gate(step, Moment::kBefore);
  for (const agent::Write& write : step.writes) {
    if (const Status done = ports_->record.put(write.guest, write.record); !done) {
      // Crash-only: nothing that follows from an unwritten record may happen.
      log_(std::format("record of {}: {}", write.guest.value, to_string(done.error())));
      std::abort();
    }
  }
  if (ports_->gate) ports_->gate(step, Moment::kWritten);
  for (const agent::Command& command : step.commands) issue(command);
  if (ports_->gate) ports_->gate(step, Moment::kSent);
  if (agent_.contradicted()) {
    log_("a guest's record and its QEMU contradict each other: the agent ends, no QEMU is touched");
    exit_code_ = 70;
    loop_.stop();
  }
  wake_at(step.wake);
}

void AgentLoop::issue(const agent::Command& command) {
  std::visit(
      Overloaded{
          [&](const agent::Mail& c) { ports_->mailer.send(c.message); },
          [&](const agent::Drive& c) { ports_->hypervisor.submit(c.guest, c.command); },
          [&](const agent::Tell& c) { ports_->guests.submit(c.guest, c.command); },
          [&](const agent::MakeTap& c) {
            Result<std::string> tap = ports_->network.make_tap(c.guest, c.address, c.mac);
            if (tap) return turn(agent::TapMade{c.guest, *tap});
            turn(agent::NetworkFailed{c.guest, tap.error()});
          },
          [&](const agent::RouteToTap& c) {
            report(c.guest, ports_->network.route_to_tap(c.guest, c.address));
          },
          [&](const agent::RouteToNode& c) {
            report(c.guest, ports_->network.route_to_node(c.address, c.node_address));
          },
          [&](const agent::RemoveRoute& c) {
            report(c.guest, ports_->network.remove_route(c.address));
          },
          [&](const agent::RemoveTap& c) { report(c.guest, ports_->network.remove_tap(c.guest)); },
          [&](const agent::SetFleet& c) {
            if (ports_->set_fleet) ports_->set_fleet(c.fleet);
          },
          [&](const agent::BringImage& c) {
            if (ports_->bring_image) ports_->bring_image(c.sha256);
          },
          [&](const agent::AskNotice&) {
            if (ports_->notices) ports_->notices->ask_notice();
          },
          [&](const agent::Note& c) {
            log_(c.guest.value.empty() ? c.text : std::format("{}: {}", c.guest.value, c.text));
          },
      },
      command);
}

void AgentLoop::report(const GuestId& guest, const Status& status) {
  if (!status) turn(agent::NetworkFailed{guest, status.error()});
}

void AgentLoop::wake_at(std::optional<Time> when) {
  if (!when || (wake_ && *wake_ <= *when)) return;
  wake_ = when;
  const Duration delay = std::max(Duration{0}, *when - clock_());
  loop_.after(delay, [this, when] {
    if (wake_ != when) return;  // An earlier one was set since.
    wake_.reset();
    deliver(agent::Woken{});
  });
}

}  // namespace godwit::runtime
