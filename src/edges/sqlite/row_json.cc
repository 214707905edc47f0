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
constexpr const char* names_of(ports::NodeStage, std::size_t i) {
  constexpr const char* kNames[] = {"intent", "launched", "joined", "ending", "abandoned"};
  return i < std::size(kNames) ? kNames[i] : nullptr;
}
constexpr const char* names_of(ports::AboveMaximum, std::size_t i) {
  constexpr const char* kNames[] = {"on-demand", "wait", "stop"};
  return i < std::size(kNames) ? kNames[i] : nullptr;
}
constexpr const char* names_of(ports::Spread, std::size_t i) {
  constexpr const char* kNames[] = {"none", "node", "pool", "zone"};
  return i < std::size(kNames) ? kNames[i] : nullptr;
}
constexpr const char* names_of(ports::Egress, std::size_t i) {
  constexpr const char* kNames[] = {"gateway", "node"};
  return i < std::size(kNames) ? kNames[i] : nullptr;
}
constexpr const char* names_of(ports::UpdateStrategy, std::size_t i) {
  constexpr const char* kNames[] = {"recreate", "rolling"};
  return i < std::size(kNames) ? kNames[i] : nullptr;
}

constexpr const char* names_of(ports::MoveView::State, std::size_t i) {
  constexpr const char* kNames[] = {"under-way", "done", "failed"};
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
  io("group", g.group), io("wanted", g.wanted), io("reason", g.reason);
  io("born", g.born), io("ended", g.ended);
}
template <class Io>
void fields(Io& io, ports::NodeRow& n) {
  io("address", n.address), io("dead", n.dead), io("stage", n.stage), io("type", n.type);
  io("zone", n.zone), io("spot", n.spot), io("max_price", n.max_price), io("attempt", n.attempt);
  io("token", n.token), io("token_sha256", n.token_sha256), io("key_sha256", n.key_sha256);
  io("instance", n.instance), io("boot_id", n.boot_id), io("port", n.port);
  io("memory_mib", n.memory_mib), io("vcpus", n.vcpus), io("cordoned", n.cordoned);
  io("draining", n.draining), io("launched", n.launched), io("ended", n.ended);
  io("ended_by_provider", n.ended_by_provider), io("why", n.why);
}
template <class Io>
void fields(Io& io, ports::Port& p) {
  io("port", p.port), io("published", p.published);
}
template <class Io>
void fields(Io& io, ports::Choice& c) {
  io("allow", c.allow), io("deny", c.deny);
}
template <class Io>
void fields(Io& io, ports::Volume& v) {
  io("name", v.name), io("path", v.path), io("size_gib", v.size_gib);
}
template <class Io>
void fields(Io& io, ports::Disruption& d) {
  io("guests_max", d.guests_max), io("windows", d.windows);
}
template <class Io>
void fields(Io& io, ports::GroupSpec& s) {
  io("name", s.name), io("count", s.count), io("image_sha256", s.image_sha256);
  io("container", s.container), io("memory_mib", s.memory_mib), io("vcpus", s.vcpus);
  io("ports", s.ports), io("maximum_price", s.maximum_price);
  io("above_maximum", s.above_maximum), io("spread", s.spread), io("egress", s.egress);
  io("clouds", s.clouds), io("regions", s.regions), io("zones", s.zones);
  io("families", s.families), io("update", s.update), io("volumes", s.volumes);
  io("disruption", s.disruption);
}
template <class Io>
void fields(Io& io, ports::GroupRow& g) {
  io("spec", g.spec), io("revision", g.revision), io("deleted", g.deleted);
}
template <class Io>
void fields(Io& io, ports::FleetRow& f) {
  io("nodes_named", f.nodes_named), io("addresses_given", f.addresses_given);
}

template <class Io>
void fields(Io& io, ports::EventView& e) {
  io("number", e.number), io("at", e.at), io("group", e.group), io("guest", e.guest);
  io("node", e.node), io("reason", e.reason), io("text", e.text);
}
template <class Io>
void fields(Io& io, ports::Term& t) {
  io("name", t.name), io("usd", t.usd);
}
template <class Io>
void fields(Io& io, ports::Rejected& r) {
  io("what", r.what), io("why", r.why), io("usd", r.usd);
}
template <class Io>
void fields(Io& io, ports::MoveView& m) {
  io("number", m.number), io("guest", m.guest), io("reason", m.reason), io("source", m.source);
  io("destination", m.destination), io("live", m.live), io("state", m.state);
  io("began", m.began), io("ended", m.ended), io("stopped_us", m.stopped_us);
  io("resumed_us", m.resumed_us), io("bytes", m.bytes);
  io("bytes_while_stopped", m.bytes_while_stopped), io("why", m.why), io("terms", m.terms);
  io("rejected", m.rejected), io("epoch", m.epoch), io("attempt", m.attempt);
}

