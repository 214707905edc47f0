// What users ask, answered at once from what is known; a wish that changes something answers when
// its rows are in the step. Logs and programs are asked of the node, and answered when it does.
#include <algorithm>
#include <format>
#include <set>
#include <type_traits>

#include "control/control.h"
#include "control/views.h"

namespace godwit::control {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// A page of a log is read at once, if the node is there.
constexpr Duration kLogPatience = seconds{10};
// Beside the program's own time.
constexpr Duration kExecPatience = seconds{10};

std::string no_guest(const GuestId& id) { return std::format("no guest is named {}", id.value); }
std::string no_node(const NodeId& id) { return std::format("no node is named {}", id.value); }

}  // namespace

ports::GuestView Control::guest_view(const GuestId& id, const Owner& owner) const {
  ports::GuestView view = view_of(id, owner);
  const ports::GuestRow& row = owner.row();
  const auto life = lives_.find(id);
  if (life != lives_.end()) view.container = life->second.container;
  if (owner.ending()) {
    view.phase = ports::GuestPhase::kStopping;
    view.why = std::format("{} nodes have not yet said that it is gone", row.owner.reach.size());
    return view;
  }
  if (!owner.born()) {
    const auto why = plan_.unplaceable.find(id);
    if (why != plan_.unplaceable.end()) {
      view.why = why->second;
    } else if (!row.wanted.value.empty()) {
      view.why = std::format("waits for {}", row.wanted.value);
    }
  }
  if (view.phase == ports::GuestPhase::kRunning && life != lives_.end() && life->second.moving_to) {
    view.phase = ports::GuestPhase::kMoving;
    view.moving = life->second.moving_to;
    view.why = row.reason;
  }
  const std::set<NodeId> lacking = preparing(id, owner);
  view.preparing.assign(lacking.begin(), lacking.end());
  if (view.node && instances_.dead().contains(*view.node)) view.phase = ports::GuestPhase::kLost;
  if (view.node) {
    const auto node = instances_.rows().find(*view.node);
    if (node != instances_.rows().end() && node->second.memory_mib > 0 && config_.provider) {
      const ports::NodeRow& n = node->second;
      const auto rate = market_.rate(
          {{n.type, n.zone}, n.spot ? fleet::CapacityType::kSpot : fleet::CapacityType::kOnDemand});
      // Its part of the bottleneck resource.
      const double memory = static_cast<double>(room_of(row.machine)) / n.memory_mib;
      const double vcpus = n.vcpus == 0 ? 0 : static_cast<double>(view.vcpus) / n.vcpus;
      if (rate)
        view.share.value = static_cast<std::int64_t>(
            static_cast<double>(rate->value) * std::max(memory, vcpus) + 0.5);
    }
  }
  return view;
}

ports::NodeView Control::node_view(const NodeId& id, Time now) const {
  (void)now;
  const ports::NodeRow& row = instances_.rows().at(id);
  std::vector<GuestId> there;
  std::uint32_t used = 0;
  for (const auto& [guest, owner] : guests_) {
    if (owner.holder() != id) continue;
    there.push_back(guest);
    used += room_of(owner.row().machine);
  }
  ports::NodeView view = view_of(id, row, instances_.attached(id), std::move(there));
  view.memory_mib = row.memory_mib;
  view.memory_mib_free = row.memory_mib > used ? row.memory_mib - used : 0;
  view.vcpus = row.vcpus;
  for (const auto& [guest, owner] : guests_)
    if (preparing(guest, owner).contains(id)) view.preparing.push_back(guest);
  if (row.type.empty() || !config_.provider) return view;
  view.cloud = config_.provider->cloud;
  view.region = config_.provider->region;
  view.zone = row.zone;
  view.instance_type = row.type;
  view.spot = row.spot;
  if (const auto rate =
          market_.rate({{row.type, row.zone},
                        row.spot ? fleet::CapacityType::kSpot : fleet::CapacityType::kOnDemand}))
    view.rate = *rate;
  if (const auto* state = instances_.state(id)) view.notice = state->notice;
  return view;
}

ports::Answer Control::list_guests(const ports::ListGuests& wanted) const {
  ports::Listing<ports::GuestView> list{.version = version_};
  for (const auto& [id, owner] : guests_) {
    if (owner.gone() || (wanted.guest && *wanted.guest != id)) continue;
    if (wanted.group && owner.row().group != *wanted.group) continue;
    list.items.push_back(guest_view(id, owner));
  }
  if (wanted.guest && list.items.empty()) return not_found(no_guest(*wanted.guest));
  return list;
}

ports::Answer Control::list_nodes(const ports::ListNodes& wanted, Time now) const {
  ports::Listing<ports::NodeView> list{.version = version_};
  for (const auto& [id, row] : instances_.rows())
    if (!wanted.node || *wanted.node == id) list.items.push_back(node_view(id, now));
  if (wanted.node && list.items.empty()) return not_found(no_node(*wanted.node));
  return list;
}

