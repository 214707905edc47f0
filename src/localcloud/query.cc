#include "localcloud/query.h"

#include <algorithm>
#include <charconv>
#include <format>

#include "localcloud/text.h"

namespace godwit::localcloud {
namespace {

std::optional<int> whole_number(std::string_view text) {
  int value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string hex(std::string_view text) {
  std::string out;
  for (const char c : text) out += std::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

}  // namespace

Query::Query(http::Fields fields) {
  for (auto& [name, value] : fields)
    if (!fields_.emplace(name, std::move(value)).second)
      refuse("InvalidParameterCombination",
             std::format("The parameter {} was given more than once", name));
}

void Query::refuse(std::string code, std::string message) {
  if (!refusal_) refusal_ = Refusal{std::move(code), std::move(message)};
}

std::optional<std::string> Query::find(const std::string& name) {
  known_.insert(name);
  const auto at = fields_.find(name);
  return at == fields_.end() ? std::nullopt : std::optional(at->second);
}

std::string Query::text(const std::string& name) { return find(name).value_or(""); }

std::string Query::required(const std::string& name) {
  const std::string value = text(name);
  if (value.empty())
    refuse("MissingParameter", std::format("The request must contain the parameter {}", name));
  return value;
}

bool Query::flag(const std::string& name) {
  constexpr std::string_view kValues[] = {"false", "true"};
  return choice(name, kValues) == "true";
}

std::optional<int> Query::integer(const std::string& name, int least, int most) {
  const auto value = find(name);
  if (!value) return std::nullopt;
  const auto number = whole_number(*value);
  if (number && *number >= least && *number <= most) return number;
  refuse("InvalidParameterValue", std::format("Value ({}) for parameter {} is invalid. Expecting a "
                                              "value between {} and {}.",
                                              *value, name, least, most));
  return std::nullopt;
}

std::optional<Time> Query::time(const std::string& name) {
  const auto value = find(name);
  if (!value) return std::nullopt;
  const auto time = parse_time(*value);
  if (time) return *time;
  refuse(
      "InvalidParameterValue",
      std::format("Value ({}) for parameter {} is invalid. It must be a UTC time.", *value, name));
  return std::nullopt;
}

std::string Query::choice(const std::string& name, std::span<const std::string_view> values) {
  const auto value = find(name);
  if (!value) return std::string(values.front());
  if (std::ranges::contains(values, *value)) return *value;
  refuse("InvalidParameterValue",
         std::format("Value ({}) for parameter {} is invalid", *value, name));
  return std::string(values.front());
}

std::vector<int> Query::indices(const std::string& prefix) {
  std::set<int> found;
  const std::string start = prefix + ".";
  for (auto at = fields_.lower_bound(start); at != fields_.end() && at->first.starts_with(start);
       ++at) {
    const std::string_view rest = std::string_view(at->first).substr(start.size());
    const auto number = whole_number(rest.substr(0, std::min(rest.find('.'), rest.size())));
    if (number && *number >= 1) found.insert(*number);
  }
  return {found.begin(), found.end()};
}

std::vector<std::string> Query::list(const std::string& name) {
  std::vector<std::string> values;
  for (const int i : indices(name))
    if (auto value = find(std::format("{}.{}", name, i))) values.push_back(std::move(*value));
  return values;
}

std::vector<Filter> Query::filters() {
  std::vector<Filter> filters;
  for (const int i : indices("Filter")) {
    const std::string prefix = std::format("Filter.{}", i);
    filters.push_back({required(prefix + ".Name"), list(prefix + ".Value")});
  }
  return filters;
}

Tags Query::tags(const std::string& prefix) {
  Tags tags;
  for (const int i : indices(prefix)) {
    const std::string key = required(std::format("{}.{}.Key", prefix, i));
    const std::string value = text(std::format("{}.{}.Value", prefix, i));
    if (key.size() > 128 || value.size() > 256 || key.starts_with("aws:"))
      refuse("InvalidParameterValue",
             std::format("Tag '{}' is invalid: a key has at most 128 characters and does not begin "
                         "with aws:, a value has at most 256",
                         key.substr(0, 130)));
    else if (!tags.emplace(key, value).second)
      refuse("InvalidParameterValue", std::format("Duplicate tag key '{}' specified.", key));
  }
  if (tags.size() > 50) refuse("TagLimitExceeded", "A resource has at most 50 tags.");
  return tags;
}

void Query::ignore_all(const std::string& prefix) {
  for (const auto& [name, value] : fields_)
    if (name.starts_with(prefix + ".")) known_.insert(name);
}

std::optional<Refusal> Query::finish() {
  for (const auto& [name, value] : fields_)
    if (!known_.contains(name))
      refuse("UnknownParameter", std::format("The parameter {} is not recognized", name));
  return refusal_;
}

std::string Query::digest(const std::set<std::string>& without) const {
  std::string out;
  for (const auto& [name, value] : fields_)
    if (!without.contains(name))
      out += std::format("{}:{}{}:{}", name.size(), name, value.size(), value);
  return out;
}

bool matches(std::string_view pattern, std::string_view text) {
  // Greedy with one point to come back to: the latest '*'.
  std::size_t p = 0, t = 0, star = std::string_view::npos, from = 0;
  while (t < text.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || (pattern[p] == text[t] && pattern[p] != '*'))) {
      ++p;
      ++t;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      from = t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++from;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool passes(const Filter& filter, const std::vector<std::string>& values) {
  return std::ranges::any_of(filter.values, [&](const std::string& pattern) {
    return std::ranges::any_of(values,
                               [&](const std::string& value) { return matches(pattern, value); });
  });
}

bool passes_tag(const Filter& filter, const Tags& tags) {
  std::vector<std::string> values;
  if (filter.name == "tag-key") {
    for (const auto& [key, value] : tags) values.push_back(key);
  } else if (const auto at = tags.find(filter.name.substr(4)); at != tags.end()) {
    values.push_back(at->second);
  }
  return passes(filter, values);
}

std::string cut_page(Query& query, int least, int most, std::vector<std::string> keys,
                     std::size_t& begin, std::size_t& end) {
  const int size = query.integer("MaxResults", least, most).value_or(most);
  const std::string token = query.text("NextToken");
  std::string after;  // The key in the token's hexadecimal digits.
  for (std::size_t i = 0; i + 1 < token.size(); i += 2) {
    unsigned value = 0;
    const auto read = std::from_chars(token.data() + i, token.data() + i + 2, value, 16);
    if (read.ec != std::errc{} || read.ptr != token.data() + i + 2) break;
    after += static_cast<char>(value);
  }
  if (hex(after) != token)
    query.refuse("InvalidPaginationToken", "The specified pagination token is not valid.");
  begin = token.empty()
              ? 0
              : static_cast<std::size_t>(std::ranges::upper_bound(keys, after) - keys.begin());
  end = std::min(keys.size(), begin + static_cast<std::size_t>(size));
  return end == keys.size() ? "" : hex(keys[end - 1]);
}

}  // namespace godwit::localcloud
