// A VPC in network namespaces.
//
//   node k (k = 0, 1, ...): eth0 10.0.K.10/24 with K = k + 1, default route by the VPC's 10.0.K.1
//   control: eth0 10.0.200.10/24; answers nothing by itself, a test listens there
//   gateway node: 10.0.100.10/24, and `out` 198.51.100.1/24 towards the client
//   client ("outside"): eth0 198.51.100.10/24, default route by the gateway
//   VPC: 169.254.169.254 on its own lo, where a test may listen as the metadata service does
//
// Each port of the VPC has the source/destination check of a real one: what does not carry the
// node's own address is dropped and counted. Needs root; all calls from one thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "lib/namespaces/network_namespace.h"

namespace godwit::lab {

using namespaces::NetworkNamespace;

inline constexpr const char* kControlAddress = "10.0.200.10";
inline constexpr const char* kGatewayAddress = "10.0.100.10";
inline constexpr const char* kPublicAddress = "198.51.100.1";
inline constexpr const char* kClientAddress = "198.51.100.10";
inline constexpr const char* kMetadataAddress = "169.254.169.254";

std::string node_address(int node);  // "10.0.1.10" for node 0.

class Lab {
 public:
  static Result<std::unique_ptr<Lab>> make(int nodes);

  const NetworkNamespace& node(int node) const { return *nodes_.at(static_cast<size_t>(node)); }
  const NetworkNamespace& vpc() const { return *vpc_; }
  const NetworkNamespace& control() const { return *control_; }
  const NetworkNamespace& gateway() const { return *gateway_; }
  const NetworkNamespace& client() const { return *client_; }

  // Starts a program in a node; it is killed with the calling thread. See spawn_inside.
  Result<pid_t> spawn(int node, const std::vector<std::string>& argv,
                      const std::string& output = "") const {
    return namespaces::spawn_inside(this->node(node), argv, output);
  }

  // Packets that the check dropped because a node sent them with a foreign source address, or
  // because they were for a foreign destination at its port.
  Result<std::uint64_t> dropped_by_source_check(int node) const;
  Result<std::uint64_t> dropped_by_destination_check(int node) const;

  // From now on the node neither sends nor gets a packet: its instance was reclaimed.
  Status cut(int node) const;

 private:
  Lab() = default;
  Status build(int nodes);
  // `subnet` is the third number of its address.
  Status attach(const NetworkNamespace& node, const std::string& port, int subnet) const;
  Status connect_client() const;
  Result<std::uint64_t> counter(const std::string& name) const;

  std::unique_ptr<NetworkNamespace> vpc_, control_, gateway_, client_;
  std::vector<std::unique_ptr<NetworkNamespace>> nodes_;
};

}  // namespace godwit::lab
