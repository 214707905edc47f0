// A stand-in for QEMU and its guest: a namespace with a tap of its own, and a thread that carries
// frames between that and the node's tap, as a virtual machine monitor would. The gateway's ARP
// entry, routes and MTU are those of a real guest.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "lib/namespaces/network_namespace.h"

namespace godwit::lab {

class Guest {
 public:
  // The guest with this address and card; it has no node yet.
  static Result<std::unique_ptr<Guest>> make(const std::string& address, const std::string& mac);
  ~Guest();

  const namespaces::NetworkNamespace& inside() const { return *inside_; }

  // Opens the node's tap beside the one it runs on, if any: frames for it wait there from now on.
  Status attach(const namespaces::NetworkNamespace& node, const std::string& tap);
  // Runs on the tap attached last, and leaves the one before.
  void run();
  // Stops, as at switchover; what arrives at the old tap from now on is not read.
  void leave();

 private:
  Guest() = default;
  std::unique_ptr<namespaces::NetworkNamespace> inside_;
  int own_ = -1, tap_ = -1, next_ = -1, stop_ = -1;
  std::thread carrier_;
};

}  // namespace godwit::lab
