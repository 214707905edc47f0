// What an agent is started with, and what it knows beside its guests.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/ids.h"
#include "base/time.h"
#include "core/migration/ownership.h"
#include "ports/messages.h"

namespace godwit::agent {

struct Config {
  NodeId self;
  std::string address;     // This node's underlay address.
  std::uint16_t port = 0;  // Where its agent listens for others.
  std::string boot_id;
  // That guests can have in all; also what PREPARE is measured by. 0: not known, nothing is
  // refused.
  std::uint32_t memory_mib = 0, vcpus = 0;
  // The ownership table: the shipped one, but for the simulator's planted bugs.
  std::span<const migration::Row> rows = migration::agent_rows();
  Duration repeat =
      std::chrono::milliseconds{200};             // Between two sendings of an unanswered message.
  Duration ready_max = std::chrono::seconds{30};  // PREPARE to READY; QEMU starts in 0.3-1.5 s.
  Duration pause_max = std::chrono::seconds{10};  // STOP to GRANT; then the attempt is given up.
  Duration receive_max = std::chrono::minutes{10};  // READY to LOADED at the destination.
  Duration sealed_max = std::chrono::seconds{30};   // The same, once a takeover waits for it.

  // Between two announcements of where a guest is; a route that nobody announced for so long goes.
  Duration announce = std::chrono::seconds{5};
  Duration route_max = std::chrono::minutes{1};

  // Between two tries to bring an image ahead; doubled each time, up to the second.
  Duration image_retry = std::chrono::seconds{2}, image_retry_max = std::chrono::minutes{1};

  // Between two questions for a notice (AWS advises 5 s). None: there is nobody to ask.
  std::optional<Duration> ask_notice;
  // Guests that leave at the same time for a notice: with more, all of them take longer, and the
  // first is safe later.
  std::size_t escapes_max = 2;
  // An attached control plane knows more of the destinations: so long it may say Move first.
  Duration escape_wait = std::chrono::seconds{2};
  // In place of ready_max: of 120 s a node that does not answer may not cost 30.
  Duration escape_ready_max = std::chrono::seconds{10};
  Duration escape_retry = std::chrono::seconds{1};  // Between two attempts to the same node.
};

// State of the agent that its guests read.
struct Surroundings {
  ports::Fleet fleet;
  std::optional<Time> notice;  // The provider has said that it ends the instance then.
  std::string notice_why;
  bool attached = false;  // To the control plane.
};

}  // namespace godwit::agent
