// One guest's right to run, as the control plane keeps it: the table of core/migration/takeover.h
// with names, and what the agents said since.
//
// What was heard is never kept: a control plane that restarts asks again. All the rest is the store
// row, so whatever is done twice is done the same.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>

#include "control/step.h"
#include "core/migration/takeover.h"
#include "ports/names.h"

namespace godwit::control {

class Owner {
 public:
  // `dead` are the nodes that are certified; it outlives this.
  Owner(GuestId id, const std::set<NodeId>& dead, std::span<const migration::ControlRow> rows)
      : id_(std::move(id)), dead_(dead), rows_(rows) {}

  void restore(const ports::GuestRow& row, Time now);
  // It shall exist; nobody is asked to run it yet. `row` has its machine, group and wish.
  void conceive(ports::GuestRow row, Step& step);
  void create(const CreateGuest& wish, Time now, Step& step);
  // Where it shall run, and why; what is done about it is the caller's.
  void want(const NodeId& node, const std::string& reason, Step& step);
  // It is deleted: every node that could have something of it is told to forget it.
  void end(Time now, Step& step);
  void allow(const ports::NodeNames& set, Time now, Step& step);
  void take_over(const ports::NodeNames& set, Time now, Step& step);
  void move(const NodeId& to, Step& step);
  void on_message(const ports::Message& message, Time now, Step& step);
  // A node of the reach, or the holder, is certified dead.
  void on_death(const NodeId& node, Time now, Step& step);
  void on_time(Time now, Step& step);

  std::optional<Time> wake() const { return repeat_at_; }
  const ports::GuestRow& row() const { return kept_; }
  // Where it runs as far as is known; nullopt: nobody is known to run it.
  std::optional<NodeId> holder() const;
  bool settled() const;  // Somebody runs it in the row's generation.
  bool born() const { return row_.kind != migration::Generation::kNone; }
  bool ending() const { return kept_.ended != Time{}; }
  bool gone() const { return ending() && kept_.owner.reach.empty(); }
  // Nodes of its set that are not certified dead.
  ports::NodeNames living_set() const { return living(kept_.owner.set); }

 private:
  bool apply(migration::Ask ask, const NodeId& node, ports::EpochName epoch,
             const ports::NodeNames& set, Time now, Step& step);
  void carry_out(migration::ControlDo effect, const migration::ControlOutcome& outcome, Step& step);
  void read_row();
  bool has_room(const ports::NodeNames& set, Step& step);
  void look(Time now, Step& step);
  void shrink(Time now, Step& step);
  void suspect(Time now, Step& step);
  void hear(const NodeId& from, migration::Heard heard);
  void on_report(const NodeId& from, const ports::Report& report, Time now, Step& step);
  bool took(const NodeId& node, const ports::Report& report) const;
  bool lacks_copy(const ports::Report& report) const;
  void keep(Step& step);
  void on_forgotten(const NodeId& node, Step& step);
  void ask_to_forget(Time now, Step& step);
  void become_tombstone(Step& step);
  void mail(const NodeId& to, ports::Body body, Step& step) const;
  ports::NodeNames living(const ports::NodeNames& nodes) const;
  bool reaches_dead() const;
  Duration pace() const;  // Until who runs it is asked for again.

  const GuestId id_;
  const std::set<NodeId>& dead_;
  const std::span<const migration::ControlRow> rows_;
  ports::Names names_;
  migration::StoreRow row_;
  ports::GuestRow kept_;
  std::map<NodeId, migration::Heard> heard_;  // Of the row's generation.
  std::map<NodeId, bool> asked_clear_;
  std::optional<NodeId> lost_at_;   // A living node whose QEMU ended as holder: its disk is newest.
  std::optional<Time> suspect_at_;  // Then nobody is believed to run it.
  std::optional<Time> repeat_at_;
  int failed_starts_ = 0;  // In a row.
};

}  // namespace godwit::control