template <class T, class... Any>
concept OneOf = (std::same_as<T, Any> || ...);
template <class T>
concept Part =
    OneOf<T, ports::EpochName, ports::AttemptName, ports::CutName, ports::OwnerRow,
          ports::MachineRecord, ports::HealthCheck, ports::Container, ports::Port, ports::Choice,
          ports::Volume, ports::Disruption, ports::GroupSpec, ports::Term, ports::Rejected>;

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
  template <class Tag>
  static Value value(const Id<Tag>& id) {
    return id.value;
  }
  static Value value(Time at) { return at.time_since_epoch().count(); }
  static Value value(MicroUsdPerHour rate) { return rate.value; }
  template <std::integral T>
  static Value value(T number) {
    return number;
  }
  static Value value(double number) { return number; }
  template <class T>
    requires std::is_enum_v<T>
  static Value value(T one) {
    return names_of(one, static_cast<std::size_t>(one));
  }
  template <class T>
  static Value list(T& items) {
    Value::Array array;
    for (auto& item : items) array.push_back(value(item));
    return array;
  }
  template <class T>
  static Value value(std::vector<T>& items) {
    return list(items);
  }
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
  template <class Tag>
  bool read(const Value& v, Id<Tag>& id) {
    return read(v, id.value);
  }
  bool read(const Value& v, Time& at) {
    at = Time{Duration{v.integer()}};
    return v.is_integer();
  }
  bool read(const Value& v, MicroUsdPerHour& rate) {
    rate.value = v.integer();
    return v.is_integer();
  }
  bool read(const Value& v, bool& yes) {
    yes = v.boolean();
    return v == Value{true} || v == Value{false};
  }
  bool read(const Value& v, std::int64_t& number) {
    number = v.integer();
    return v.is_integer();
  }
  bool read(const Value& v, double& number) {
    number = v.number();
    return v.number(1) == number;  // Else the fallback shows.
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
  template <class T>
  bool read(const Value& v, std::vector<T>& items) {
    for (const Value& item : v.array())
      if (!read(item, items.emplace_back())) return false;
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

void make_plain(std::string& text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
}

}  // namespace

Result<std::string> to_text(const ports::GuestRow& row) { return write_row(row); }
Result<std::string> to_text(const ports::NodeRow& row) { return write_row(row); }
Result<std::string> to_text(const ports::GroupRow& row) { return write_row(row); }
Result<std::string> to_text(const ports::FleetRow& row) { return write_row(row); }
Result<std::string> to_text(const ports::EventView& event) {
  if (auto text = write_row(event)) return text;
  ports::EventView plain = event;
  for (std::string* text : {&plain.reason, &plain.text}) make_plain(*text);
  return write_row(plain);
}
Result<std::string> to_text(const ports::MoveView& move) {
  if (auto text = write_row(move)) return text;
  ports::MoveView plain = move;
  for (std::string* text : {&plain.reason, &plain.why}) make_plain(*text);
  for (ports::Rejected& one : plain.rejected)
    for (std::string* text : {&one.what, &one.why}) make_plain(*text);
  return write_row(plain);
}
Result<ports::GuestRow> parse_guest_row(std::string_view text) {
  return parse_row<ports::GuestRow>(text);
}
Result<ports::NodeRow> parse_node_row(std::string_view text) {
  return parse_row<ports::NodeRow>(text);
}
Result<ports::GroupRow> parse_group_row(std::string_view text) {
  return parse_row<ports::GroupRow>(text);
}
Result<ports::FleetRow> parse_fleet_row(std::string_view text) {
  return parse_row<ports::FleetRow>(text);
}

Result<ports::EventView> parse_event(std::string_view text) {
  return parse_row<ports::EventView>(text);
}
Result<ports::MoveView> parse_move(std::string_view text) {
  return parse_row<ports::MoveView>(text);
}

Result<std::string> with_defaults(std::string_view row, std::string_view complete) {
  ASSIGN_OR_RETURN(Value value, json::parse(row));
  ASSIGN_OR_RETURN(const Value defaults, json::parse(complete));
  if (!value.is_object()) return data_loss("not an object");
  for (const auto& [name, field] : defaults.object())
    if (!value.has(name)) value.set(name, field);
  return value.dump();
}

}  // namespace godwit::sqlite
