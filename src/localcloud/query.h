// The parameters of an EC2 Query request, and what most actions share: lists, filters, tags, pages.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "lib/http/message.h"
#include "localcloud/cloud.h"

namespace godwit::localcloud {

struct Filter {
  std::string name;
  std::vector<std::string> values;  // Any of them; '*' and '?' are wildcards.
};

// Each getter marks its parameters as known. A value that cannot be read leaves the fallback and is
// remembered: an action reads all it knows, then asks finish(), which refuses the first bad value,
// a parameter given twice, and whatever nobody asked for (UnknownParameter).
class Query {
 public:
  explicit Query(http::Fields fields);

  std::string text(const std::string& name);      // "" if absent.
  std::string required(const std::string& name);  // MissingParameter.
  std::optional<std::string> find(const std::string& name);
  bool flag(const std::string& name);  // Absent: false.
  std::optional<int> integer(const std::string& name, int least, int most);
  std::optional<Time> time(const std::string& name);
  // One of `values`; absent: the first. InvalidParameterValue.
  std::string choice(const std::string& name, std::span<const std::string_view> values);
  std::vector<std::string> list(const std::string& name);  // Name.1, Name.2 ...
  std::vector<Filter> filters();                           // Filter.N.Name, Filter.N.Value.M
  Tags tags(const std::string& prefix);                    // PREFIX.N.Key, PREFIX.N.Value
  // The numbers N for which PREFIX.N.anything is given, in order.
  std::vector<int> indices(const std::string& prefix);
  // Known, and without effect here.
  void ignore(const std::string& name) { known_.insert(name); }
  void ignore_all(const std::string& prefix);

  void refuse(std::string code, std::string message);  // The first refusal stays.
  std::optional<Refusal> finish();

  // All parameters but those named, in one text: what an idempotent request is compared by.
  std::string digest(const std::set<std::string>& without) const;

 private:
  std::map<std::string, std::string> fields_;
  std::set<std::string> known_;
  std::optional<Refusal> refusal_;
};

bool matches(std::string_view pattern, std::string_view text);  // With '*' and '?'.

// An item's values under a filter's name; nullopt: there is no such filter for these items.
template <class T>
using Attribute =
    std::function<std::optional<std::vector<std::string>>(const T&, std::string_view name)>;

// Whether an item passes; `tags` may be null. InvalidParameterValue: no such filter.
bool passes_tag(const Filter& filter, const Tags& tags);
bool passes(const Filter& filter, const std::vector<std::string>& values);

// Keeps the items that pass every filter. `probe` stands in for an item, so that a filter that does
// not exist is refused also when there is nothing to filter.
template <class T>
void keep_matching(Query& query, const Attribute<T>& attribute, const T& probe,
                   const std::function<const Tags*(const T&)>& tags_of, std::vector<T>& items) {
  for (const Filter& filter : query.filters()) {
    const bool by_tag = filter.name.starts_with("tag:") || filter.name == "tag-key";
    if (by_tag ? !tags_of : !attribute(probe, filter.name)) {
      query.refuse("InvalidParameterValue", std::format("The filter '{}' is invalid", filter.name));
      return;
    }
    std::erase_if(items, [&](const T& item) {
      return by_tag ? !passes_tag(filter, *tags_of(item))
                    : !passes(filter, *attribute(item, filter.name));
    });
  }
}

// Cuts the page out of items that are sorted by `key`, by MaxResults (at most `most`; absent: all,
// but at most `most`) and NextToken, which names the last key given out, so that it stays good when
// items come or go. Returns the next token; empty on the last page.
std::string cut_page(Query& query, int least, int most, std::vector<std::string> keys,
                     std::size_t& begin, std::size_t& end);
template <class T>
std::string keep_page(Query& query, int least, int most,
                      const std::function<std::string(const T&)>& key, std::vector<T>& items) {
  std::vector<std::string> keys;
  for (const T& item : items) keys.push_back(key(item));
  std::size_t begin = 0, end = 0;
  std::string token = cut_page(query, least, most, std::move(keys), begin, end);
  items = std::vector<T>(items.begin() + static_cast<std::ptrdiff_t>(begin),
                         items.begin() + static_cast<std::ptrdiff_t>(end));
  return token;
}

}  // namespace godwit::localcloud