ports::Answer Control::list_groups(const ports::ListGroups& wanted) const {
  ports::Listing<ports::GroupView> list{.version = version_};
  for (const auto& [id, group] : groups_)
    if (!wanted.group || *wanted.group == id) list.items.push_back(group_view(group));
  if (wanted.group && list.items.empty())
    return not_found(std::format("no group is named {}", wanted.group->value));
  return list;
}

ports::Answer Control::list_moves(const ports::ListMoves& wanted) const {
  ports::Listing<ports::MoveView> list{.version = version_};
  for (auto at = journal_.moves().rbegin(); at != journal_.moves().rend(); ++at) {
    if (list.items.size() >= wanted.limit) break;
    if (wanted.guest && at->guest != *wanted.guest) continue;
    if (wanted.number && at->number != *wanted.number) continue;
    list.items.push_back(*at);
  }
  if (wanted.number && list.items.empty())
    return not_found(std::format("no move has the number {}", *wanted.number));
  std::ranges::reverse(list.items);
  return list;
}

ports::Listing<ports::OfferingView> Control::list_offerings(Time now) const {
  ports::Listing<ports::OfferingView> list{.version = version_};
  if (!config_.provider) return list;
  for (const auto& [key, offering] : market_.offerings(now, policy_)) {
    ports::OfferingView view{.cloud = offering.cloud,
                             .region = offering.region,
                             .zone = key.pool.zone,
                             .instance_type = key.pool.type,
                             .spot = key.capacity == fleet::CapacityType::kSpot,
                             .vcpus = offering.vcpus,
                             .memory_mib = offering.memory_mib,
                             .rate = offering.rate,
                             .on_demand = offering.on_demand,
                             .sound = true};
    if (offering.refused_until) {
      view.sound = false;
      view.why = "the provider had no capacity lately";
    } else if (offering.lost_at && now - *offering.lost_at < policy_.loss_backoff) {
      view.sound = false;
      view.why = "an instance of it was interrupted lately";
    } else if (view.spot && offering.rate >= offering.on_demand) {
      view.sound = false;
      view.why = "it costs as much as on-demand";
    }
    list.items.push_back(std::move(view));
  }
  std::ranges::stable_sort(list.items, [](const auto& a, const auto& b) {
    return a.rate.value * b.vcpus < b.rate.value * a.vcpus;
  });
  return list;
}

ports::Answer Control::list_intents() const {
  ports::Listing<ports::IntentView> list{.version = version_};
  for (const auto& [id, row] : instances_.rows()) {
    const bool launch = row.stage == ports::NodeStage::kIntent;
    if (row.dead || row.type.empty() || (!launch && row.stage != ports::NodeStage::kEnding))
      continue;
    list.items.push_back({.node = id,
                          .kind = launch ? "launch" : "terminate",
                          .instance_type = row.type,
                          .zone = row.zone,
                          .spot = row.spot,
                          .attempt = launch ? row.attempt : 0,
                          .instance = row.instance,
                          .why = row.why});
  }
  return list;
}

ports::Answer Control::migrate(const ports::MigrateGuest& wish, Time now, Step& step) {
  const auto at = guests_.find(wish.guest);
  if (at == guests_.end() || at->second.gone()) return not_found(no_guest(wish.guest));
  Owner& owner = at->second;
  if (owner.holder() == wish.to)
    return precondition(std::format("{} is on {} already", wish.guest.value, wish.to.value));
  if (!owner.row().group.value.empty()) {
    const auto node = instances_.rows().find(wish.to);
    if (node == instances_.rows().end()) return not_found(no_node(wish.to));
    if (!ready(wish.to) || node->second.cordoned || node->second.draining)
      return precondition(std::format("{} takes no guests now", wish.to.value));
    const ports::NodeView there = node_view(wish.to, now);
    if (there.memory_mib_free < room_of(owner.row().machine))
      return precondition(std::format("{} has {} MiB free, {} needs {}", wish.to.value,
                                      there.memory_mib_free, wish.guest.value,
                                      room_of(owner.row().machine)));
    if (!owner.settled())
      return precondition(std::format("{}: nobody is known to run it", wish.guest.value));
    owner.want(wish.to, "manual", step);
    follow(wish.guest, owner, now, step);
    dirty_ = true;
  } else {
    const std::size_t before = step.commands.size();
    owner.move(wish.to, step);
    for (std::size_t i = before; i < step.commands.size(); ++i)
      if (const auto* refused = std::get_if<Refused>(&step.commands[i]))
        return precondition(std::format("{}: {}", wish.guest.value, refused->why));
  }
  ports::GuestView view = guest_view(wish.guest, owner);
  view.phase = ports::GuestPhase::kMoving;
  view.moving = wish.to;
  return view;
}

