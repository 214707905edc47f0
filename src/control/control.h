// The control plane: decides what is rented, where guests go, and who is asked, ordered and told to
// run them.
//
// on() is a function of the rows and the events so far: no clock, thread or I/O; the caller passes
// the time and carries out the Step: first the writes, in one transaction, then the commands.
//
//   owner.h      one guest's right to run          instances.h  nodes and the instances under them
//   market.h     types, prices, refusals           journal.h    events and moves, for people
//   solving.cc   world -> Solve -> Solved          planning.cc  plan -> wishes, and followed
//   groups.cc    specs -> guests                   requests.cc  what users ask
//   proposals.cc a plan that is only shown         views.h      what they are shown
//   drift.h      whether a late plan still holds
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "control/config.h"
#include "control/instances.h"
#include "control/journal.h"
#include "control/market.h"
#include "control/owner.h"
#include "control/step.h"
#include "core/plan/plan.h"

namespace godwit::control {

class Control {
 public:
  // `rows` is the shipped table, but for the simulator's planted bugs. Without a provider nothing
  // is planned: guests are made and moved by events alone.
  explicit Control(std::span<const migration::ControlRow> rows = migration::control_rows())
      : Control(Config{}, fleet::Policy{}, rows) {}
  explicit Control(Config config, fleet::Policy policy = {},
                   std::span<const migration::ControlRow> rows = migration::control_rows());
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  // The first call: what the store holds. Whatever was under way is taken up again.
  Step restart(const ports::Rows& rows, Time now);
  Step on(const Event& event, Time now);

  // For tests and `describe`.
  const std::map<GuestId, Owner>& guests() const { return guests_; }
  const std::map<NodeId, ports::NodeRow>& nodes() const { return instances_.rows(); }
  const plan::Plan& plan() const { return plan_; }

 private:
  // What is known of a guest beside its row, since this process began.
  struct Life {
    std::uint32_t cold = 0;                          // The generation it was last started cold in.
    std::optional<NodeId> at;                        // It ran here when that was last known.
    Time since_on{};                                 // Since then.
    std::vector<NodeId> escapes;                     // Of the last plan.
    std::optional<NodeId> moving_to;                 // Its holder was told to move there.
    Time asked_at{};                                 // When.
    std::optional<ports::ContainerState> container;  // As it said last.
  };
  // A question carried to a node for a user.
  struct Carried {
    std::uint64_t request = 0;
    GuestId guest;
    Time give_up;
  };

  // A plan for a user, of which nothing is done.
  struct Question {
    std::uint64_t request = 0;
    std::variant<ports::DrainNode, ports::ReadPlan> what;
  };
  struct Solving {
    std::uint64_t version = 0;
    fleet::World world;                // As it was sent.
    std::optional<Question> question;  // None: its plan is followed.
  };

  void dispatch(const Event& event, Time now, Step& step);
  void finish(Time now, Step& step);
  void on_message(const ports::Message& message, Time now, Step& step);
  void on_guest_message(Owner& owner, const ports::Message& message, Time now, Step& step);
  void on_cloud(const ports::CloudEvent& event, Time now, Step& step);
  void on_certified(const NodeId& node, Time now, Step& step);
  void on_death(const NodeId& node, Time now, Step& step);
  void on_seen(const AgentSeen& seen, Time now, Step& step);
  void on_time(Time now, Step& step);
  Owner* known(const GuestId& id, Step& step);
  Owner& guest(const GuestId& id) {
    return guests_.try_emplace(id, id, instances_.dead(), rows_).first->second;
  }
  std::optional<Time> wake() const;

  // Solving (solving.cc).
  fleet::World world(Time now) const;
  void solve_next(Time now, Step& step);
  void on_solved(const Solved& solved, Time now, Step& step);
  std::set<NodeId> unheard(Time now);
  void note_idle(Time now);

  // Plans that are shown (proposals.cc).
  std::optional<ports::Answer> ask_plan(Question question);
  void suppose(const Question& question, fleet::World& world) const;
  ports::Answer answer(const Question& question, const fleet::World& then, const plan::Plan& plan,
                       Time now, Step& step);
  ports::Answer drain(const ports::DrainNode& wish, const plan::Plan& plan, Time now, Step& step);

