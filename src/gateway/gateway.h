// The gateway: a register of routes that only grows, and a table of published ports.
//
// on() is a function of the events so far: no clock, thread or I/O; the caller passes the time and
// carries out the Step.
//
// Routes. RouteAt is believed from any node, Fleet and Publish from the control plane alone. A
// route is replaced by a newer epoch only (core/migration/takeover.h), and the same one is set
// again at each announcement, which repairs what somebody broke. An address is one guest's.
//
// Ports. The first guest that wants a port keeps it until it is gone; who comes later waits, in
// order. The control plane says all ports at each attach; what it does not say again is nobody's
// and goes, after a while and never before it has said its fleet.
//
// Restart. It begins with what the kernel publishes and no routes: the kernel goes on forwarding by
// the old ones until the holders announce themselves. A port that was found counts as first, so
// that an open door stays whose it was.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gateway/step.h"

namespace godwit::gateway {

struct Config {
  // After an attach, for all ports to be said; the control plane sends them at once.
  Duration settle = std::chrono::seconds{10};
  // A guest that is gone keeps its route while somebody announces it, which holders do every 5 s:
  // the control plane says "no ports" of guests that never had any, too.
  Duration silence = std::chrono::seconds{60};
};

class Gateway {
 public:
  explicit Gateway(Config config = {}) : config_(config) {}

  // Before the first event: the ports that the kernel publishes.
  void restart(const std::map<std::uint16_t, Target>& found);
  Step on(const Event& event, Time now);

  // For tests and the log: what is published now.
  const std::map<std::uint16_t, Target>& published() const { return published_; }

 private:
  struct Route {
    std::string address, node_address;
    ports::EpochName epoch;
    Time announced;
  };
  struct Guest {
    std::optional<Route> route;
    std::map<std::uint16_t, Target> wants;  // By published port.
    bool confirmed = false;                 // The control plane said them since it attached.
    bool gone = false;                      // It said that there are none any more.
  };

  void on_message(const ports::Message& message, Time now, Step& step);
  void on_fleet(const ports::Fleet& fleet, Step& step);
  void on_route(const GuestId& id, const ports::RouteAt& told, Time now, Step& step);
  void on_publish(const GuestId& id, const ports::Publish& told, Step& step);
  void want(const GuestId& id, std::map<std::uint16_t, Target> ports, Step& step);
  void join_queue(const GuestId& id, std::uint16_t port, const Target& target, Step& step);
  void settle(Time now, Step& step);
  void forget_silent(Time now, Step& step);
  void publish(Step& step);
  std::optional<Target> wanted(std::uint16_t port) const;
  std::optional<Time> wake() const;

  const Config config_;
  std::map<GuestId, Guest> guests_;
  std::map<std::uint16_t, std::vector<GuestId>> queues_;  // Who wants the port; the first has it.
  std::map<std::uint16_t, Target> found_;                 // In the kernel, and nobody's yet.
  std::map<std::uint16_t, Target> published_;
  std::map<std::string, GuestId> addresses_;  // Whose route is set.
  std::optional<std::vector<std::string>> peers_;
  std::optional<Time> settle_at_;  // Since the attach; none when settled or away.
  bool fleet_told_ = false;        // Since the attach.
};

}  // namespace godwit::gateway
