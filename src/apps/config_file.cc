#include "apps/config_file.h"

#include <algorithm>

#include "edges/files/file.h"

namespace godwit::apps {

Result<json::Value> parse_object(std::string_view text) {
  auto value = json::parse(text);
  if (!value) return invalid(value.error().message);
  if (!value->is_object()) return invalid("an object is needed, {\"field\": value}");
  return value;
}

Result<json::Value> load_object(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, files::read_file(path));
  return in_context(path, parse_object(bytes));
}

Result<std::string> text(const json::Value& object, std::string_view field) {
  if (!object[field].is_string() || object[field].text().empty())
    return invalid(std::format("field \"{}\": a text is needed here", field));
  return object[field].text();
}

Status only(const json::Value& object, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : object.object())
    if (!std::ranges::contains(known, name))
      return invalid(std::format("field \"{}\" is not known", name));
  return {};
}

Result<std::uint64_t> whole_number(const json::Value& object, std::string_view field,
                                   std::uint64_t otherwise, std::uint64_t least,
                                   std::uint64_t most) {
  const json::Value& value = object[field];
  const std::uint64_t number = object.has(field) ? value.natural() : otherwise;
  const bool whole = !object.has(field) || (value.is_integer() && value.integer() >= 0);
  if (!whole || number < least || number > most)
    return invalid(
        std::format("field \"{}\": a whole number from {} to {} is needed", field, least, most));
  return number;
}

}  // namespace godwit::apps
