// Token buckets per action, as EC2 throttles ("Request throttling for the Amazon EC2 API").
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/time.h"

namespace godwit::localcloud {

struct BucketSize {
  std::int64_t tokens = 100;     // When full, as it is at first.
  std::int64_t per_second = 20;  // How fast it fills again.
};

class Throttle {
 public:
  // `sizes` by action; other actions each have a bucket of `others`.
  Throttle(std::map<std::string, BucketSize> sizes, BucketSize others)
      : sizes_(std::move(sizes)), others_(others) {}

  // Takes `count` tokens if there are as many; time does not go back.
  bool take(const std::string& action, std::int64_t count, Time now);

 private:
  struct Bucket {
    std::int64_t micro_tokens = 0;
    Time filled;
  };
  std::map<std::string, BucketSize> sizes_;
  BucketSize others_;
  std::map<std::string, Bucket> buckets_;
};

}  // namespace godwit::localcloud
