// Identifiers that cannot be mistaken for each other and cost nothing.
#pragma once

#include <compare>
#include <string>

namespace godwit {

template <class Tag>
struct Id {
  std::string value;
  auto operator<=>(const Id&) const = default;
};

// A node's identity: instance id and boot id, "i-0123/7f3c...". A rebooted instance is another
// node.
using NodeId = Id<struct NodeTag>;
// Used again by the group of its name; its generation then goes on where it ended.
using GuestId = Id<struct GuestTag>;
using GroupId = Id<struct GroupTag>;

}  // namespace godwit
