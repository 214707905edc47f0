// For tests: worlds in few words, and a tiny cloud that does what a plan says at once.
#pragma once

#include <chrono>
#include <string>

#include "core/plan/plan.h"
#include "core/plan/text.h"

namespace godwit::plan {

inline constexpr Time kStart{std::chrono::hours(1000)};

struct TestWorld : fleet::World {
  TestWorld() {
    now = kStart;
    incarnation = "t";
  }

  static fleet::OfferingKey spot(const std::string& type, const std::string& zone) {
    return {{type, zone}, fleet::CapacityType::kSpot};
  }
  static fleet::OfferingKey on_demand(const std::string& type, const std::string& zone) {
    return {{type, zone}, fleet::CapacityType::kOnDemand};
  }

  // Both capacity types of a type in a zone, "FAMILY.SIZE"; rates in micro-dollars.
  void offer(const std::string& type, const std::string& zone, std::int64_t spot_rate,
             std::int64_t on_demand_rate, std::uint32_t memory_mib = 4096,
             std::uint32_t vcpus = 2) {
    fleet::Offering o{.family = type.substr(0, type.find('.')),
                      .on_demand = {on_demand_rate},
                      .memory_mib = memory_mib,
                      .vcpus = vcpus};
    o.key = spot(type, zone);
    o.rate = {spot_rate};
    offerings[o.key] = o;
    o.key = on_demand(type, zone);
    o.rate = {on_demand_rate};
    offerings[o.key] = o;
  }

  // A price change now; the former price was in effect all the time before.
  void price(const std::string& type, const std::string& zone, std::int64_t rate) {
    fleet::Offering& o = offerings.at(spot(type, zone));
    std::erase_if(o.recent, [&](const auto& c) { return c.at + policy.trend < now; });
    if (o.recent.empty()) o.recent = {{now - policy.trend, o.rate}};
    if (rate >= o.on_demand.value) o.below_since.reset();
    if (rate < o.on_demand.value && o.rate >= o.on_demand) o.below_since = now;
    o.rate = {rate};
    o.recent.push_back({now, {rate}});
  }

  fleet::Group& group(const std::string& name) {
    fleet::Group& g = groups[{name}];
    g.id = {name};
    return g;
  }

  // NAME-1 to NAME-count of group NAME.
  void want(const std::string& name, int count, std::uint32_t memory_mib = 512,
            std::uint32_t vcpus = 1) {
    group(name);
    for (int i = 1; i <= count; ++i) {
      const GuestId id{name + "-" + std::to_string(i)};
      guests[id] = {.id = id, .group = {name}, .memory_mib = memory_mib, .vcpus = vcpus};
    }
  }

  fleet::Node& node(const std::string& id) { return nodes.at({id}); }
  fleet::Guest& guest(const std::string& id) { return guests.at({id}); }

  void notice(const std::string& id) {
    fleet::Node& n = node(id);
    n.notice = now + policy.notice;
    if (auto o = offerings.find(n.offering); o != offerings.end()) o->second.lost_at = now;
  }

  // All is done at once: launches are ready, moves have ended.
  void apply(const Plan& plan) {
    next_node = plan.next_node;
    for (const Action& action : plan.actions) std::visit([this](const auto& a) { act(a); }, action);
    for (auto& [id, guest] : guests) {
      const auto found = plan.escapes.find(id);
      guest.escapes = found == plan.escapes.end() ? std::vector<NodeId>{} : found->second;
    }
    for (auto& [id, n] : nodes) {
      bool idle = true;
      for (const auto& [g, guest] : guests) idle &= guest.on != id && guest.wanted != id;
      if (!idle) n.idle_since.reset();
      if (idle && !n.idle_since) n.idle_since = now;
    }
  }

  // Plans and acts until nothing changes; the text of all plans that did something.
  std::string settle() {
    std::string out;
    for (int round = 0; round < 20; ++round) {
      const Plan plan = make_plan(*this);
      if (plan.actions.empty()) {
        const std::map<GuestId, std::vector<NodeId>> before = plan.escapes;
        apply(plan);
        return out;
      }
      out += actions_of(plan);
      apply(plan);
    }
    return out + "did not settle\n";
  }

  static std::string actions_of(Plan plan) {
    Plan actions;
    actions.actions = std::move(plan.actions);
    for (Action& a : actions.actions)
      std::visit(
          [](auto& action) {
            if constexpr (requires { action.terms; }) action.terms.clear();
            if constexpr (requires { action.rejected; }) action.rejected.clear();
          },
          a);
    return to_text(actions);
  }

 private:
  void act(const Launch& a) {
    const fleet::Offering& o = offerings.at(a.offering);
    nodes[a.node] = {.id = a.node,
                     .offering = a.offering,
                     .phase = fleet::Phase::kReady,
                     .memory_mib = o.memory_mib,
                     .vcpus = o.vcpus,
                     .launched = now,
                     .bid = a.bid};
  }
  void put(const GuestId& id, const NodeId& on) {
    fleet::Guest& g = guests.at(id);
    g.on = g.wanted = on;
    g.since_on = now;
  }
  void act(const Place& a) { put(a.guest, a.node); }
  void act(const Move& a) { put(a.guest, a.to); }
  void act(const Stay& a) { guests.at(a.guest).wanted = a.node; }
  void act(const Terminate& a) { nodes.erase(a.node); }
  void act(const Abandon& a) { nodes.at(a.node).phase = fleet::Phase::kAbandoned; }
};

}  // namespace godwit::plan