ports::Answer Control::cordon(const NodeId& node, bool cordoned, Time now, Step& step) {
  const auto at = instances_.rows().find(node);
  if (at == instances_.rows().end()) return not_found(no_node(node));
  if (at->second.dead) return precondition(std::format("{} is dead", node.value));
  // A node that is being drained is cordoned: it goes on; only to uncordon it ends that.
  if (at->second.cordoned != cordoned) {
    instances_.set_cordon(node, cordoned, false, step);
    event({}, {}, node, cordoned ? "cordoned" : "uncordoned", "by a user", now, step);
    dirty_ = true;
  }
  return node_view(node, now);
}

// --- Asked of the node.

std::optional<ports::Answer> Control::carry(const ports::Request& request, const GuestId& id,
                                            ports::Body question, Duration patience, Time now,
                                            Step& step) {
  const auto at = guests_.find(id);
  if (at == guests_.end() || at->second.gone()) return not_found(no_guest(id));
  const auto holder = at->second.holder();
  if (!holder) return unavailable(std::format("nobody is known to run {} now", id.value));
  if (!instances_.attached(*holder))
    return unavailable(std::format("the agent of {} is away", holder->value));
  carried_[next_carried_++] = {request.id, id, now + patience};
  step.commands.push_back(Mail{{id, ports::kControl, *holder, std::move(question)}});
  return std::nullopt;
}

void Control::answer_carried(const ports::Message& message, Step& step) {
  const auto answer = [&](std::uint64_t number, ports::Answer body) {
    const auto at = carried_.find(number);
    if (at == carried_.end() || at->second.guest != message.guest) return;
    step.commands.push_back(Reply{at->second.request, std::move(body)});
    carried_.erase(at);
  };
  if (const auto* page = std::get_if<ports::LogsRead>(&message.body)) {
    if (!page->error.empty()) return answer(page->request, unavailable(page->error));
    answer(page->request, ports::LogPage{page->lines, page->next, page->ended});
  } else if (const auto* done = std::get_if<ports::ExecDone>(&message.body)) {
    if (!done->error.empty()) return answer(done->request, unavailable(done->error));
    answer(done->request,
           ports::ExecResult{done->exit_status, done->signal, done->out, done->err, done->dropped});
  }
}

void Control::on_request(const ports::Request& request, Time now, Step& step) {
  const std::optional<ports::Answer> answer = std::visit(
      [&]<class T>(const T& r) -> std::optional<ports::Answer> {
        if constexpr (std::is_same_v<T, ports::ApplyGroup>) return apply(r, now, step);
        if constexpr (std::is_same_v<T, ports::DeleteGroup>) return remove(r, now, step);
        if constexpr (std::is_same_v<T, ports::ListGroups>) return list_groups(r);
        if constexpr (std::is_same_v<T, ports::ListGuests>) return list_guests(r);
        if constexpr (std::is_same_v<T, ports::ListNodes>) return list_nodes(r, now);
        if constexpr (std::is_same_v<T, ports::ListMoves>) return list_moves(r);
        if constexpr (std::is_same_v<T, ports::ListOfferings>)
          return ports::Answer{list_offerings(now)};
        if constexpr (std::is_same_v<T, ports::ListIntents>) return list_intents();
        if constexpr (std::is_same_v<T, ports::ReadLedger>) return ledger(now);
        if constexpr (std::is_same_v<T, ports::MigrateGuest>) return migrate(r, now, step);
        if constexpr (std::is_same_v<T, ports::CordonNode>) return cordon(r.node, true, now, step);
        if constexpr (std::is_same_v<T, ports::UncordonNode>)
          return cordon(r.node, false, now, step);
        if constexpr (std::is_same_v<T, ports::DrainNode> || std::is_same_v<T, ports::ReadPlan>)
          return ask_plan({request.id, r});
        if constexpr (std::is_same_v<T, ports::ListEvents>)
          return ports::Answer{ports::Listing<ports::EventView>{journal_.events(r), version_}};
        if constexpr (std::is_same_v<T, ports::ReadLogs>)
          return carry(request, r.guest, ports::LogsWanted{next_carried_, r.from, r.limit},
                       kLogPatience, now, step);
        if constexpr (std::is_same_v<T, ports::ExecInGuest>)
          return carry(request, r.guest, ports::ExecWanted{next_carried_, r.argv, r.timeout_ms},
                       milliseconds{r.timeout_ms} + kExecPatience, now, step);
        if constexpr (std::is_same_v<T, ports::JoinNode>) {
          const Result<NodeId> node = instances_.join(r, step);
          if (!node) return std::unexpected(node.error());
          dirty_ = true;
          return node_view(*node, now);
        }
      },
      request.body);
  if (answer) step.commands.push_back(Reply{request.id, *answer});
}

}  // namespace godwit::control
