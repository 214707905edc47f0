#include "localcloud/throttle.h"

#include <algorithm>

namespace godwit::localcloud {

bool Throttle::take(const std::string& action, std::int64_t count, Time now) {
  constexpr std::int64_t kMicro = 1'000'000;
  const auto at = sizes_.find(action);
  const BucketSize& size = at == sizes_.end() ? others_ : at->second;
  const std::int64_t full = size.tokens * kMicro;
  const auto [found, is_new] = buckets_.emplace(action, Bucket{full, now});
  Bucket& bucket = found->second;
  if (now > bucket.filled) {
    // One token per second is one micro-token per microsecond. A day fills any bucket, and more
    // would overflow.
    const Duration passed = std::min<Duration>(now - bucket.filled, std::chrono::hours{24});
    bucket.micro_tokens = std::min(full, bucket.micro_tokens + passed.count() * size.per_second);
    bucket.filled = now;
  }
  if (bucket.micro_tokens < count * kMicro) return false;
  bucket.micro_tokens -= count * kMicro;
  return true;
}

}  // namespace godwit::localcloud
