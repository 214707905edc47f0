// What the programs' configuration files have in common: a JSON object, whose errors name file,
// field and remedy.
#pragma once

#include <concepts>
#include <cstdint>
#include <format>
#include <functional>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>

#include "base/error.h"
#include "lib/json/json.h"

namespace godwit::apps {

// Gives the bytes of a file that a configuration names: files::read_file, or a test's.
using ReadFile = std::function<Result<std::string>(const std::string& path)>;

// The object in the file; the error names the file.
Result<json::Value> load_object(const std::string& path);
// InvalidArgument: not JSON, or no object.
Result<json::Value> parse_object(std::string_view text);

// The following are InvalidArgument, with the field's name.

// A text that must be there.
Result<std::string> text(const json::Value& object, std::string_view field);
// All members are among `known`.
Status only(const json::Value& object, std::initializer_list<std::string_view> known);
Result<std::uint64_t> whole_number(const json::Value& object, std::string_view field,
                                   std::uint64_t otherwise, std::uint64_t least,
                                   std::uint64_t most);

// A whole number that fits its variable, at least `least`; absent: the variable stays.
template <std::unsigned_integral T>
Status read_number(const json::Value& object, std::string_view field, T& into, T least = 0) {
  ASSIGN_OR_RETURN(const std::uint64_t found,
                   whole_number(object, field, into, least, std::numeric_limits<T>::max()));
  into = static_cast<T>(found);
  return {};
}
// 1 to 65535; absent: the variable stays, which must be a port, too.
inline Status read_port(const json::Value& object, std::string_view field, std::uint16_t& into) {
  return read_number<std::uint16_t>(object, field, into, 1);
}

}  // namespace godwit::apps
