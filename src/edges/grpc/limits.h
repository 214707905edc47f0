// What the mailers count and where they stop.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace godwit::grpc_edge {

// One line, no line break; called from gRPC's threads.
using Log = std::function<void(const std::string&)>;

struct MailLimits {
  // Messages that wait for one receiver. A node has tens of guests and a guest one conversation at
  // a time; more than this waits only while the receiver is away, and then the newest count.
  std::size_t queue = 256;
  // Of one call. The connection is known to be dead after 4 s (channel.cc); a live peer answers in
  // milliseconds.
  std::chrono::milliseconds call{2000};
  // A message that could not be handed over for so long is dropped: whoever waits repeats.
  std::chrono::milliseconds patience{5000};
};

struct MailCounts {
  std::uint64_t delivered = 0;    // Queued at the receiver (peers), or given to the stream.
  std::uint64_t overflowed = 0;   // Dropped as the oldest of a full queue.
  std::uint64_t expired = 0;      // Dropped after `patience`.
  std::uint64_t refused = 0;      // The receiver did not want it.
  std::uint64_t unaddressed = 0;  // No such receiver known.
  bool operator==(const MailCounts&) const = default;
};

}  // namespace godwit::grpc_edge
