// The spec of a group, both ways.
#include <algorithm>
#include <format>
#include <limits>
#include <map>

#include "edges/grpc/public_codec.h"
#include "edges/grpc/utf8.h"
#include "godwit/v1/services.pb.h"

namespace godwit::grpc_edge {
namespace {

using Wire = v1::GroupSpec;

// An enumeration's value by a table; 0 is the default. A value of a later release is refused.
template <class Ours, std::size_t N>
Result<Ours> pick(std::string_view field, int value, const Ours (&table)[N]) {
  if (value < 0 || static_cast<std::size_t>(value) >= N)
    return invalid(std::format("{}: value {} is not known: use a client of this server's release",
                               field, value));
  return table[value];
}

Result<std::uint16_t> port_of(std::string_view field, std::uint32_t port) {
  if (port > std::numeric_limits<std::uint16_t>::max())
    return invalid(std::format("{}: {} is no port: use 1 to 65535", field, port));
  return static_cast<std::uint16_t>(port);
}

Result<ports::HealthCheck> health_from(const v1::HealthCheck& wire) {
  using Kind = ports::HealthCheck::Kind;
  ports::HealthCheck health;
  if (wire.tcp_port() != 0 && wire.command_size() > 0)
    return invalid("health: has tcp_port and command: use one of them");
  if (wire.tcp_port() == 0 && wire.command_size() == 0)
    return invalid("health: has neither tcp_port nor command: name one, or leave health out");
  health.kind = wire.tcp_port() != 0 ? Kind::kTcp : Kind::kExec;
  ASSIGN_OR_RETURN(health.port, port_of("health.tcp_port", wire.tcp_port()));
  health.argv.assign(wire.command().begin(), wire.command().end());
  if (wire.has_interval_ms()) health.interval_ms = wire.interval_ms();
  if (wire.has_timeout_ms()) health.timeout_ms = wire.timeout_ms();
  if (wire.has_failures()) health.failures = wire.failures();
  return health;
}

Result<ports::Container> container_from(const Wire& wire) {
  using Restart = ports::RestartPolicy;
  ports::Container c;
  c.argv.assign(wire.command().begin(), wire.command().end());
  const std::map<std::string, std::string> env(wire.env().begin(), wire.env().end());
  for (const auto& [name, value] : env) {
    if (name.empty()) return invalid("env.: a variable has no name: write NAME: VALUE lines");
    if (name.find('=') != std::string::npos)
      return invalid(std::format("env.{}: '=' in the name: move it to the value", name));
    c.env.push_back(name + "=" + value);
  }
  if (!wire.cwd().empty()) c.cwd = wire.cwd();
  c.uid = wire.user().uid();
  c.gid = wire.user().gid();
  ASSIGN_OR_RETURN(
      c.restart,
      (pick<Restart>("restart", wire.restart(),
                     {Restart::kAlways, Restart::kAlways, Restart::kOnFailure, Restart::kNever})));
  if (wire.has_health()) {
    ASSIGN_OR_RETURN(c.health, health_from(wire.health()));
  }
  return c;
}

ports::Choice choice_from(const v1::Choice& wire) {
  return {{wire.allow().begin(), wire.allow().end()}, {wire.deny().begin(), wire.deny().end()}};
}

Status read_policies(const Wire& wire, ports::GroupSpec& spec) {
  using A = ports::AboveMaximum;
  using S = ports::Spread;
  using E = ports::Egress;
  using U = ports::UpdateStrategy;
  ASSIGN_OR_RETURN(spec.above_maximum, (pick<A>("above_maximum", wire.above_maximum(),
                                                {A::kOnDemand, A::kOnDemand, A::kWait, A::kStop})));
  ASSIGN_OR_RETURN(spec.spread, (pick<S>("spread", wire.spread(),
                                         {S::kNone, S::kNone, S::kNode, S::kPool, S::kZone})));
  ASSIGN_OR_RETURN(spec.egress,
                   (pick<E>("egress", wire.egress(), {E::kGateway, E::kGateway, E::kNode})));
  if (wire.update() != Wire::UPDATE_DEFAULT) {
    ASSIGN_OR_RETURN(spec.update,
                     (pick<U>("update", wire.update(), {U::kRecreate, U::kRecreate, U::kRolling})));
  }
  spec.clouds = choice_from(wire.clouds());
  spec.regions = choice_from(wire.regions());
  spec.zones = choice_from(wire.zones());
  spec.families = choice_from(wire.families());
  return {};
}

void write_choice(const ports::Choice& choice, v1::Choice* wire) {
  for (const auto& name : choice.allow) wire->add_allow(valid_utf8(name));
  for (const auto& name : choice.deny) wire->add_deny(valid_utf8(name));
}

void write_container(const ports::Container& c, Wire& wire) {
  using Kind = ports::HealthCheck::Kind;
  for (const auto& word : c.argv) wire.add_command(valid_utf8(word));
  for (const auto& line : c.env) {
    const auto equals = std::min(line.find('='), line.size());
    const auto value = equals < line.size() ? line.substr(equals + 1) : "";
    (*wire.mutable_env())[valid_utf8(line.substr(0, equals))] = valid_utf8(value);
  }
  wire.set_cwd(valid_utf8(c.cwd));
  if (c.uid || c.gid) {
    wire.mutable_user()->set_uid(c.uid);
    wire.mutable_user()->set_gid(c.gid);
  }
  wire.set_restart(c.restart == ports::RestartPolicy::kAlways      ? Wire::ALWAYS
                   : c.restart == ports::RestartPolicy::kOnFailure ? Wire::ON_FAILURE
                                                                   : Wire::NEVER);
  if (c.health.kind == Kind::kNone) return;
  v1::HealthCheck& health = *wire.mutable_health();
  health.set_tcp_port(c.health.port);
  for (const auto& word : c.health.argv) health.add_command(valid_utf8(word));
  health.set_interval_ms(c.health.interval_ms);
  health.set_timeout_ms(c.health.timeout_ms);
  health.set_failures(c.health.failures);
}

}  // namespace

Result<ports::GroupSpec> from_wire(const v1::GroupSpec& wire) {
  ports::GroupSpec spec;
  spec.name = GroupId{wire.name()};
  if (wire.has_count()) spec.count = wire.count();
  spec.image_sha256 = wire.image();
  ASSIGN_OR_RETURN(spec.container, container_from(wire));
  if (wire.has_memory_mib()) spec.memory_mib = wire.memory_mib();
  if (wire.has_vcpus()) spec.vcpus = wire.vcpus();
  for (int i = 0; i < wire.ports_size(); ++i) {
    const std::string field = std::format("ports[{}]", i);
    ASSIGN_OR_RETURN(const auto port, port_of(field, wire.ports(i).port()));
    ASSIGN_OR_RETURN(const auto published, port_of(field, wire.ports(i).published()));
    spec.ports.push_back({port, published});
  }
  if (wire.has_maximum_price_micro_usd_per_hour())
    spec.maximum_price = MicroUsdPerHour{wire.maximum_price_micro_usd_per_hour()};
  TRY(read_policies(wire, spec));
  for (const auto& volume : wire.volumes())
    spec.volumes.push_back({volume.name(), volume.path(), volume.size_gib()});
  if (wire.disruption().has_guests_max())
    spec.disruption.guests_max = wire.disruption().guests_max();
  spec.disruption.windows.assign(wire.disruption().windows().begin(),
                                 wire.disruption().windows().end());
  TRY(ports::check(spec));
  return spec;
}

void to_wire(const ports::GroupSpec& spec, v1::GroupSpec& wire) {
  wire.Clear();
  wire.set_name(valid_utf8(spec.name.value));
  wire.set_count(spec.count);
  wire.set_image(valid_utf8(spec.image_sha256));
  write_container(spec.container, wire);
  wire.set_memory_mib(spec.memory_mib);
  wire.set_vcpus(spec.vcpus);
  for (const auto& port : spec.ports) {
    v1::Port& to = *wire.add_ports();
    to.set_port(port.port);
    to.set_published(port.published);
  }
  if (spec.maximum_price) wire.set_maximum_price_micro_usd_per_hour(spec.maximum_price->value);
  // Their tables begin with the default, which is the first of ours too.
  wire.set_above_maximum(static_cast<Wire::AboveMaximum>(1 + static_cast<int>(spec.above_maximum)));
  wire.set_spread(static_cast<Wire::Spread>(1 + static_cast<int>(spec.spread)));
  wire.set_egress(static_cast<Wire::Egress>(1 + static_cast<int>(spec.egress)));
  if (spec.update)
    wire.set_update(static_cast<Wire::UpdateStrategy>(1 + static_cast<int>(*spec.update)));
  const auto write = [](const ports::Choice& choice, v1::Choice* to) { write_choice(choice, to); };
  if (spec.clouds != ports::Choice{}) write(spec.clouds, wire.mutable_clouds());
  if (spec.regions != ports::Choice{}) write(spec.regions, wire.mutable_regions());
  if (spec.zones != ports::Choice{}) write(spec.zones, wire.mutable_zones());
  if (spec.families != ports::Choice{}) write(spec.families, wire.mutable_families());
}

}  // namespace godwit::grpc_edge
