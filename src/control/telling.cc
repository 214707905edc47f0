// What nodes and the gateway are told of each other, and what watchers are shown.
#include <utility>

#include "control/control.h"

namespace godwit::control {

ports::Fleet Control::fleet() const {
  ports::Fleet fleet{.gateway = config_.gateway};
  for (const auto& [node, row] : instances_.rows())
    if (!row.dead && row.port != 0) fleet.nodes[node] = {row.address, row.port};
  return fleet;
}

// To all who are attached, when it has changed.
void Control::tell_fleet(Step& step) {
  if (config_.incarnation.empty()) return;
  ports::Fleet now = fleet();
  if (now == told_fleet_) return;
  told_fleet_ = std::move(now);
  for (const auto& [node, address] : told_fleet_.nodes)
    if (instances_.attached(node))
      step.commands.push_back(Mail{{{}, ports::kControl, node, told_fleet_}});
  if (instances_.attached(ports::kGateway))
    step.commands.push_back(Mail{{{}, ports::kControl, ports::kGateway, told_fleet_}});
}

// Before a guest may come. Its node has them too: it is told so that they are counted there.
void Control::tell_images(Step& step) {
  if (config_.incarnation.empty()) return;
  std::map<NodeId, std::set<std::string>> wanted;
  for (const auto& [id, owner] : guests_) {
    const ports::GuestRow& row = owner.row();
    if (row.group.value.empty() || owner.ending()) continue;
    ports::NodeNames nodes = row.owner.set;
    if (!row.wanted.value.empty()) nodes.insert(row.wanted);
    if (const auto life = lives_.find(id); life != lives_.end())
      nodes.insert(life->second.escapes.begin(), life->second.escapes.end());
    for (const NodeId& node : nodes)
      for (const std::string& sha256 :
           {row.machine.kernel_sha256, row.machine.initramfs_sha256, row.machine.base_sha256})
        if (!sha256.empty()) wanted[node].insert(sha256);
  }
  for (const auto& [node, row] : instances_.rows()) {
    if (row.dead || !instances_.attached(node)) continue;
    std::set<std::string>& told = told_images_[node];
    if (told == wanted[node]) continue;
    told = wanted[node];
    step.commands.push_back(Mail{{{}, ports::kControl, node, ports::ImagesWanted{told}}});
  }
}

void Control::tell_ports(const GuestId& id, Step& step) const {
  const auto at = guests_.find(id);
  if (at == guests_.end() || !instances_.attached(ports::kGateway)) return;
  const ports::GuestRow& row = at->second.row();
  const auto group = groups_.find(row.group);
  if (group == groups_.end() || row.machine.address.empty()) return;
  ports::Publish publish{row.machine.address, {}};
  if (!at->second.ending())
    for (const ports::Port& port : group->second.spec.ports)
      if (port.published != 0) publish.ports.push_back(port);
  step.commands.push_back(Mail{{id, ports::kControl, ports::kGateway, std::move(publish)}});
}

// One Change for everything that the step has touched.
void Control::publish(Time now, Step& step) {
  const auto tell = [&](auto body) {
    step.commands.push_back(Publish{{++version_, std::move(body)}});
  };
  std::set<GroupId> groups;
  for (const ports::RowWrite& write : step.writes) {
    if (const auto* guest = std::get_if<ports::GuestWrite>(&write))
      touched_guests_.insert(guest->guest);
    if (const auto* node = std::get_if<ports::NodeWrite>(&write)) touched_nodes_.insert(node->node);
    if (const auto* group = std::get_if<ports::GroupWrite>(&write)) groups.insert(group->group);
  }
  touched_moves_.insert(touched_guests_.begin(), touched_guests_.end());
  publish_moves(std::exchange(touched_moves_, {}), step);
  publish_offerings(now, step);
  for (const GuestId& id : std::exchange(touched_guests_, {})) {
    const auto at = guests_.find(id);
    if (at == guests_.end() || at->second.gone()) {
      journal_.forget(id);
      tell(ports::Removed{id});
      continue;
    }
    tell(guest_view(id, at->second));
    groups.insert(at->second.row().group);
    if (const auto place = place_of(at->second)) touched_nodes_.insert(*place);
  }
  for (const NodeId& id : std::exchange(touched_nodes_, {})) {
    if (instances_.rows().contains(id)) {
      tell(node_view(id, now));
    } else if (id != ports::kGateway) {
      tell(ports::Removed{id});
    }
  }
  for (const GroupId& id : groups) {
    if (id.value.empty()) continue;
    const auto at = groups_.find(id);
    if (at == groups_.end()) {
      tell(ports::Removed{id});
    } else {
      tell(group_view(at->second));
    }
  }
}

// Of these guests, as far as they are not too old to be news.
void Control::publish_moves(const std::set<GuestId>& guests, Step& step) {
  constexpr std::size_t kLookedAt = 500, kRemembered = 2000;
  if (guests.empty()) return;
  std::vector<ports::MoveView> news;
  const auto& moves = journal_.moves();
  for (auto at = moves.rbegin(); at != moves.rend(); ++at) {
    if (static_cast<std::size_t>(at - moves.rbegin()) >= kLookedAt) break;
    if (!guests.contains(at->guest)) continue;
    const auto told = told_moves_.find(at->number);
    if (told == told_moves_.end() || !(told->second == *at)) news.push_back(*at);
  }
  for (auto at = news.rbegin(); at != news.rend(); ++at) {
    told_moves_[at->number] = *at;
    step.commands.push_back(Publish{{++version_, std::move(*at)}});
  }
  while (told_moves_.size() > kRemembered) told_moves_.erase(told_moves_.begin());
}

void Control::publish_offerings(Time now, Step& step) {
  if (!std::exchange(touched_offerings_, false)) return;
  for (ports::OfferingView& view : list_offerings(now).items) {
    const fleet::OfferingKey key{
        {view.instance_type, view.zone},
        view.spot ? fleet::CapacityType::kSpot : fleet::CapacityType::kOnDemand};
    const auto [told, fresh] = told_offerings_.try_emplace(key, view);
    if (!fresh && told->second == view) continue;
    told->second = view;
    step.commands.push_back(Publish{{++version_, std::move(view)}});
  }
}

void Control::event(const GroupId& group, const GuestId& guest, const NodeId& node,
                    const std::string& reason, const std::string& text, Time now, Step& step) {
  const ports::EventView& view = journal_.add(now, group, guest, node, reason, text);
  step.commands.push_back(Publish{{++version_, view}});
}

}  // namespace godwit::control
