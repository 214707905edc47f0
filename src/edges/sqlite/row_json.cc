#include "edges/sqlite/row_json.h"

#include <concepts>
#include <format>
#include <iterator>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "lib/json/json.h"

namespace godwit::sqlite {
namespace {

using json::Value;

// --- The fields, once for writing and for reading. `io(name, field)` does one.

// In the order of the enumerators.
constexpr const char* names_of(ports::GenerationKind, std::size_t i) {
  constexpr const char* kNames[] = {"none", "order", "takeover", "taken"};
  return i < std::size(kNames) ? kNames[i] : nullptr;
}
constexpr const char* names_of(ports::RestartPolicy, std::size_t i) {
  constexpr const char* kNames[] = {"never", "on-failure", "always"};
  return i < std::size(kNames) ? kNames[i] : nullptr;
}
constexpr const char* names_of(ports::HealthCheck::Kind, std::size_t i) {
  constexpr const char* kNames[] = {"none", "tcp", "exec"};
  return i < std::size(kNames) ? kNames[i] : nullptr;
}

template <class Io>
void fields(Io& io, ports::EpochName& e) {
  io("generation", e.generation), io("hop", e.hop);
}
template <class Io>
void fields(Io& io, ports::AttemptName& a) {
  io("source", a.source), io("number", a.number);
}
template <class Io>
void fields(Io& io, ports::CutName& c) {
  io("epoch", c.epoch), io("attempt", c.attempt);
}
template <class Io>
void fields(Io& io, ports::OwnerRow& o) {
  io("generation", o.generation), io("kind", o.kind), io("set", o.set), io("reach", o.reach);
  io("reported", o.reported), io("holder", o.holder), io("taker", o.taker), io("from", o.from);
}
template <class Io>
void fields(Io& io, ports::MachineRecord& m) {
  io("qemu_version", m.qemu_version), io("machine_type", m.machine_type);
  io("cpu_model", m.cpu_model), io("memory_mib", m.memory_mib), io("vcpus", m.vcpus);
  io("mtu", m.mtu), io("overlay_bytes", m.overlay_bytes), io("mac", m.mac);
  io("address", m.address), io("kernel_sha256", m.kernel_sha256);
  io("initramfs_sha256", m.initramfs_sha256), io("base_sha256", m.base_sha256);
  io("append", m.append);
}
template <class Io>
void fields(Io& io, ports::HealthCheck& h) {
  io("kind", h.kind), io("port", h.port), io("argv", h.argv), io("interval_ms", h.interval_ms);
  io("timeout_ms", h.timeout_ms), io("failures", h.failures);
}
template <class Io>
void fields(Io& io, ports::Container& c) {
  io("argv", c.argv), io("env", c.env), io("cwd", c.cwd), io("uid", c.uid), io("gid", c.gid);
  io("hostname", c.hostname), io("restart", c.restart), io("backoff_ms", c.backoff_ms);
  io("backoff_max_ms", c.backoff_max_ms), io("health", c.health);
}
template <class Io>
void fields(Io& io, ports::GuestRow& g) {
  io("machine", g.machine), io("container", g.container), io("owner", g.owner);
}
template <class Io>
void fields(Io& io, ports::NodeRow& n) {
  io("address", n.address), io("dead", n.dead);
}

template <class T, class... Any>
concept OneOf = (std::same_as<T, Any> || ...);
template <class T>
concept Part = OneOf<T, ports::EpochName, ports::AttemptName, ports::CutName, ports::OwnerRow,
                     ports::MachineRecord, ports::HealthCheck, ports::Container>;

// --- Writing.

class Writer {
 public:
  template <class T>
  void operator()(const char* key, T& field) {
    object_.set(key, value(field));
  }
  Value take() { return std::move(object_); }

