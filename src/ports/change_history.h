// The newest changes, for watchers that were away for a moment. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "ports/api.h"

namespace godwit::ports {

class ChangeHistory {
 public:
  explicit ChangeHistory(std::size_t length) : length_(length) {}

  // Forgets all; the next change is newer than `version`.
  void begin(std::uint64_t version);
  // CHECKs that versions grow.
  void add(Change change);

  // What came after `version`, in order. Aborted: something that came after it is forgotten, or it
  // is none of this history's: list again.
  Result<std::vector<Change>> since(std::uint64_t version) const;

  std::uint64_t newest() const { return newest_; }

 private:
  const std::size_t length_;
  std::uint64_t before_ = 0;  // The newest that is not in changes_.
  std::uint64_t newest_ = 0;
  std::deque<Change> changes_;
};

}  // namespace godwit::ports
