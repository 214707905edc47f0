// A token bucket on our side, so that EC2's own seldom says no. Pure.
#pragma once

#include <algorithm>
#include <cmath>

#include "base/time.h"

namespace godwit::ec2 {

struct Bucket {
  double tokens = 100;
  double per_second = 20;  // > 0.
};

class Pacer {
 public:
  explicit Pacer(Bucket size) : size_(size), tokens_(size.tokens) {}

  // Takes one token, perhaps one that is not there yet, and says how long to wait for it. First
  // come, first served. `now` does not go back.
  Duration take(Time now) {
    const std::chrono::duration<double> passed = seen_ == Time{} ? Duration{0} : now - seen_;
    tokens_ = std::min(size_.tokens, tokens_ + std::max(0.0, passed.count()) * size_.per_second);
    seen_ = std::max(seen_, now);
    tokens_ -= 1;
    if (tokens_ >= 0) return Duration{0};
    return Duration(static_cast<Duration::rep>(std::ceil(-tokens_ / size_.per_second * 1e6)));
  }

 private:
  Bucket size_;
  double tokens_;
  Time seen_;
};

}  // namespace godwit::ec2