 private:
  static Value value(const std::string& text) { return text; }
  static Value value(const NodeId& node) { return node.value; }
  template <std::integral T>
  static Value value(T number) {
    return number;
  }
  template <class T>
    requires std::is_enum_v<T>
  static Value value(T one) {
    return names_of(one, static_cast<std::size_t>(one));
  }
  template <class T>
  static Value list(const T& items) {
    Value::Array array;
    for (const auto& item : items) array.push_back(value(item));
    return array;
  }
  static Value value(const std::vector<std::string>& words) { return list(words); }
  static Value value(const ports::NodeNames& nodes) { return list(nodes); }
  template <class T>
  static Value value(std::optional<T>& maybe) {
    return maybe ? value(*maybe) : Value{};
  }
  template <Part T>
  static Value value(T& part) {
    Writer writer;
    fields(writer, part);
    return writer.take();
  }

  Value object_;
};

// --- Reading. The first field that is missing or of another kind is remembered.

class Reader {
 public:
  Reader(const Value& object, const char*& wrong) : object_(object), wrong_(wrong) {}
  template <class T>
  void operator()(const char* key, T& field) {
    if ((!object_.has(key) || !read(object_[key], field)) && !wrong_) wrong_ = key;
  }

 private:
  bool read(const Value& v, std::string& text) {
    text = v.text();
    return v.is_string();
  }
  bool read(const Value& v, NodeId& node) { return read(v, node.value); }
  bool read(const Value& v, bool& yes) {
    yes = v.boolean();
    return v == Value{true} || v == Value{false};
  }
  template <std::unsigned_integral T>
  bool read(const Value& v, T& number) {
    if (!v.is_integer() || v.integer() < 0 || v.natural() > std::numeric_limits<T>::max())
      return false;
    number = static_cast<T>(v.natural());
    return true;
  }
  template <class T>
    requires std::is_enum_v<T>
  bool read(const Value& v, T& one) {
    for (std::size_t i = 0; v.is_string() && names_of(one, i); ++i) {
      if (v.text() != names_of(one, i)) continue;
      one = static_cast<T>(i);
      return true;
    }
    return false;
  }
  bool read(const Value& v, std::vector<std::string>& words) {
    for (const Value& item : v.array())
      if (!read(item, words.emplace_back())) return false;
    return v.is_array();
  }
  bool read(const Value& v, ports::NodeNames& nodes) {
    for (const Value& item : v.array()) {
      if (!item.is_string()) return false;
      nodes.insert(NodeId{item.text()});
    }
    return v.is_array();
  }
  template <class T>
  bool read(const Value& v, std::optional<T>& maybe) {
    return v.is_null() || read(v, maybe.emplace());
  }
  template <Part T>
  bool read(const Value& v, T& part) {
    Reader reader(v, wrong_);
    fields(reader, part);
    return v.is_object();
  }

  const Value& object_;
  const char*& wrong_;
};

template <class Row>
Result<Row> parse_row(std::string_view text) {
  ASSIGN_OR_RETURN(const Value value, json::parse(text));
  const char* wrong = nullptr;
  Row row;
  Reader reader(value, wrong);
  fields(reader, row);
  if (wrong) return data_loss(std::format("no valid '{}'", wrong));
  return row;
}

template <class Row>
Result<std::string> write_row(Row row) {
  Writer writer;
  fields(writer, row);
  std::string text = writer.take().dump();
  const Result<Row> again = parse_row<Row>(text);
  if (!again || *again != row) return invalid("a row that cannot be written exactly");
  return text;
}

}  // namespace

Result<std::string> to_text(const ports::GuestRow& row) { return write_row(row); }
Result<std::string> to_text(const ports::NodeRow& row) { return write_row(row); }
Result<ports::GuestRow> parse_guest_row(std::string_view text) {
  return parse_row<ports::GuestRow>(text);
}
Result<ports::NodeRow> parse_node_row(std::string_view text) {
  return parse_row<ports::NodeRow>(text);
}

}  // namespace godwit::sqlite
