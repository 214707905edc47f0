// What a guest does besides answering, so that a move has something to copy: memory and disk
// rewritten at a steady pace, in programs of their own.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace witness {

// Shared with the programs that count.
struct LoadCounts {
  std::atomic<std::uint64_t> filled;        // 1 once all memory was written the first time.
  std::atomic<std::uint64_t> memory_bytes;  // Rewritten since.
  std::atomic<std::uint64_t> disk_bytes;    // Written and fsynced.
};

// `argument` is "MEMORY_MIB,MEMORY_BYTES_PER_SECOND,DISK_BYTES_PER_SECOND". Memory is rewritten in
// order with random bytes, so nothing compresses and no page is dirtied twice in a round. The disk
// gets random bytes in kDiskFirst .. kDiskEnd, an fdatasync after each kDiskBlock. Null when
// nothing is asked for.
inline constexpr std::uint64_t kDiskFirst = 8 << 20, kDiskEnd = 24 << 20, kDiskBlock = 64 << 10;
const LoadCounts* start_load(const std::string& argument);

}  // namespace witness
