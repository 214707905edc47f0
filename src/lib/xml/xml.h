// XML as values: elements with attributes, text and children. Enough for web services' messages: an
// element has text or children; comments, processing instructions and white space between elements
// are dropped on reading. A DOCTYPE is skipped unread, so nothing is ever expanded or fetched.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace godwit::xml {

struct Element {
  std::string name;
  std::string text = {};
  std::vector<Element> children = {};
  std::vector<std::pair<std::string, std::string>> attributes = {};
  bool operator==(const Element&) const = default;

  // Appends a child and returns it; the reference lives until the next child is added.
  Element& add(std::string name, std::string text = "");

  // The first child of that name, or null.
  const Element* find(std::string_view name) const;
  // The text at a path of first children, "a/b/c"; empty if there is none.
  std::string_view text_at(std::string_view path) const;
  // Children of that name, in order.
  std::vector<const Element*> all(std::string_view name) const;
};

// DataLoss: not well-formed, not exactly one root element, or nested deeper than `max_depth`.
Result<Element> parse(std::string_view text, int max_depth = 64);

// With the XML declaration, in one line. Bytes that XML 1.0 cannot carry (control characters but
// tab and line ends) become U+FFFD: real services have answered what no parser takes.
std::string dump(const Element& root);

}  // namespace godwit::xml
