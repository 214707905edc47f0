// What the small control plane says that could be rented, and has been paid; always the same.
#pragma once

#include <chrono>
#include <format>
#include <vector>

#include "ports/api.h"

namespace godwit::golden {

inline constexpr Time kStart{std::chrono::seconds{1'700'000'000}};

inline ports::Listing<ports::OfferingView> fixed_offerings(std::uint64_t version) {
  ports::Listing<ports::OfferingView> found;
  found.version = version;
  found.items = {
      {"aws", "us-east-1", "us-east-1a", "m5.large", true, 2, 8192, {34'500}, {96'000}, true, ""},
      {"aws",
       "us-east-1",
       "us-east-1b",
       "m5.xlarge",
       true,
       4,
       16384,
       {70'001},
       {192'000},
       false,
       "no capacity since 22:13:20"},
      {"aws", "us-east-1", "us-east-1a", "m5.large", false, 2, 8192, {96'000}, {96'000}, true, ""}};
  return found;
}

inline ports::Listing<ports::IntentView> fixed_intents(std::uint64_t version) {
  return {{{NodeId{"n-f-1"}, "launch", "m5.large", "us-east-1a", true, 2, "", "start of web"},
           {NodeId{"n-f-2"}, "terminate", "m5.large", "us-east-1b", false, 0, "i-b", ""}},
          version};
}

inline ports::LedgerView fixed_ledger() {
  ports::LedgerView view{.from = kStart,
                         .until = kStart + std::chrono::seconds{3600},
                         .paid = {35'076},
                         .on_demand = {96'000},
                         .items = {},
                         .on_demand_of = "one m5.large in us-east-1a"};
  view.items.push_back(
      {"i-a", NodeId{"i-a/1"}, true, "m5.large", "us-east-1a", kStart, {}, 3600, {34'500}});
  view.items.push_back({"i-b",
                        NodeId{"i-b/1"},
                        true,
                        "m5.large",
                        "us-east-1b",
                        kStart,
                        kStart + std::chrono::seconds{60},
                        60,
                        {576}});
  return view;
}

// Each group on a node of its own.
inline ports::PlanView fixed_plan(const std::vector<ports::GroupSpec>& specs) {
  ports::PlanView view{.at = kStart, .guests = {}, .nodes = {}, .warnings = {}};
  for (const ports::GroupSpec& spec : specs) {
    if (spec.count == 0) continue;
    ports::PlannedNode node{.node = NodeId{std::format("n-f-{}", view.nodes.size() + 3)},
                            .change = "launch",
                            .instance_type = "m5.large",
                            .zone = "us-east-1a",
                            .spot = true,
                            .rate = {34'500},
                            .guests = {},
                            .reason = "start",
                            .why = "",
                            .terms = {},
                            .rejected = {}};
    node.rejected = {{"m5.large/us-east-1b spot", "0.002000 $/h more for the same guests", 0},
                     {"m5.large/us-east-1a on-demand", "0.061500 $/h more for the same guests", 0}};
    for (std::uint32_t i = 1; i <= spec.count; ++i) {
      node.guests.push_back(GuestId{std::format("{}-{}", spec.name.value, i)});
      view.guests.push_back({.guest = node.guests.back(),
                             .from = {},
                             .to = node.node,
                             .reason = "start",
                             .why = "",
                             .share = {17'250},
                             .terms = {},
                             .rejected = node.rejected});
    }
    view.nodes.push_back(node);
  }
  return view;
}

// Its first guest would go to a cheaper node, and the one that it leaves would end.
inline void plan_a_move(ports::PlanView& view) {
  ports::PlannedGuest& guest = view.guests.front();
  guest.to = NodeId{"n-f-9"};
  guest.reason = "cheaper";
  guest.share = {840};
  guest.terms = {{"saving", -0.0123}, {"pause", 0.000166}, {"double pay", 0.0005}};
  guest.rejected = {{"m5.large/us-east-1b spot", "gains 0.001000 $ less", 0}};
  view.nodes.push_back({.node = *guest.to,
                        .change = "launch",
                        .instance_type = "m5.large",
                        .zone = "us-east-1c",
                        .spot = true,
                        .rate = {23'000},
                        .guests = {guest.guest},
                        .reason = "cheaper",
                        .why = "",
                        .terms = guest.terms,
                        .rejected = guest.rejected});
  view.nodes.push_back({.node = NodeId{"i-c/1"},
                        .change = "terminate",
                        .instance_type = "m5.large",
                        .zone = "us-east-1a",
                        .spot = false,
                        .rate = {96'000},
                        .guests = {},
                        .reason = "",
                        .why = "nobody needs it",
                        .terms = {},
                        .rejected = {}});
  view.warnings = {"web-2 has no escape that is ready"};
}

}  // namespace godwit::golden
