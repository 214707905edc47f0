// A control plane in a few maps: keeps groups, places their guests on two nodes in turn, moves them
// at once, and publishes what changes. Its answers are what ports/api.h promises; its prices and
// its ledger are fixed.
#pragma once

#include <format>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "fake_market.h"
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
  ports::Publisher* publisher = nullptr;

  void offer(ports::Request request) override {
    const std::lock_guard lock(mutex_);
    offered_.push_back(request.body);
    answerer->answer(request.id,
                     std::visit([this](const auto& asked) { return on(asked); }, request.body));
  }

  // All that came through the server.
  std::vector<ports::RequestBody> offered() const {
    const std::lock_guard lock(mutex_);
    return offered_;
  }

 private:
  ports::Answer on(const ports::ApplyGroup& asked) {
    ports::GroupView view;
    const auto old = groups_.find(asked.spec.name);
    if (asked.new_only && old != groups_.end())
      return fail(Code::kAlreadyExists,
                  std::format("group {}: there is one: choose another name, or change it with "
                              "`godwit apply`",
                              asked.spec.name.value));
    view.spec = asked.spec;
    view.revision =
        old == groups_.end() ? 1 : old->second.revision + (old->second.spec != view.spec);
    for (std::uint32_t i = 1; i <= asked.spec.count; ++i)
      view.guests.push_back(GuestId{std::format("{}-{}", asked.spec.name.value, i)});
    view.running = view.healthy = asked.spec.count;
    if (asked.dry_run) return view;
    groups_[asked.spec.name] = view;
    publish(view);
    for (const GuestId& guest : view.guests) place(guest, asked.spec);
    note(asked.spec.name, {}, "applied", std::format("revision {}", view.revision));
    return view;
  }
  ports::Answer on(const ports::DeleteGroup& asked) {
    const auto found = groups_.find(asked.group);
    if (found == groups_.end()) return missing("group", asked.group.value);
    for (const GuestId& guest : found->second.guests) {
      guests_.erase(guest);
      publish(ports::Removed{guest});
    }
    groups_.erase(found);
    publish(ports::Removed{asked.group});
    return ports::Done{};
  }
  ports::Answer on(const ports::ListGroups& asked) { return list(groups_, asked.group, "group"); }
  ports::Answer on(const ports::ListGuests& asked) {
    if (asked.group && !groups_.contains(*asked.group)) return missing("group", asked.group->value);
    auto found = list(guests_, asked.guest, "guest");
    if (found && asked.group)
      std::erase_if(std::get<ports::Listing<ports::GuestView>>(*found).items,
                    [&](const auto& guest) { return guest.group != asked.group; });
    return found;
  }
  ports::Answer on(const ports::ListNodes& asked) { return list(nodes_, asked.node, "node"); }
  ports::Answer on(const ports::ListEvents& asked) {
    ports::Listing<ports::EventView> found;
    found.version = version_;
    for (const auto& event : events_)
      if ((!asked.group || event.group == asked.group) &&
          (!asked.guest || event.guest == asked.guest) && (!asked.node || event.node == asked.node))
        found.items.push_back(event);
    newest(found.items, asked.limit);
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
    move(guest->second, asked.to, "manual");
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
      if (!asked.dry_run) move(guest, other, "drain");
    }
    if (!asked.dry_run) (void)set_phase(asked.node, ports::NodePhase::kDraining);
    return view;
  }
  ports::Answer on(const ports::ReadLogs& asked) {
    if (!guests_.contains(asked.guest)) return missing("guest", asked.guest.value);
    ports::LogPage page;
    for (std::uint64_t n = asked.from; n <= 5 && page.lines.size() < 2; ++n)
      page.lines.push_back({n, Time{}, false, std::format("line {}", n)});
    if (asked.guest.value == "raw-1")  // Writes what is no text.
      for (auto& line : page.lines) line.text += line.number % 2 ? "\xff" : " \xc3\xa4\"";
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

  ports::Answer on(const ports::ListMoves& asked) const {
    ports::Listing<ports::MoveView> found;
    found.version = version_;
    for (const auto& move : moves_)
      if ((!asked.guest || move.guest == asked.guest) &&
          (!asked.number || move.number == *asked.number))
        found.items.push_back(move);
    if (asked.number && found.items.empty())
      return not_found(
          std::format("move {}: there is none: see `godwit get moves`", *asked.number));
    newest(found.items, asked.limit);
    return found;
  }
  ports::Answer on(const ports::ListOfferings&) const { return fixed_offerings(version_); }
  ports::Answer on(const ports::ListIntents&) const { return fixed_intents(version_); }
  ports::Answer on(const ports::ReadLedger&) const {
    return groups_.empty() ? ports::LedgerView{.from = kStart, .until = kStart} : fixed_ledger();
  }
  ports::Answer on(const ports::ReadPlan& asked) const {
    ports::PlanView view = fixed_plan(asked.specs);
    for (const auto& [name, guest] : guests_)
      view.guests.push_back({.guest = name,
                             .from = guest.node,
                             .to = guest.node,
                             .reason = "keep",
                             .why = "",
                             .share = guest.share,
                             .terms = {},
                             .rejected = {}});
    if (!guests_.empty()) plan_a_move(view);
    return view;
  }
  ports::Answer on(const ports::JoinNode&) const { return internal("agents do not come this way"); }

  template <class View>
  static void newest(std::vector<View>& items, std::size_t limit) {
    if (items.size() > limit) items.erase(items.begin(), items.end() - static_cast<long>(limit));
  }
  void publish(decltype(ports::Change::body) body) {
    publisher->publish({++version_, std::move(body)});
  }
  // A drain restarts its guests here, so that both mechanisms are seen.
  void move(ports::GuestView& guest, const NodeId& to, const std::string& reason) {
    const bool live = reason != "drain";
    ports::MoveView view{.number = moves_.size() + 1, .guest = guest.guest, .reason = reason};
    view.source = *guest.node;
    view.destination = to;
    view.live = live;
    view.state = ports::MoveView::State::kDone;
    view.began = kStart + std::chrono::seconds{moves_.size()};
    view.ended = view.began + std::chrono::microseconds{2'345'678};
    view.why = "asked by a user";
    if (live) {
      view.stopped_us = view.began.time_since_epoch().count() + 2'000'000;
      view.resumed_us = view.stopped_us + 183'412;
      view.bytes = 104'857'600;
      view.bytes_while_stopped = 65'536;
      view.terms = {{"saving", -0.0123}, {"pause", 0.000183}, {"transfer", 0.000001}};
      view.rejected = {{"stay", "dearer", 0.0123}, {"m5.xlarge in us-east-1b", "no capacity", 0}};
    }
    moves_.push_back(view);
    publish(view);
    guest.node = to;
    ++guest.hop;
    publish(guest);
    note({}, guest.guest, reason, std::format("moved to {}", to.value), to);
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
    publish(found->second);
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
    publish(guest);
  }
  void note(std::optional<GroupId> group, std::optional<GuestId> guest, std::string reason,
            std::string text, std::optional<NodeId> node = {}) {
    const Time at = kStart + std::chrono::seconds{events_.size()};
    events_.push_back({events_.size() + 1, at, std::move(group), std::move(guest), std::move(node),
                       std::move(reason), std::move(text)});
    publish(events_.back());
  }

  mutable std::mutex mutex_;
  std::uint64_t version_ = 100;
  std::map<GroupId, ports::GroupView> groups_;
  std::map<GuestId, ports::GuestView> guests_;
  std::map<NodeId, ports::NodeView> nodes_;
  std::vector<ports::EventView> events_;
  std::vector<ports::MoveView> moves_;
  std::vector<ports::RequestBody> offered_;
};

}  // namespace godwit::golden
