// Node names to the small integers of the ownership tables and back, one table per guest. Grows,
// never forgets: an index stays what it was. Indexes are never kept: records and rows name nodes.
#pragma once

#include <optional>
#include <vector>

#include "base/check.h"
#include "core/migration/ownership.h"
#include "ports/messages.h"

namespace godwit::ports {

class Names {
 public:
  Names() = default;
  explicit Names(NodeId first) : names_{std::move(first)} {}  // Index 0.

  migration::Node index(const NodeId& name);
  const NodeId& name(migration::Node index) const {
    CHECK(index < names_.size());
    return names_[index];
  }
  std::size_t size() const { return names_.size(); }
  bool full() const { return size() >= migration::kNodesMax; }

  migration::NodeSet set(const NodeNames& names);
  NodeNames names(migration::NodeSet set) const;
  migration::Attempt attempt(const AttemptName& a) { return {index(a.source), a.number}; }
  AttemptName attempt_name(migration::Attempt a) const { return {name(a.source), a.number}; }

 private:
  std::vector<NodeId> names_;
};

}  // namespace godwit::ports
