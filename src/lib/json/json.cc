#include "lib/json/json.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "base/check.h"

namespace godwit::json {
namespace {

const Value kNull;
const Value::Array kNoArray;
const Value::Object kNoObject;

// Builds our Value from nlohmann's events, so that neither its tree nor its exceptions are used.
class Builder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(int max_depth) : max_depth_(max_depth) {}

  Value root;
  std::string error;

  bool null() override { return add(Value{}); }
  bool boolean(bool b) override { return add(Value{b}); }
  bool number_integer(std::int64_t i) override { return add(Value{i}); }
  bool number_unsigned(std::uint64_t u) override {
    if (u > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return add(Value{static_cast<double>(u)});
    return add(Value{static_cast<std::int64_t>(u)});
  }
  bool number_float(double d, const std::string&) override { return add(Value{d}); }
  bool string(std::string& s) override { return add(Value{std::move(s)}); }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Value{Value::Object{}}); }
  bool start_array(std::size_t) override { return open(Value{Value::Array{}}); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& k) override {
    stack_.back().key = std::move(k);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception&) override {
    error = std::format("not json at byte {}", position);
    return false;
  }

 private:
  struct Open {
    Value value;
    std::string key;  // Of the next member.
  };

  bool open(Value value) {
    if (static_cast<int>(stack_.size()) >= max_depth_) {
      error = std::format("nested deeper than {}", max_depth_);
      return false;
    }
    stack_.push_back({std::move(value), {}});
    return true;
  }
  bool close() {
    Value done = std::move(stack_.back().value);
    stack_.pop_back();
    return add(std::move(done));
  }
  bool add(Value value) {
    if (stack_.empty()) {
      root = std::move(value);
      return true;
    }
    Open& top = stack_.back();
    if (top.value.is_object()) {
      top.value.set(std::move(top.key), std::move(value));
    } else {
      // Const in the interface only: the array is this builder's own.
      const_cast<Value::Array&>(top.value.array()).push_back(std::move(value));
    }
    return true;
  }

  int max_depth_;
  std::vector<Open> stack_;
};

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

const Value& Value::operator[](std::string_view key) const {
  const Object& members = object();
  const auto it = members.find(key);
  return it == members.end() ? kNull : it->second;
}

const Value& Value::at(std::size_t index) const {
  const Array& elements = array();
  return index < elements.size() ? elements[index] : kNull;
}

bool Value::has(std::string_view key) const { return object().contains(key); }

std::string Value::text(std::string_view fallback) const {
  const auto* s = std::get_if<std::string>(&value_);
  return s ? *s : std::string(fallback);
}

std::int64_t Value::integer(std::int64_t fallback) const {
  if (const auto* i = std::get_if<std::int64_t>(&value_)) return *i;
  if (const auto* d = std::get_if<double>(&value_); d && *d > -0x1p63 && *d < 0x1p63)
    return static_cast<std::int64_t>(*d);
  return fallback;
}

std::uint64_t Value::natural(std::uint64_t fallback) const {
  const std::int64_t i = integer(-1);
  return i < 0 ? fallback : static_cast<std::uint64_t>(i);
}

double Value::number(double fallback) const {
  if (const auto* d = std::get_if<double>(&value_)) return *d;
  if (const auto* i = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*i);
  return fallback;
}

bool Value::boolean(bool fallback) const {
  const auto* b = std::get_if<bool>(&value_);
  return b ? *b : fallback;
}

const Value::Array& Value::array() const {
  const auto* a = std::get_if<Array>(&value_);
  return a ? *a : kNoArray;
}

const Value::Object& Value::object() const {
  const auto* o = std::get_if<Object>(&value_);
  return o ? *o : kNoObject;
}

Value& Value::set(std::string key, Value value) {
  if (is_null()) value_ = Object{};
  CHECK(is_object());
  std::get<Object>(value_).insert_or_assign(std::move(key), std::move(value));
  return *this;
}

std::string Value::dump() const {
  if (const auto* o = std::get_if<Object>(&value_)) {
    std::string out = "{";
    for (const auto& [key, value] : *o) {
      if (out.size() > 1) out += ',';
      out += quoted(key) + ':' + value.dump();
    }
    return out + '}';
  }
  if (const auto* a = std::get_if<Array>(&value_)) {
    std::string out = "[";
    for (const Value& value : *a) {
      if (out.size() > 1) out += ',';
      out += value.dump();
    }
    return out + ']';
  }
  if (const auto* s = std::get_if<std::string>(&value_)) return quoted(*s);
  if (const auto* i = std::get_if<std::int64_t>(&value_)) return std::to_string(*i);
  if (const auto* b = std::get_if<bool>(&value_)) return *b ? "true" : "false";
  if (const auto* d = std::get_if<double>(&value_)) return nlohmann::json(*d).dump();
  return "null";
}

Result<Value> parse(std::string_view text, int max_depth) {
  Builder builder(max_depth);
  try {
    if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder))
      return data_loss(builder.error.empty() ? "not json" : builder.error);
  } catch (const std::exception& e) {
    return data_loss(std::format("not json: {}", e.what()));
  }
  return std::move(builder.root);
}

}  // namespace godwit::json
