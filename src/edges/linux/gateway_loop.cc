#include "edges/linux/gateway_loop.h"

#include <algorithm>
#include <format>
#include <utility>
#include <variant>

namespace godwit::linux_net {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

// Of a value that somebody sent: the rest of the world is fine.
bool bad_value(const Error& error) {
  return error.code == Code::kInvalidArgument || error.code == Code::kAborted;
}

}  // namespace

GatewayLoop::GatewayLoop(io::Loop& loop, gateway::Gateway& gateway, LinuxGateway& kernel,
                         std::function<Time()> clock, std::function<void(const std::string&)> log)
    : loop_(loop),
      gateway_(gateway),
      kernel_(kernel),
      clock_(std::move(clock)),
      log_(std::move(log)) {}

Status GatewayLoop::start() {
  ASSIGN_OR_RETURN(const auto published, kernel_.published(Protocol::kTcp));
  std::map<std::uint16_t, gateway::Target> found;
  for (const auto& [port, to] : published) found[port] = {to.first, to.second};
  gateway_.restart(found);
  return {};
}

void GatewayLoop::turn(gateway::Event event) {
  loop_.post([this, event = std::move(event)] { deliver(event); });
}

void GatewayLoop::deliver(const gateway::Event& event) {
  if (exit_code_ != 0) return;
  const gateway::Step step = gateway_.on(event, clock_());
  for (const gateway::Command& command : step.commands) {
    const Status done = issue(command);
    if (done) continue;
    log_(to_string(done.error()));
    if (bad_value(done.error())) continue;
    exit_code_ = 71;
    return loop_.stop();
  }
  wake_at(step.wake);
}

Status GatewayLoop::issue(const gateway::Command& command) {
  return std::visit(
      Overloaded{
          [&](const gateway::SetPeers& c) { return kernel_.set_peers(c.addresses); },
          [&](const gateway::RouteGuest& c) {
            return kernel_.route_guest(c.address, c.node_address, c.epoch.generation, c.epoch.hop);
          },
          [&](const gateway::ForgetGuest& c) { return kernel_.forget_guest(c.address); },
          [&](const gateway::PublishPort& c) {
            return kernel_.publish(Protocol::kTcp, c.port, c.to.address, c.to.port);
          },
          [&](const gateway::UnpublishPort& c) {
            return kernel_.unpublish(Protocol::kTcp, c.port);
          },
          [&](const gateway::Note& c) -> Status {
            log_(c.guest.value.empty() ? c.text : std::format("{}: {}", c.guest.value, c.text));
            return {};
          },
      },
      command);
}

void GatewayLoop::wake_at(std::optional<Time> when) {
  if (!when || (wake_ && *wake_ <= *when)) return;
  wake_ = when;
  const Duration delay = std::max(Duration{0}, *when - clock_());
  loop_.after(delay, [this, when] {
    if (wake_ != when) return;  // An earlier one was set since.
    wake_.reset();
    deliver(gateway::Woken{});
  });
}

}  // namespace godwit::linux_net
