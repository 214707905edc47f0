// YAML as values that know their place in the text, so that an error can point at it. The part of
// YAML 1.2 that specs need: what hides surprises is refused (aliases and anchors, tags, double
// keys, keys that are no scalars). Scalars stay text: what they mean is for the reader of a field.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace godwit::yaml {

enum class Kind { kNull, kScalar, kSequence, kMapping };

// Counted from 1.
struct Place {
  int line = 1, column = 1;
  bool operator==(const Place&) const = default;
};

struct Entry;
struct Node {
  Kind kind = Kind::kNull;
  Place at;
  std::string text;            // kScalar.
  std::vector<Node> items;     // kSequence.
  std::vector<Entry> entries;  // kMapping, in the text's order.
};
struct Entry {
  Node key, value;
};

// The documents of a text; empty ones are left out. InvalidArgument: "LINE:COLUMN: what is wrong".
Result<std::vector<Node>> parse(std::string_view text, int max_depth = 32);

}  // namespace godwit::yaml
