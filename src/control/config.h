// What a control plane is told of its surroundings. Plain values: nothing here is read again.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/ids.h"
#include "base/money.h"
#include "base/time.h"
#include "core/market/billing.h"
#include "ports/machine.h"
#include "ports/messages.h"

namespace godwit::control {

struct Token {
  std::string text, sha256;
};

// The one provider that instances are rented from.
struct ProviderConfig {
  std::string cloud, region;  // "aws", "us-east-1"; for people and specs.
  std::string image;          // Of nodes, "ami-...".
  bool nested = true;         // Ask for nested virtualization.
  // What is offered at all: the types with their on-demand rate. The EC2 API does not tell rates.
  std::map<std::string, MicroUsdPerHour> on_demand;
  market::BillingRule billing;
  // Of a type's memory, what the node's own system and agent need. Its agent says later what is so.
  std::uint32_t memory_reserve_mib = 512;
  Duration prices_every = std::chrono::seconds{60};  // AWS shows changes about once a minute.
  Duration list_every = std::chrono::seconds{15};
  // From the launch to the agent's joining; then the instance is replaced. A cold boot on AWS takes
  // some 30 to 60 s, and the agent's download comes after it.
  Duration join_max = std::chrono::minutes{5};
  // A pool that had no capacity is left alone for this long.
  Duration refused_for = std::chrono::minutes{3};
  // An instance with our tag that no row names is ended when it is as old as this: until then its
  // launch may be under way.
  Duration orphan_after = std::chrono::minutes{5};
};

struct Config {
  std::string incarnation;  // Of this fleet: in the instances' tags and the nodes' names.
  std::optional<ProviderConfig> provider;
  // What all newborn guests have in common; memory, vcpus, address, mac, base image and the end of
  // `append` are each guest's own.
  ports::MachineRecord machine;
  std::optional<ports::PeerAddress> gateway;
  // The size of a base image that nodes can fetch; nullopt: there is none of this hash.
  std::function<std::optional<std::uint64_t>(const std::string& sha256)> image_bytes;
  // A fresh secret at each call; the edge draws it from the system, a simulator from its seed.
  std::function<Token()> draw_token;
  // What an instance runs at its first boot, to become the node.
  std::function<std::string(const NodeId& node, const std::string& token)> boot_script;
};

// Of instances, so that a fleet finds its own: the incarnation, and the node that it was launched
// to be.
inline constexpr char kFleetTag[] = "godwit-fleet";
inline constexpr char kNodeTag[] = "godwit-node";

}  // namespace godwit::control
