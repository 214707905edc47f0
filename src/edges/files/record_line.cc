#include "edges/files/record_line.h"

#include <format>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "lib/json/json.h"

namespace godwit::files {
namespace {

using json::Value;
using ports::GuestRecord;
using ports::RoleName;

constexpr std::pair<RoleName, const char*> kRoles[] = {
    {RoleName::kIdle, "idle"}, {RoleName::kHolds, "holds"}, {RoleName::kGranted, "granted"}};
using ports::RestartPolicy;
constexpr std::pair<RestartPolicy, const char*> kPolicies[] = {
    {RestartPolicy::kNever, "never"},
    {RestartPolicy::kOnFailure, "on-failure"},
    {RestartPolicy::kAlways, "always"}};
using HealthKind = ports::HealthCheck::Kind;
constexpr std::pair<HealthKind, const char*> kHealthKinds[] = {
    {HealthKind::kNone, "none"}, {HealthKind::kTcp, "tcp"}, {HealthKind::kExec, "exec"}};

Value to_json(const ports::EpochName& epoch) {
  return Value{}.set("generation", epoch.generation).set("hop", epoch.hop);
}

Value to_json(const ports::MachineRecord& m) {
  return Value{}
      .set("qemu_version", m.qemu_version)
      .set("machine_type", m.machine_type)
      .set("cpu_model", m.cpu_model)
      .set("memory_mib", m.memory_mib)
      .set("vcpus", m.vcpus)
      .set("mtu", m.mtu)
      .set("overlay_bytes", m.overlay_bytes)
      .set("mac", m.mac)
      .set("address", m.address)
      .set("kernel_sha256", m.kernel_sha256)
      .set("initramfs_sha256", m.initramfs_sha256)
      .set("base_sha256", m.base_sha256)
      .set("append", m.append);
}

Value to_json(const std::vector<std::string>& words) {
  Value::Array list;
  for (const std::string& word : words) list.emplace_back(word);
  return Value{std::move(list)};
}

template <class T, std::size_t kCount>
const char* name_of(const std::pair<T, const char*> (&names)[kCount], T value) {
  for (const auto& [named, name] : names)
    if (named == value) return name;
  return "";
}

Value to_json(const ports::HealthCheck& h) {
  return Value{}
      .set("kind", name_of(kHealthKinds, h.kind))
      .set("port", h.port)
      .set("argv", to_json(h.argv))
      .set("interval_ms", h.interval_ms)
      .set("timeout_ms", h.timeout_ms)
      .set("failures", h.failures);
}

Value to_json(const ports::Container& c) {
  return Value{}
      .set("argv", to_json(c.argv))
      .set("env", to_json(c.env))
      .set("cwd", c.cwd)
      .set("uid", c.uid)
      .set("gid", c.gid)
      .set("hostname", c.hostname)
      .set("restart", name_of(kPolicies, c.restart))
      .set("backoff_ms", c.backoff_ms)
      .set("backoff_max_ms", c.backoff_max_ms)
      .set("health", to_json(c.health));
}

Value to_json(const GuestId& guest, const GuestRecord& r) {
  Value::Array set;
  for (const NodeId& node : r.set) set.emplace_back(node.value);
  Value line;
  line.set("guest", guest.value)
      .set("role", name_of(kRoles, r.role))
      .set("epoch", to_json(r.epoch))
      .set("held", to_json(r.held))
      .set("sealed", r.sealed)
      .set("set", std::move(set))
      .set("counter", r.counter)
      .set("to", r.to.value)
      .set("attempt", Value{}.set("source", r.attempt.source.value).set("number", r.attempt.number))
      .set("machine", to_json(r.machine));
  if (r.container) line.set("container", to_json(*r.container));
  return line;
}

// Reads members that must be there; the first that is missing or of another kind is remembered.
class Members {
 public:
  std::string text(const Value& object, const char* key) {
    need(object[key].is_string(), key);
    return object[key].text();
  }
  std::uint64_t natural(const Value& object, const char* key, std::uint64_t max) {
    const Value& value = object[key];
    const bool good = value.is_integer() && value.integer() >= 0 && value.natural() <= max;
    need(good, key);
    return good ? value.natural() : 0;
  }
  std::uint32_t small(const Value& object, const char* key) {
    return static_cast<std::uint32_t>(
        natural(object, key, std::numeric_limits<std::uint32_t>::max()));
  }
  ports::EpochName epoch(const Value& object, const char* key) {
    const Value& value = object[key];
    return {small(value, "generation"), small(value, "hop")};
  }
  ports::NodeNames nodes(const Value& object, const char* key) {
    need(object[key].is_array(), key);
    ports::NodeNames names;
    for (const Value& node : object[key].array()) {
      need(node.is_string(), key);
      names.insert(NodeId{node.text()});
    }
    return names;
  }
  // One of a few names; the first value when it is none of them.
  template <class T, std::size_t kCount>
  T named(const std::pair<T, const char*> (&names)[kCount], const Value& object, const char* key) {
    for (const auto& [value, name] : names)
      if (object[key].is_string() && object[key].text() == name) return value;
    need(false, key);
    return names[0].first;
  }
  std::vector<std::string> words(const Value& object, const char* key) {
    need(object[key].is_array(), key);
    std::vector<std::string> words;
    for (const Value& word : object[key].array()) {
      need(word.is_string(), key);
      words.push_back(word.text());
    }
    return words;
  }
  ports::MachineRecord machine(const Value& m) {
    constexpr auto kSize = std::uint64_t{std::numeric_limits<std::int64_t>::max()};
    return {.qemu_version = text(m, "qemu_version"),
            .machine_type = text(m, "machine_type"),
            .cpu_model = text(m, "cpu_model"),
            .memory_mib = small(m, "memory_mib"),
            .vcpus = small(m, "vcpus"),
            .mtu = small(m, "mtu"),
            .overlay_bytes = natural(m, "overlay_bytes", kSize),
            .mac = text(m, "mac"),
            .address = text(m, "address"),
            .kernel_sha256 = text(m, "kernel_sha256"),
            .initramfs_sha256 = text(m, "initramfs_sha256"),
            .base_sha256 = text(m, "base_sha256"),
            .append = text(m, "append")};
  }
  ports::HealthCheck health(const Value& h) {
    return {.kind = named(kHealthKinds, h, "kind"),
            .port = static_cast<std::uint16_t>(natural(h, "port", UINT16_MAX)),
            .argv = words(h, "argv"),
            .interval_ms = small(h, "interval_ms"),
            .timeout_ms = small(h, "timeout_ms"),
            .failures = small(h, "failures")};
  }
  std::optional<ports::Container> container(const Value& line) {
    if (!line.has("container")) return std::nullopt;
    const Value& c = line["container"];
    return ports::Container{.argv = words(c, "argv"),
                            .env = words(c, "env"),
                            .cwd = text(c, "cwd"),
                            .uid = small(c, "uid"),
                            .gid = small(c, "gid"),
                            .hostname = text(c, "hostname"),
                            .restart = named(kPolicies, c, "restart"),
                            .backoff_ms = small(c, "backoff_ms"),
                            .backoff_max_ms = small(c, "backoff_max_ms"),
                            .health = health(c["health"])};
  }
  void need(bool there, const char* key) {
    if (!there && !missing_) missing_ = key;
  }
  const char* missing() const { return missing_; }  // Null: nothing.

 private:
  const char* missing_ = nullptr;
};

}  // namespace

std::string to_line(const GuestId& guest, const GuestRecord& record) {
  return to_json(guest, record).dump();
}

Result<RecordLine> parse_line(std::string_view text) {
  ASSIGN_OR_RETURN(const Value v, json::parse(text));
  Members in;
  RecordLine line{
      GuestId{in.text(v, "guest")},
      {.role = in.named(kRoles, v, "role"),
       .epoch = in.epoch(v, "epoch"),
       .held = in.epoch(v, "held"),
       .sealed = in.small(v, "sealed"),
       .set = in.nodes(v, "set"),
       .counter = in.small(v, "counter"),
       .to = NodeId{in.text(v, "to")},
       .attempt = {NodeId{in.text(v["attempt"], "source")}, in.small(v["attempt"], "number")},
       .machine = in.machine(v["machine"]),
       .container = in.container(v)}};
  if (in.missing()) return data_loss(std::format("no valid '{}'", in.missing()));
  return line;
}

}  // namespace godwit::files
