// The node agent: carries guests from node to node by the ownership protocol, alone if it must.
//
// It knows the living nodes (Fleet, kept over restarts), tells the control plane what its node is
// (NodeState, at each attach and change), brings images ahead (images.h), and tells where its
// guests are (RouteAt, to all nodes and the gateway). On a notice of the provider it moves every
// guest to another living node of the guest's set by itself; a Move of the control plane goes
// first. While the notice lasts it takes in nobody.
//
// on() is a function of the events so far: no clock, thread or I/O; the caller passes the time and
// carries out the Step. docs/designs/0002-hand-over.md says why right and bytes are two machines.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "agent/config.h"
#include "agent/guest.h"
#include "agent/images.h"
#include "agent/step.h"

namespace godwit::agent {

class Agent {
 public:
  // `draw_key` returns a fresh secret (hex) at each call; the edge draws it from the system, a
  // simulator from its seed.
  Agent(Config config, std::function<std::string()> draw_key);

  // The first call: what the record holds, and the newest Fleet that was kept. Nothing is believed
  // of the QEMUs until each was inspected.
  Step restart(const std::map<GuestId, ports::GuestRecord>& records, ports::Fleet fleet, Time now);
  Step on(const Event& event, Time now);

  // A guest's record and its QEMU contradict each other: exit and say so, every QEMU untouched.
  bool contradicted() const;
  // For tests and `describe`.
  const std::map<GuestId, Guest>& guests() const { return guests_; }
  const Surroundings& surroundings() const { return here_; }

 private:
  // The newest word on where a guest of other nodes is: a register that only grows.
  struct Route {
    std::string address, node_address;
    ports::EpochName epoch;
    Time heard;
  };

  Guest& guest(const GuestId& id);
  std::optional<Time> wake() const;
  void on_message(const ports::Message& message, Time now, Step& step);
  void on_fleet(const ports::Fleet& fleet, Step& step);
  void on_route(const ports::Message& message, const ports::RouteAt& told, Time now, Step& step);
  void on_notice(const ports::NoticeTold& told, Time now, Step& step);
  void on_attached(bool attached, Step& step);
  void on_time(Time now, Step& step);
  void tell_state(Step& step) const;
  // Why a guest that is not here may not come, if so.
  std::optional<std::string> refusal(const GuestId& id, const ports::Prepare& prepare) const;
  void escape(Time now, Step& step);

  Config config_;
  std::function<std::string()> draw_key_;
  Surroundings here_;
  std::map<GuestId, Guest> guests_;
  std::map<GuestId, Route> routes_;
  Images images_;
  std::optional<Time> announce_at_, ask_at_, escape_at_;
};

}  // namespace godwit::agent
