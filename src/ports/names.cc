#include "ports/names.h"

#include <algorithm>

namespace godwit::ports {

migration::Node Names::index(const NodeId& name) {
  const auto at = std::ranges::find(names_, name);
  if (at == names_.end()) {
    CHECK(!full());
    names_.push_back(name);
    return static_cast<migration::Node>(names_.size() - 1);
  }
  return static_cast<migration::Node>(at - names_.begin());
}

migration::NodeSet Names::set(const NodeNames& names) {
  migration::NodeSet set;
  for (const NodeId& name : names) set = set.with(index(name));
  return set;
}

NodeNames Names::names(migration::NodeSet set) const {
  NodeNames names;
  for (migration::Node n = 0; n < names_.size(); ++n)
    if (set.contains(n)) names.insert(names_[n]);
  return names;
}

}  // namespace godwit::ports
