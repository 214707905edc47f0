// The door to a node's guest network. Calls are quick (netlink) and done when they return.
//
// A guest is one tap and one /32 route. The order matters: at a switchover the destination's tap
// route comes before the source's route to the destination, or a packet circles between them.
#pragma once

#include <string>

#include "base/error.h"
#include "base/ids.h"

namespace godwit::ports {

class Network {
 public:
  virtual ~Network() = default;
  // Makes the guest's tap with its permanent neighbour and no route yet; returns the tap's name.
  // Repeating is harmless.
  virtual Result<std::string> make_tap(const GuestId& guest, const std::string& address,
                                       const std::string& mac) = 0;
  // Packets for the guest go to its tap here.
  virtual Status route_to_tap(const GuestId& guest, const std::string& address) = 0;
  // Packets for the guest go, encapsulated, to the node with this underlay address.
  virtual Status route_to_node(const std::string& address, const std::string& node_address) = 0;
  // Packets for the guest fall into the blackhole again. No route is success.
  virtual Status remove_route(const std::string& address) = 0;
  // No tap is success.
  virtual Status remove_tap(const GuestId& guest) = 0;
};

}  // namespace godwit::ports
