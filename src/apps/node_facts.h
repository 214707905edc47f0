// What an instance can say of itself.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace godwit::apps {

// Our address towards `peer` ("host:port", numeric IPv4); nothing is sent. Unavailable: no route.
Result<std::string> own_address(const std::string& peer);

// Without line break.
Result<std::string> read_boot_id(const std::string& path = "/proc/sys/kernel/random/boot_id");

struct Room {
  std::uint32_t memory_mib = 0;
  std::uint32_t vcpus = 0;
};
// What guests can have in all. Memory: what our control group may have, or the host's memory if
// that is less, minus `reserve_mib`. vcpus: the CPUs we may run on, at most our group's quota,
// rounded up, at least 1. FailedPrecondition: the reserve leaves nothing.
Result<Room> room_for_guests(std::uint32_t reserve_mib);

}  // namespace godwit::apps
