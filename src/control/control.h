// The control plane: decides who is asked, ordered and told to run guests.
//
// on() is a function of the rows and the events so far: no clock, thread or I/O; the caller passes
// the time and carries out the Step: first the writes, in one transaction, then the commands.
#pragma once

#include <map>
#include <set>
#include <span>

#include "control/owner.h"
#include "control/step.h"

namespace godwit::control {

class Control {
 public:
  // `rows` is the shipped table, but for the simulator's planted bugs.
  explicit Control(std::span<const migration::ControlRow> rows = migration::control_rows())
      : rows_(rows) {}

  // The first call: what the store holds. Whatever was under way is taken up again.
  Step restart(const ports::Rows& rows, Time now);
  Step on(const Event& event, Time now);

  // For tests and `describe`.
  const std::map<GuestId, Owner>& guests() const { return guests_; }
  const std::map<NodeId, ports::NodeRow>& nodes() const { return nodes_; }

 private:
  void on_request(const ports::Request& request, Step& step);
  ports::Answer list_guests(const ports::ListGuests& wanted) const;
  ports::Answer list_nodes(const ports::ListNodes& wanted) const;
  ports::Answer migrate(const ports::MigrateGuest& wish, Step& step);
  void on_certified(const NodeId& node, Time now, Step& step);
  void on_seen(const AgentSeen& seen, Step& step);
  Owner* known(const GuestId& id, Step& step);
  Owner& guest(const GuestId& id) {
    return guests_.try_emplace(id, id, dead_, rows_).first->second;
  }
  std::optional<Time> wake() const;

  const std::span<const migration::ControlRow> rows_;
  std::map<NodeId, ports::NodeRow> nodes_;
  std::set<NodeId> dead_;
  std::set<NodeId> attached_;  // Their agents are connected now.
  std::map<GuestId, Owner> guests_;
};

}  // namespace godwit::control
