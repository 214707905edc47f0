// JSON as a value. Reading never throws: what is absent or of another kind reads as null, or as the
// fallback given; parse() is where bad bytes become an Error.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"

namespace godwit::json {

class Value {
 public:
  using Array = std::vector<Value>;
  using Object = std::map<std::string, Value, std::less<>>;

  Value() = default;
  Value(std::nullptr_t) {}
  Value(std::same_as<bool> auto b) : value_(b) {}
  Value(std::integral auto i)
    requires(!std::same_as<decltype(i), bool>)
      : value_(static_cast<std::int64_t>(i)) {}
  Value(double d) : value_(d) {}
  Value(std::string s) : value_(std::move(s)) {}
  Value(std::string_view s) : value_(std::string(s)) {}
  Value(const char* s) : value_(std::string(s)) {}
  Value(Array a) : value_(std::move(a)) {}
  Value(Object o) : value_(std::move(o)) {}

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_integer() const { return std::holds_alternative<std::int64_t>(value_); }

  // The member or element, or null where there is none. The reference lives as long as this.
  const Value& operator[](std::string_view key) const;
  const Value& at(std::size_t index) const;
  bool has(std::string_view key) const;

  std::string text(std::string_view fallback = "") const;
  std::int64_t integer(
      std::int64_t fallback = 0) const;  // A double is cut; out of range: fallback.
  std::uint64_t natural(std::uint64_t fallback = 0) const;  // Negative: fallback.
  double number(double fallback = 0) const;
  bool boolean(bool fallback = false) const;
  const Array& array() const;    // Empty if it is none.
  const Object& object() const;  // Empty if it is none.

  // Sets a member; null becomes an object first. CHECKs on any other kind. Returns *this.
  Value& set(std::string key, Value value);

  std::string dump() const;  // One line, keys in order; bytes that are not UTF-8 become U+FFFD.

  bool operator==(const Value&) const = default;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

// DataLoss when `text` is not exactly one JSON value, or nests deeper than `max_depth`. Whole
// numbers above 2^63-1 become doubles.
Result<Value> parse(std::string_view text, int max_depth = 64);

}  // namespace godwit::json
