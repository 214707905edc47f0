// The node agent: carries guests from node to node by the ownership protocol, alone if it must.
//
// on() is a function of the events so far: no clock, thread or I/O; the caller passes the time and
// carries out the Step. docs/designs/0002-hand-over.md says why right and bytes are two machines.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "agent/guest.h"
#include "agent/step.h"

namespace godwit::agent {

class Agent {
 public:
  // `draw_key` returns a fresh secret (hex) at each call; the edge draws it from the system, a
  // simulator from its seed.
  Agent(Config config, std::function<std::string()> draw_key);

  // The first call: what the record holds. Nothing is believed of the QEMUs until each was
  // inspected.
  Step restart(const std::map<GuestId, ports::GuestRecord>& records, Time now);
  Step on(const Event& event, Time now);

  // A guest's record and its QEMU contradict each other: exit and say so, every QEMU untouched.
  bool contradicted() const;
  // For tests and `describe`.
  const std::map<GuestId, Guest>& guests() const { return guests_; }

 private:
  Guest& guest(const GuestId& id);
  std::optional<Time> wake() const;

  Config config_;
  std::function<std::string()> draw_key_;
  std::map<GuestId, Guest> guests_;
};

}  // namespace godwit::agent
