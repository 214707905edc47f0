// One guest as this node's agent sees it: its ownership state (core/migration) and the journey of
// its bytes.
//
// Journey of an attempt, source (left) and destination (right); the list of steps is
// docs/architecture.md. The journey carries no right to run: whatever fails in it is one input to
// the ownership table, "the attempt failed".
//
//   kAsking      PREPARE out, READY awaited            kReceiving   tap, QEMU, export; then READY;
//   Finish is under way kCopying     mirror and precopy run                kLoaded      everything
//   is here, LOADED is repeated kClosing     guest stopped: mirror ends | SWITCH kContinuing device
//   state goes kHanding     stream completed, LOADED awaited
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "agent/names.h"
#include "agent/step.h"
#include "core/migration/ownership.h"

namespace godwit::agent {

struct Config {
  NodeId self;
  std::string address;                      // This node's underlay address.
  std::map<NodeId, std::string> addresses;  // Of the nodes that guests may go to.
  Duration repeat =
      std::chrono::milliseconds{200};  // Between two sendings of an unanswered message.
  Duration ready_max =
      std::chrono::seconds{30};  // PREPARE to READY; a QEMU starts in 0.3 to 1.5 s.
  Duration pause_max = std::chrono::seconds{10};  // STOP to GRANT; then the attempt is given up.
};

class Guest {
 public:
  Guest(GuestId id, const Config& config);

  // What the record says; nothing else is known until Inspected.
  void restore(const ports::GuestRecord& record, Step& step);
  void on_message(const ports::Message& message, const std::function<std::string()>& draw_key,
                  Time now, Step& step);
  void on_hypervisor(const ports::HypervisorAnswer& answer, Time now, Step& step);
  void on_tap(const TapMade& made, Time now, Step& step);
  void on_network_failed(const Error& error, Time now, Step& step);
  void on_time(Time now, Step& step);

  const migration::State& state() const { return state_; }
  std::optional<Time> wake() const;

 private:
  enum class Leg { kNone, kAsking, kCopying, kClosing, kContinuing, kHanding, kReceiving, kLoaded };
  struct Journey {
    Leg leg = Leg::kNone;
    ports::AttemptName attempt;
    ports::EpochName epoch;  // Of the source.
    NodeId peer;             // The other end.
    std::string key;
    ports::Ready ready;  // What READY said, or says.
    bool mirror_closed = false, switched = false;
    Time give_up;
    Time stopped_at;
    std::uint64_t bytes = 0, bytes_while_stopped = 0;
  };

  GuestId id_;
  const Config& config_;
  Names names_;
  migration::State state_;
  ports::MachineRecord machine_;
  Journey journey_;
};

}  // namespace godwit::agent
