#include "load.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <span>
#include <vector>

namespace witness {
namespace {

constexpr std::uint64_t kMemoryBlock = 32 << 10;

void fill(std::span<std::uint64_t> words, std::uint64_t& state) {
  for (std::uint64_t& word : words) {  // xorshift64.
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    word = state;
  }
}

// Sleeps as long as keeps `rate` over time. What a stall of the guest has cost is made up for at
// most 100 ms: a load is no burst.
class Pace {
 public:
  explicit Pace(std::uint64_t rate) : rate_(rate), due_(now()) {}
  void wait(std::uint64_t bytes) {
    due_ += bytes * 1'000'000'000 / rate_;
    const std::uint64_t at = now();
    due_ = std::max(due_, at - std::min<std::uint64_t>(at, 100'000'000));
    if (due_ <= at) return;
    const timespec left{static_cast<time_t>((due_ - at) / 1'000'000'000),
                        static_cast<long>((due_ - at) % 1'000'000'000)};
    nanosleep(&left, nullptr);
  }

 private:
  static std::uint64_t now() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(t.tv_nsec);
  }
  std::uint64_t rate_, due_;
};

[[noreturn]] void rewrite_memory(std::uint64_t bytes, std::uint64_t rate, LoadCounts& counts) {
  void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) {
    std::perror("load: mmap");
    _exit(1);
  }
  const std::span all(static_cast<std::uint64_t*>(mapped), bytes / 8);
  std::uint64_t state = 0x9e3779b97f4a7c15;
  fill(all, state);
  counts.filled = 1;
  Pace pace(rate);
  for (std::uint64_t at = 0;; at = (at + kMemoryBlock) % bytes) {
    fill(all.subspan(at / 8, kMemoryBlock / 8), state);
    counts.memory_bytes += kMemoryBlock;
    pace.wait(kMemoryBlock);
  }
}

[[noreturn]] void rewrite_disk(std::uint64_t rate, LoadCounts& counts) {
  const int disk = open("/dev/vda", O_RDWR | O_CLOEXEC);
  std::vector<std::uint64_t> block(kDiskBlock / 8);
  std::uint64_t state = 0xd1b54a32d192ed03;
  Pace pace(rate);
  for (std::uint64_t at = kDiskFirst;; at += kDiskBlock) {
    if (at >= kDiskEnd) at = kDiskFirst;
    fill(block, state);
    if (pwrite(disk, block.data(), kDiskBlock, static_cast<off_t>(at)) !=
            static_cast<ssize_t>(kDiskBlock) ||
        fdatasync(disk) != 0) {
      std::perror("load: /dev/vda");
      _exit(1);
    }
    counts.disk_bytes += kDiskBlock;
    pace.wait(kDiskBlock);
  }
}

}  // namespace

const LoadCounts* start_load(const std::string& argument) {
  unsigned long long memory_mib = 0, memory_rate = 0, disk_rate = 0;
  if (std::sscanf(argument.c_str(), "%llu,%llu,%llu", &memory_mib, &memory_rate, &disk_rate) != 3)
    return nullptr;
  void* shared =
      mmap(nullptr, sizeof(LoadCounts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return nullptr;
  auto* counts = new (shared) LoadCounts{};
  if (memory_mib > 0 && memory_rate > 0 && fork() == 0)
    rewrite_memory(memory_mib << 20, memory_rate, *counts);
  if (disk_rate > 0 && fork() == 0) rewrite_disk(disk_rate, *counts);
  return counts;
}

}  // namespace witness
