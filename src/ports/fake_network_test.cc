// The fake keeps the port's contract, and fails when told to, once.
#include "ports/fake_network.h"

#include "ports/network_contract.h"

namespace godwit::ports {
namespace {

TEST(FakeNetwork, KeepsTheContract) {
  FakeNetwork network;
  expect_network_contract(network, [&] { return network.state; });
}

TEST(FakeNetwork, FailsOnceAndChangesNothing) {
  FakeNetwork network;
  network.fail_next = Error{Code::kUnavailable, "busy"};
  EXPECT_FALSE(network.route_to_node("100.64.0.7", "10.0.2.10"));
  EXPECT_EQ(network.state, NetworkState{});
  EXPECT_TRUE(network.route_to_node("100.64.0.7", "10.0.2.10"));
}

}  // namespace
}  // namespace godwit::ports
