// Specs and their guests: which shall exist. Where they go is planning.cc's.
#include <algorithm>
#include <charconv>
#include <format>
#include <utility>

#include "control/control.h"

namespace godwit::control {
namespace {

GuestId name_of(const GroupId& group, std::uint32_t number) {
  return GuestId{std::format("{}-{}", group.value, number)};
}

std::uint32_t number_of(const GuestId& guest) {
  const std::string_view text = guest.value;
  std::uint32_t number = 0;
  const std::size_t dash = text.rfind('-');
  std::from_chars(text.data() + dash + 1, text.data() + text.size(), number);
  return number;
}

// Locally administered, from the address, which no other guest has.
std::string mac_of(const std::string& address) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  std::sscanf(address.c_str(), "%u.%u.%u.%u", &a, &b, &c, &d);
  return std::format("02:00:{:02x}:{:02x}:{:02x}:{:02x}", a, b, c, d);
}

}  // namespace

// In order of their numbers.
std::vector<GuestId> Control::members(const GroupId& group) const {
  std::vector<GuestId> all;
  for (const auto& [id, owner] : guests_)
    if (owner.row().group == group && !owner.ending()) all.push_back(id);
  std::ranges::sort(all, {}, number_of);
  return all;
}

// What a guest got at its birth stays: it would have to be born again.
Status Control::may_change(const ports::GroupSpec& from, const ports::GroupSpec& to) const {
  const auto fixed = [&](const char* field) -> Status {
    return precondition(std::format(
        "{}: is fixed at the birth of a guest: delete group {} first, or apply another name", field,
        from.name.value));
  };
  if (from.image_sha256 != to.image_sha256) return fixed("image");
  if (!(from.container == to.container)) return fixed("command, env, restart or health");
  if (from.memory_mib != to.memory_mib) return fixed("memory");
  if (from.vcpus != to.vcpus) return fixed("vcpus");
  return {};
}

Status Control::may_apply(const ports::GroupSpec& spec) const {
  TRY(ports::check(spec));
  if (spec.above_maximum == ports::AboveMaximum::kStop)
    return precondition("above_maximum: stop is not built yet: use on-demand or wait");
  if (!config_.provider)
    return precondition("no provider is configured: `serve` places no groups; see its \"cloud\"");
  if (!config_.image_bytes || !config_.image_bytes(spec.image_sha256))
    return precondition(std::format(
        "image: the control plane has no image {}: `godwit image import` it into its store",
        spec.image_sha256.substr(0, 12)));
  const auto at = groups_.find(spec.name);
  if (at != groups_.end() && at->second.deleted)
    return precondition(
        std::format("group {} is being deleted: wait until it is gone", spec.name.value));
  for (const auto& [id, group] : groups_)
    for (const ports::Port& theirs : group.spec.ports)
      for (const ports::Port& ours : spec.ports)
        if (id != spec.name && ours.published != 0 && ours.published == theirs.published)
          return precondition(std::format("ports: {} is published by group {}: take another",
                                          ours.published, id.value));
  return at == groups_.end() ? Status{} : may_change(at->second.spec, spec);
}

ports::Answer Control::apply(const ports::ApplyGroup& wish, Time now, Step& step) {
  const ports::GroupSpec& spec = wish.spec;
  const auto at = groups_.find(spec.name);
  if (wish.new_only && at != groups_.end() && !at->second.deleted)
    return fail(Code::kAlreadyExists,
                std::format("group {}: there is one: choose another name, or change it with "
                            "`godwit apply`",
                            spec.name.value));
  TRY(may_apply(spec));
  ports::GroupRow row{spec};
  if (at != groups_.end()) row.revision = at->second.revision + (at->second.spec == spec ? 0 : 1);
  if (wish.dry_run || (at != groups_.end() && row == at->second)) return group_view(row);
  groups_[spec.name] = row;
  step.writes.push_back(ports::GroupWrite{spec.name, row});
  event(spec.name, {}, {}, "applied", std::format("revision {}", row.revision), now, step);
  resize(row, now, step);
  for (const GuestId& id : members(spec.name)) tell_ports(id, step);
  dirty_ = true;
  return group_view(row);
}

void Control::resize(const ports::GroupRow& group, Time now, Step& step) {
  const ports::GroupSpec& spec = group.spec;
  for (const GuestId& id : members(spec.name)) {
    if (number_of(id) <= spec.count) continue;
    guests_.at(id).end(now, step);
    tell_ports(id, step);
  }
  for (std::uint32_t number = 1; number <= spec.count; ++number) {
    const GuestId id = name_of(spec.name, number);
    Owner& owner = guest(id);
    if (owner.born() || !owner.row().group.value.empty()) {
      if (!owner.gone()) continue;
    }
    const auto address = instances_.next_address(step);
    if (!address) {
      step.commands.push_back(Refused{id, "all addresses of 100.64.0.0/10 were given"});
      return;
    }
    ports::GuestRow row{
        .machine = config_.machine, .container = spec.container, .group = spec.name, .born = now};
    row.machine.memory_mib = spec.memory_mib;
    row.machine.vcpus = spec.vcpus;
    row.machine.base_sha256 = spec.image_sha256;
    row.machine.overlay_bytes =
        std::max(row.machine.overlay_bytes, config_.image_bytes(spec.image_sha256).value_or(0));
    row.machine.address = *address;
    row.machine.mac = mac_of(*address);
    row.machine.append +=
        std::format(" godwit.address={} godwit.mtu={}", *address, row.machine.mtu);
    owner.conceive(std::move(row), step);
    lives_.erase(id);
  }
}

ports::Answer Control::remove(const ports::DeleteGroup& wish, Time now, Step& step) {
  const auto at = groups_.find(wish.group);
  if (at == groups_.end()) return not_found(std::format("no group is named {}", wish.group.value));
  if (at->second.deleted) return ports::Done{};
  for (const GuestId& id : members(wish.group)) {
    guests_.at(id).end(now, step);
    journal_.give_up(id, "it is deleted", now);
    tell_ports(id, step);
  }
  at->second.deleted = true;
  step.writes.push_back(ports::GroupWrite{wish.group, at->second});
  event(wish.group, {}, {}, "deleted", "its guests end", now, step);
  dirty_ = true;
  return ports::Done{};
}

// Groups without guests go.
void Control::bury(Step& step) {
  std::erase_if(groups_, [&](const auto& group) {
    if (!group.second.deleted) return false;
    for (const auto& [id, owner] : guests_)
      if (owner.row().group == group.first && !owner.gone()) return false;
    step.writes.push_back(ports::GroupWrite{group.first, std::nullopt});
    dirty_ = true;
    return true;
  });
}

ports::GroupView Control::group_view(const ports::GroupRow& group) const {
  ports::GroupView view{.spec = group.spec, .revision = group.revision};
  view.guests = members(group.spec.name);
  for (const GuestId& id : view.guests) {
    if (guest_view(id, guests_.at(id)).phase != ports::GuestPhase::kRunning &&
        guest_view(id, guests_.at(id)).phase != ports::GuestPhase::kMoving)
      continue;
    ++view.running;
    const auto life = lives_.find(id);
    const bool ill = life != lives_.end() && life->second.container &&
                     life->second.container->health == ports::Health::kUnhealthy;
    if (!ill) ++view.healthy;
  }
  return view;
}

}  // namespace godwit::control
