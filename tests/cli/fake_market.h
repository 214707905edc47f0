// What the small control plane says that could be rented, and has been paid; always the same.
#pragma once

#include <chrono>

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

}  // namespace godwit::golden
