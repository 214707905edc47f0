// Node names to the small integers of the ownership tables and back, one table per guest. Grows,
// never forgets: an index stays what it was as long as the agent runs, and a record names nodes,
// not indexes.
#pragma once

#include <optional>
#include <vector>

#include "base/check.h"
#include "core/migration/ownership.h"
#include "ports/messages.h"

namespace godwit::agent {

class Names {
 public:
  explicit Names(NodeId self) : names_{std::move(self)} {}  // This node is always index 0.

  migration::Node index(const NodeId& name);
  const NodeId& name(migration::Node index) const {
    CHECK(index < names_.size());
    return names_[index];
  }
  bool full() const { return names_.size() >= migration::kNodesMax; }

  migration::NodeSet set(const ports::NodeNames& names);
  ports::NodeNames names(migration::NodeSet set) const;
  migration::Attempt attempt(const ports::AttemptName& a) { return {index(a.source), a.number}; }
  ports::AttemptName attempt_name(migration::Attempt a) const { return {name(a.source), a.number}; }

 private:
  std::vector<NodeId> names_;
};

}  // namespace godwit::agent
