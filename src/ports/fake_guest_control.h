// The GuestControl port in memory. What is inside a guest travels with its memory, so it is shared
// by the nodes (FakeInsides); a node's own are its session and its log files, which outlive agents.
//
// submit() only queues; deliver() does one step of one guest and offers its events. A guest prints
// lines when its owner says so; they are kept here at the next step while attached.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>

#include "ports/guest_control.h"

namespace godwit::ports {

class FakeGuestControl;

// The insides of all guests. Outlives the nodes.
struct FakeInsides {
  struct Inside {
    Duration behind{};  // Its clock; whoever stops the guest adds to it.
    std::optional<Container> container;
    ContainerState state;
    std::uint64_t printed = 0;       // Lines 1 to this one.
    std::uint64_t acknowledged = 0;  // Those the guest has forgotten.
    bool deaf = false;               // It answers nothing: commands end with DeadlineExceeded.
  };
  std::map<GuestId, Inside> guests;
  std::map<NodeId, FakeGuestControl*> nodes;
};

class FakeGuestControl final : public GuestControl {
 public:
  FakeGuestControl(const NodeId& self, FakeInsides& insides, EventSink<GuestEvent>& sink);
  ~FakeGuestControl() override;
  FakeGuestControl(const FakeGuestControl&) = delete;
  FakeGuestControl& operator=(const FakeGuestControl&) = delete;

  void submit(const GuestId& guest, GuestCommand command) override;

  bool pending(const GuestId& guest) const;
  // False: there was nothing to do.
  bool deliver(const GuestId& guest);
  // The agent's restart: sessions and commands are gone, files stay.
  void forget();

  bool attached(const GuestId& guest) const;
  // The lines in the files here.
  std::set<std::uint64_t> log(const GuestId& guest) const;

 private:
  struct Session {
    bool attached = false;
    std::deque<GuestCommand> queue;
    std::set<std::uint64_t> log;
    std::optional<NodeId> follow;  // Where the log goes.
    bool sent = false;             // LogsSent was said.
  };
  void run(const GuestId& guest, Session& session, const GuestCommand& command);
  std::optional<Error> refusal(const GuestId& guest, const Session& session) const;
  void exec(const GuestId& guest, const Exec& command);
  void read_log(const GuestId& guest, const Session& session, const ReadLog& command);
  void keep_lines(const GuestId& guest, Session& session);
  bool sends(const Session& session) const;
  void send_logs(const GuestId& guest, Session& session);
  void offer(const GuestId& guest, GuestAnswer answer) { sink_.offer({guest, std::move(answer)}); }

  const NodeId self_;
  FakeInsides& insides_;
  EventSink<GuestEvent>& sink_;
  std::map<GuestId, Session> sessions_;
};

}  // namespace godwit::ports
