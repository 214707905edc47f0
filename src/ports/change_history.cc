#include "ports/change_history.h"

#include <algorithm>
#include <format>
#include <utility>

#include "base/check.h"

namespace godwit::ports {

void ChangeHistory::begin(std::uint64_t version) {
  changes_.clear();
  before_ = newest_ = version;
}

void ChangeHistory::add(Change change) {
  CHECK(change.version > newest_);
  newest_ = change.version;
  changes_.push_back(std::move(change));
  if (changes_.size() <= length_) return;
  before_ = changes_.front().version;
  changes_.pop_front();
}

Result<std::vector<Change>> ChangeHistory::since(std::uint64_t version) const {
  if (version < before_ || version > newest_)
    return fail(Code::kAborted, std::format("version {} is not among {} to {}: list again", version,
                                            before_, newest_));
  const auto first = std::ranges::upper_bound(changes_, version, {}, &Change::version);
  return std::vector<Change>(first, changes_.end());
}

}  // namespace godwit::ports