  // Planning (planning.cc).
  void adopt(const plan::Plan& plan, const fleet::World& then, Time now, Step& step);
  void launch(const plan::Launch& launch, Time now, Step& step);
  void follow(const GuestId& id, Owner& owner, Time now, Step& step);
  void follow_all(Time now, Step& step);
  void give_birth(const GuestId& id, Owner& owner, Time now, Step& step);
  void arrived(const GuestId& id, Owner& owner, Time now, Step& step);
  std::uint32_t room_of(const ports::MachineRecord& machine) const;
  bool ready(const NodeId& node) const;
  bool has_images(const NodeId& node, const ports::MachineRecord& machine) const;
  bool may_come(const NodeId& node, const Owner& owner) const;
  std::set<NodeId> preparing(const GuestId& id, const Owner& owner) const;
  std::optional<NodeId> place_of(const Owner& owner) const;

  // Groups (groups.cc).
  ports::Answer apply(const ports::ApplyGroup& wish, Time now, Step& step);
  ports::Answer remove(const ports::DeleteGroup& wish, Time now, Step& step);
  Status may_apply(const ports::GroupSpec& spec) const;
  Status may_change(const ports::GroupSpec& from, const ports::GroupSpec& to) const;
  void resize(const ports::GroupRow& group, Time now, Step& step);
  void bury(Step& step);
  std::vector<GuestId> members(const GroupId& group) const;
  ports::GroupView group_view(const ports::GroupRow& group) const;

  // Requests (requests.cc).
  void on_request(const ports::Request& request, Time now, Step& step);
  ports::Answer list_guests(const ports::ListGuests& wanted) const;
  ports::Answer list_nodes(const ports::ListNodes& wanted, Time now) const;
  ports::Answer list_groups(const ports::ListGroups& wanted) const;
  ports::Answer list_moves(const ports::ListMoves& wanted) const;
  ports::Listing<ports::OfferingView> list_offerings(Time now) const;
  ports::Answer list_intents() const;
  ports::Answer ledger(Time now) const;
  ports::Answer migrate(const ports::MigrateGuest& wish, Time now, Step& step);
  ports::Answer cordon(const NodeId& node, bool cordoned, Time now, Step& step);
  std::optional<ports::Answer> carry(const ports::Request& request, const GuestId& guest,
                                     ports::Body question, Duration patience, Time now, Step& step);
  void answer_carried(const ports::Message& message, Step& step);
  ports::GuestView guest_view(const GuestId& id, const Owner& owner) const;
  ports::NodeView node_view(const NodeId& id, Time now) const;

  // What peers and watchers are told (telling.cc).
  ports::Fleet fleet() const;
  void tell_fleet(Step& step);
  void tell_images(Step& step);
  void keep_journal(Time now, Step& step);
  void tell_ports(const GuestId& id, Step& step) const;
  void publish(Time now, Step& step);
  void publish_moves(const std::set<GuestId>& guests, Step& step);
  void publish_offerings(Time now, Step& step);
  void event(const GroupId& group, const GuestId& guest, const NodeId& node,
             const std::string& reason, const std::string& text, Time now, Step& step);

  const Config config_;
  const fleet::Policy policy_;
  const std::span<const migration::ControlRow> rows_;
  Instances instances_;
  Market market_;
  Journal journal_;
  std::map<GuestId, Owner> guests_;
  std::map<GroupId, ports::GroupRow> groups_;
  std::map<GuestId, Life> lives_;
  std::map<NodeId, Time> idle_since_;
  std::map<NodeId, Time> away_since_;  // Nodes whose agents are not here.
  std::map<std::uint64_t, Carried> carried_;
  plan::Plan plan_;
  std::optional<Solving> solving_;
  std::deque<Question> questions_;
  std::uint64_t solves_ = 0;    // The version of the last one; never used again.
  bool question_last_ = false;  // The last one was a question: they take turns with the fleet.
  bool dirty_ = false;          // Something that the plan depends on has changed.
  std::optional<Time> follow_at_;
  std::optional<Time> journal_at_;  // What is not in the rows yet is written by then.
  ports::Fleet told_fleet_;
  std::map<NodeId, std::set<std::string>> told_images_;  // Since each node was attached.
  std::uint64_t version_ = 0;                            // Of the newest Change.
  std::uint64_t next_carried_ = 1;
  std::set<GuestId> touched_guests_;
  std::set<NodeId> touched_nodes_;
  std::set<GuestId> touched_moves_;  // Guests of whose moves something is new.
  bool touched_offerings_ = false;
  // As watchers were told last.
  std::map<std::uint64_t, ports::MoveView> told_moves_;
  std::map<fleet::OfferingKey, ports::OfferingView> told_offerings_;
};

}  // namespace godwit::control
