// One guest as this node's agent sees it: its ownership state (core/migration) and the journey of
// its bytes.
//
// The list of steps is docs/architecture.md. The journey carries no right to run: whatever fails in
// it is one input to the ownership table, "the attempt failed".
//
//   source                                            destination
//   kAsking      PREPARE out, READY awaited           kReceiving  tap, QEMU, export; READY; Finish
//   kCopying     mirror and precopy run               kLoaded     all is here, LOADED is repeated
//   kClosing     guest stopped: mirror ends | SWITCH
//   kContinuing  device state goes
//   kHanding     stream completed, LOADED awaited
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "agent/config.h"
#include "agent/inside.h"
#include "agent/step.h"
#include "core/migration/ownership.h"
#include "ports/names.h"

namespace godwit::agent {

class Guest {
 public:
  // `config`, `here` and `draw_key` outlive the guest.
  Guest(GuestId id, const Config& config, const Surroundings& here,
        const std::function<std::string()>& draw_key);

  // What the record says; nothing else is believed until Inspected.
  void restore(const ports::GuestRecord& record, Step& step);
  void on_message(const ports::Message& message, Time now, Step& step);
  void on_hypervisor(const ports::HypervisorAnswer& answer, Time now, Step& step);
  void on_inside(const ports::GuestAnswer& answer, Time now, Step& step);
  void on_tap(const TapMade& made, Time now, Step& step);
  void on_network_failed(const Error& error, Time now, Step& step);
  void on_time(Time now, Step& step);

  // The epoch under which it runs here, if it does.
  std::optional<ports::EpochName> ran_at() const;
  // Tells all nodes and the gateway so, if it does.
  void announce(Step& step) const;
  // It runs at another node, as far as is known here.
  bool is_elsewhere() const;
  // It ran elsewhere, says a holder. False: it is here, or that was long ago; nothing is to be
  // routed.
  bool route_told(const ports::Message& message, const ports::RouteAt& told, Time now, Step& step);

  // The control plane is there again: it may have missed how the last moves went.
  void tell_again(Step& step) const;

  // For a notice: whether it leaves by an attempt that has not granted yet, whether it could begin
  // one, and how often it has. leave() begins one; stay() forgets all that.
  bool leaves() const;
  bool may_leave(Time now);
  int tries() const { return escape_.tries; }
  void leave(Time now, Step& step);
  void stay() { escape_ = {}; }

  // When on_time() has something to do.
  std::optional<Time> wake() const;
  const migration::State& state() const { return state_; }
  // The record and QEMU contradict each other: the agent must exit, every QEMU untouched.
  bool contradicted() const { return contradicted_; }
  const Inside& inside() const { return inside_; }
  bool inspected() const { return inspected_; }
  const ports::MachineRecord& machine() const { return machine_; }

 private:
  enum class Leg { kNone, kAsking, kCopying, kClosing, kContinuing, kHanding, kReceiving, kLoaded };
  struct Journey {
    Leg leg = Leg::kNone;
    ports::AttemptName attempt;
    NodeId peer;  // The other end.
    std::string key;
    ports::Ready ready;  // What READY said, or says.
    bool mirror_closed = false;
    bool switched = false;
    Time begun{};
    std::optional<Time> give_up;
    Time stopped_at{};
    std::uint64_t bytes = 0;
    std::uint64_t bytes_while_stopped = 0;
    ports::EpochName granted;  // The epoch that was passed on, or taken.
  };

  struct Failure {
    Duration cost{};  // All the time that attempts to this node have taken.
    Time again{};     // Not before.
  };
  struct Escape {
    std::map<NodeId, Failure> failed;
    std::optional<NodeId> wish;  // The control plane's.
    int tries = 0;
    Time pause{};               // Nothing is begun before.
    std::optional<Time> again;  // A node, or the end of the pause, is waited for.
  };
  struct Candidate {
    NodeId node;
    Duration cost{}, wait{};
  };

  // Numbers of nodes that a long life used up come back: the state names all that still matters.
  // False: even so there is no room for `more` names.
  bool make_room(std::size_t more, Step& step);
  std::optional<Candidate> next_place(Time now) const;
  void place_failed(const NodeId& node, Time now);
  void wish(const NodeId& to, Time now, Step& step);
  void make_way(std::uint32_t generation, Time now, Step& step);

  // One input to the ownership table, and all that follows from it.
  void apply(migration::Input input, Time now, Step& step);
  void carry_out(migration::Do effect, const migration::Input& input, Time now, Step& step);
  void command_qemu(migration::Do effect, Step& step);
  void send(migration::Do effect, const migration::Input& input, Step& step);
  migration::Input input(migration::On on) const;

  void granted(const ports::Grant& grant, const migration::Input& in, Time now, Step& step);
  void on_control(const ports::Body& body, Time now, Step& step);

  // The journey.
  void fail_attempt(const std::string& why, Time now, Step& step);
  void on_ready(const ports::Ready& ready, Time now, Step& step);
  void on_stopped(const ports::Stopped& stopped, Time now, Step& step);
  void on_switch(const ports::Switch& message, const NodeId& from, Step& step);
  void on_switched(const ports::Switched& message, Time now, Step& step);
  void on_inspected(const ports::Inspected& found, Time now, Step& step);
  void on_failed(const ports::Failed& failed, Time now, Step& step);
  void on_running(Time at, Time now, Step& step);
  void continue_if_ready(Step& step);
  void receive(const ports::Prepare& prepare, const NodeId& from, Time now, Step& step);
  void take(const ports::Take& take, Time now, Step& step);
  void hurry(Time now);
  void refuse(const ports::Refuse& refuse, const NodeId& from, Time now, Step& step);
  void move(const ports::Move& move, Time now, Step& step);
  // The container's machine hears what an input to the table has brought about.
  void follow_inside(migration::Place before, migration::On on, Step& step);
  void send_logs(Step& step) const;
  // Deletion, and what people ask of what is inside.
  void forgotten(std::uint32_t generation, Step& step);
  void read_log(const ports::LogsWanted& wanted, Step& step) const;
  void exec(const ports::ExecWanted& wanted, Step& step);
  bool answer_asked(const ports::GuestAnswer& answer, Step& step);
  void give_up_execs(Step& step);
  void leave_for_source(Step& step);
  void tell_moved(const Journey& journey, bool done, const std::string& why, Time resumed,
                  Step& step);

  void mail(const NodeId& to, ports::Body body, Step& step) const;
  void drive(ports::HypervisorCommand command, Step& step) const;
  void write(Step& step) const;
  ports::GuestRecord record() const;
  ports::EpochName epoch_name(migration::Epoch e) const { return {e.generation, e.hop}; }
  std::optional<ports::Spare> spare() const;

  GuestId id_;
  const Config& config_;
  const Surroundings& here_;
  const std::function<std::string()>& draw_key_;
  ports::Names names_;
  migration::State state_;
  ports::MachineRecord machine_;
  std::optional<ports::Container> container_;
  Inside inside_;
  Journey journey_;
  Escape escape_;
  std::set<std::uint64_t> execs_;  // That control waits for.
  std::deque<ports::Moved> told_;  // The last moves that came to their end here, as an end of them.
  bool inspected_ = true;          // False from restore() until QEMU was looked at.
  bool contradicted_ = false;
  bool booting_ = false;  // The tap asked for is for a cold start.
  std::string tap_;
  std::optional<Time> repeat_at_;
};

}  // namespace godwit::agent
