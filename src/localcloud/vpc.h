// The cloud's network in namespaces: a router ("the VPC", 10.0.0.0/16), and a network namespace per
// instance with eth0 in its zone's /20. Packets that do not carry an instance's own address are
// dropped at its port, as a cloud's source/destination check does, and counted.
//
//   instance: eth0 ADDRESS/20, default route by the router; 169.254.169.254 on its own lo, where
//             its metadata service listens
//   operator: device `godwit-vpc` 10.0.200.10/24 in the namespace that create() was called in, with
//             a route to 10.0.0.0/16: from there a control plane reaches nodes, and they it
//
// Everything is held by descriptors: it is gone when the process ends, however it ends. Needs root;
// all calls from one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "lib/namespaces/network_namespace.h"

namespace godwit::localcloud {

inline constexpr const char* kOperatorAddress = "10.0.200.10";
inline constexpr const char* kMetadataAddress = "169.254.169.254";

class Vpc {
 public:
  // AlreadyExists: another VPC has its operator's end here.
  static Result<std::unique_ptr<Vpc>> create();
  // Takes the operator's end away at once; the kernel takes its time with the rest, so after a kill
  // the device may be seen for a moment.
  ~Vpc();
  Vpc(const Vpc&) = delete;
  Vpc& operator=(const Vpc&) = delete;

  // A new namespace with its port. `number` is not used again: it names the port.
  Result<std::unique_ptr<namespaces::NetworkNamespace>> attach(std::uint64_t number,
                                                               const std::string& address) const;
  // The port's rule goes; the port itself goes with the instance's namespace. No port is success.
  Status detach(std::uint64_t number, const std::string& address) const;

  // Packets dropped at all ports: foreign source addresses, foreign destination addresses.
  Result<std::uint64_t> dropped_by_source_check() const;
  Result<std::uint64_t> dropped_by_destination_check() const;

 private:
  Vpc() = default;
  Status build();
  Status add_port(const namespaces::NetworkNamespace& other, const std::string& port,
                  const std::string& device, const std::string& address,
                  std::uint8_t prefix_length) const;
  Result<std::uint64_t> counter(const std::string& name) const;
  std::unique_ptr<namespaces::NetworkNamespace> router_;
};

}  // namespace godwit::localcloud
