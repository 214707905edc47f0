// Where the time of a pause goes: what bench_agent writes, and what it says about one move.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace godwit::bench {

namespace moments {
inline constexpr const char* kClose = "close-mirror";  // Source: the stop was seen.
inline constexpr const char* kSwitched = "switched";   // Source: the destination has the route.
inline constexpr const char* kContinue = "continue";   // Source: and the mirror is closed.
inline constexpr const char* kLoaded = "loaded";       // Destination: all is in, the image active.
inline constexpr const char* kGrant = "grant";         // Source: the right goes over.
inline constexpr const char* kRun = "run";             // Destination: it came, and is recorded.
}  // namespace moments

// The parts of STOP to RESUME in milliseconds, in their order; their sum is the downtime.
struct Pause {
  double stop = 0;      // QEMU's STOP to the agent's seeing pre-switchover.
  double switched = 0;  // To the destination's having the route (one round trip).
  double mirror = 0;    // From then until the mirror was closed too: 0 if it was first.
  double rest = 0;      // The last pages and the devices, loaded; the destination's image active.
  double grant = 0;     // The destination's word to the source, and the source's record.
  double accepted = 0;  // The grant to the destination, and its record.
  double resume = 0;    // `cont` to QEMU's RESUME.
  std::uint64_t wire_bytes = 0;  // Sent by the source's eth0 from the stop seen to the grant: all
                                 // of it, also what its sockets still held at the stop.
};

// Of the texts that source and destination wrote since the move began. NotFound when a moment is
// missing. Both ends' clocks are one.
Result<Pause> pause_of(const std::string& source, const std::string& destination,
                       std::int64_t stopped_us, std::int64_t resumed_us);

}  // namespace godwit::bench
