// What every Network promises, as one test text: run on the fake and on the kernel's edge. For
// tests only.
#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "ports/fake_network.h"

namespace godwit::ports {

// `network` is empty; `look` reads its true state. Each guest id and address is used here alone.
inline void expect_network_contract(Network& network, const std::function<NetworkState()>& look) {
  const GuestId guest{"contract-guest"}, other{"another-guest"};
  const std::string address = "100.64.3.7", mac = "52:54:00:00:03:07";
  EXPECT_EQ(look(), NetworkState{});

  // Nothing there: taking away is success, routing to a missing tap is NotFound.
  EXPECT_TRUE(network.remove_tap(guest));
  EXPECT_TRUE(network.remove_route(address));
  const Status missing = network.route_to_tap(guest, address);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound);

  // A tap, without a route; doing it again is harmless and gives the same name.
  const auto name = network.make_tap(guest, address, mac);
  ASSERT_TRUE(name) << to_string(name.error());
  EXPECT_LE(name->size(), 15u);  // IFNAMSIZ less the zero.
  EXPECT_EQ(network.make_tap(guest, address, mac), name);
  NetworkState expected;
  expected.taps[*name] = {address, mac};
  EXPECT_EQ(look(), expected);
  // Another address or card for the same guest is somebody's mistake.
  const auto changed = network.make_tap(guest, "100.64.3.8", mac);
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, Code::kFailedPrecondition);
  EXPECT_EQ(look(), expected);

  // Another guest has another tap.
  const auto other_name = network.make_tap(other, "100.64.3.9", "52:54:00:00:03:09");
  ASSERT_TRUE(other_name) << to_string(other_name.error());
  EXPECT_NE(*other_name, *name);
  expected.taps[*other_name] = {"100.64.3.9", "52:54:00:00:03:09"};

  // Routes replace each other, both ways, and repeating one is harmless.
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(network.route_to_tap(guest, address));
    expected.routes[address] = "tap " + *name;
    EXPECT_EQ(look(), expected);
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(network.route_to_node(address, "10.0.2.10"));
    expected.routes[address] = "node 10.0.2.10";
    EXPECT_EQ(look(), expected);
  }
  // A tap taken away leaves a route to elsewhere alone, and takes its own along.
  EXPECT_TRUE(network.route_to_tap(other, "100.64.3.9"));
  EXPECT_TRUE(network.remove_tap(guest));
  EXPECT_TRUE(network.remove_tap(guest));
  EXPECT_TRUE(network.remove_tap(other));
  expected.taps.clear();
  EXPECT_EQ(look(), expected);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(network.remove_route(address));
  EXPECT_EQ(look(), NetworkState{});

  // What is not an address never gets further.
  for (const Status& refused :
       {network.route_to_node("100.64.0.7; flush ruleset", "10.0.2.10"),
        network.route_to_node(address, "10.0.2"), network.remove_route("100.64.0.256"),
        network.route_to_tap(guest, "")}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  }
  EXPECT_EQ(network.make_tap(guest, address, "52:54:00:00:03").error().code,
            Code::kInvalidArgument);
  EXPECT_EQ(look(), NetworkState{});
}

}  // namespace godwit::ports
