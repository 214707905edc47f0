// A control plane in one map: keeps groups, places their guests on two nodes in turn, moves them at
// once. Its answers are what ports/api.h promises.
#pragma once

#include <format>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "ports/api.h"
#include "ports/event_sink.h"

namespace godwit::golden {

class FakeControl final : public ports::EventSink<ports::Request> {
 public:
  FakeControl() {
    for (const char* name : {"i-a/1", "i-b/1"}) {
      ports::NodeView node;
      node.node = NodeId{name};
      node.phase = ports::NodePhase::kReady;
      node.attached = true;
      node.zone = std::format("us-east-1{}", name[2]);
      node.instance_type = "m5.large";
      node.spot = true;
      node.memory_mib = 7000;
      node.memory_mib_free = 7000;
      node.rate = MicroUsdPerHour{34'500};
      nodes_[node.node] = node;
    }
  }

  ports::Answerer* answerer = nullptr;

  void offer(ports::Request request) override {
    const std::lock_guard lock(mutex_);
    answerer->answer(request.id,
                     std::visit([this](const auto& asked) { return on(asked); }, request.body));
  }

 private:
  ports::Answer on(const ports::ApplyGroup& asked) {
    ports::GroupView view;
    const auto old = groups_.find(asked.spec.name);
    view.spec = asked.spec;
    view.revision =
        old == groups_.end() ? 1 : old->second.revision + (old->second.spec != view.spec);
    for (std::uint32_t i = 1; i <= asked.spec.count; ++i)
      view.guests.push_back(GuestId{std::format("{}-{}", asked.spec.name.value, i)});
    view.running = view.healthy = asked.spec.count;
    if (asked.dry_run) return view;
    groups_[asked.spec.name] = view;
    for (const GuestId& guest : view.guests) place(guest, asked.spec);
    note(asked.spec.name, {}, "applied", std::format("revision {}", view.revision));
    return view;
  }
  ports::Answer on(const ports::DeleteGroup& asked) {
    const auto found = groups_.find(asked.group);
    if (found == groups_.end()) return missing("group", asked.group.value);
    for (const GuestId& guest : found->second.guests) guests_.erase(guest);
    groups_.erase(found);
    return ports::Done{};
  }
  ports::Answer on(const ports::ListGroups& asked) { return list(groups_, asked.group, "group"); }
  ports::Answer on(const ports::ListGuests& asked) { return list(guests_, asked.guest, "guest"); }
  ports::Answer on(const ports::ListNodes& asked) { return list(nodes_, asked.node, "node"); }
  ports::Answer on(const ports::ListEvents& asked) {
    ports::Listing<ports::EventView> found;
    found.version = version_;
    for (const auto& event : events_)
      if ((!asked.group || event.group == asked.group) &&
          (!asked.guest || event.guest == asked.guest) && !asked.node)
        found.items.push_back(event);
    return found;
  }
  ports::Answer on(const ports::MigrateGuest& asked) {
    const auto guest = guests_.find(asked.guest);
    if (guest == guests_.end()) return missing("guest", asked.guest.value);
    if (!nodes_.contains(asked.to)) return missing("node", asked.to.value);
    if (guest->second.node == asked.to)
      return precondition(std::format("guest {}: runs on {} already: name another node",
                                      asked.guest.value, asked.to.value));
    ports::GuestView answer = guest->second;
    answer.phase = ports::GuestPhase::kMoving;
    answer.moving = asked.to;
    guest->second.node = asked.to;
    ++guest->second.hop;
    note({}, asked.guest, "manual", std::format("moved to {}", asked.to.value));
    return answer;
  }
  ports::Answer on(const ports::CordonNode& asked) {
    return set_phase(asked.node, ports::NodePhase::kCordoned);
  }
  ports::Answer on(const ports::UncordonNode& asked) {
    return set_phase(asked.node, ports::NodePhase::kReady);
  }
  ports::Answer on(const ports::DrainNode& asked) {
    if (!nodes_.contains(asked.node)) return missing("node", asked.node.value);
    ports::DrainView view{.node = asked.node, .moves = {}};
    for (auto& [name, guest] : guests_) {
      if (guest.node != asked.node) continue;
      const NodeId other = asked.node.value == "i-a/1" ? NodeId{"i-b/1"} : NodeId{"i-a/1"};
      view.moves.push_back({name, other, "room there, same pool price"});
      if (!asked.dry_run) guest.node = other;
    }
    if (!asked.dry_run) nodes_[asked.node].phase = ports::NodePhase::kDraining;
    return view;
  }
  ports::Answer on(const ports::ReadLogs& asked) {
    if (!guests_.contains(asked.guest)) return missing("guest", asked.guest.value);
    ports::LogPage page;
    for (std::uint64_t n = asked.from; n <= 5 && page.lines.size() < 2; ++n)
      page.lines.push_back({n, Time{}, false, std::format("line {}", n)});
    page.next = asked.from + page.lines.size();
    return page;
  }
  ports::Answer on(const ports::ExecInGuest& asked) {
    if (!guests_.contains(asked.guest)) return missing("guest", asked.guest.value);
    ports::ExecResult result{.exit_status = 3, .signal = 0, .out = "", .err = "done\n"};
    for (const auto& word : asked.argv) result.out += "[" + word + "]";
    result.out += "\n";
    return result;
  }

  static ports::Answer missing(const std::string& kind, const std::string& name) {
    return not_found(std::format("{0} {1}: there is none: see `godwit get {0}s`", kind, name));
  }
  template <class Map, class Name>
  ports::Answer list(const Map& map, const std::optional<Name>& name, const std::string& kind) {
    if (name && !map.contains(*name)) return missing(kind, name->value);
    ports::Listing<typename Map::mapped_type> found;
    found.version = version_;
    for (const auto& [key, view] : map)
      if (!name || key == *name) found.items.push_back(view);
    return found;
  }
  ports::Answer set_phase(const NodeId& name, ports::NodePhase phase) {
    const auto found = nodes_.find(name);
    if (found == nodes_.end()) return missing("node", name.value);
    found->second.phase = phase;
    return found->second;
  }
  void place(const GuestId& name, const ports::GroupSpec& spec) {
    if (guests_.contains(name)) return;
    ports::GuestView guest;
    guest.guest = name;
    guest.group = spec.name;
    guest.phase = ports::GuestPhase::kRunning;
    guest.node = NodeId{guests_.size() % 2 ? "i-b/1" : "i-a/1"};
    guest.address = std::format("100.64.0.{}", guests_.size() + 2);
    guest.image_sha256 = spec.image_sha256;
    guest.memory_mib = spec.memory_mib;
    guest.vcpus = spec.vcpus;
    guest.generation = 1;
    guest.container = ports::ContainerState{.phase = ports::ContainerPhase::kRunning, .runs = 1};
    guest.share = MicroUsdPerHour{1'260};
    guests_[name] = guest;
  }
  void note(std::optional<GroupId> group, std::optional<GuestId> guest, std::string reason,
            std::string text) {
    const Time at{std::chrono::seconds{1'700'000'000 + static_cast<long>(events_.size())}};
    events_.push_back({events_.size() + 1,
                       at,
                       std::move(group),
                       std::move(guest),
                       {},
                       std::move(reason),
                       std::move(text)});
  }

  std::mutex mutex_;
  std::uint64_t version_ = 100;
  std::map<GroupId, ports::GroupView> groups_;
  std::map<GuestId, ports::GuestView> guests_;
  std::map<NodeId, ports::NodeView> nodes_;
  std::vector<ports::EventView> events_;
};

}  // namespace godwit::golden
