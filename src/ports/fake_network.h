// A node's guest network in memory: true state, no expectations. Kept honest by
// network_contract.h, which the real edge passes too.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "ports/network.h"

namespace godwit::ports {

// What the calls of a Network have brought about, in the same words for fake and kernel.
struct NetworkState {
  struct Tap {
    std::string address, mac;
    bool operator==(const Tap&) const = default;
  };
  std::map<std::string, Tap> taps;  // By the tap's name.
  // By guest address: "tap NAME" or "node ADDRESS".
  std::map<std::string, std::string> routes;
  bool operator==(const NetworkState&) const = default;
};

class FakeNetwork final : public Network {
 public:
  NetworkState state;
  std::optional<Error> fail_next;  // The next call fails with this and changes nothing.

  Result<std::string> make_tap(const GuestId& guest, const std::string& address,
                               const std::string& mac) override;
  Status route_to_tap(const GuestId& guest, const std::string& address) override;
  Status route_to_node(const std::string& address, const std::string& node_address) override;
  Status remove_route(const std::string& address) override;
  Status remove_tap(const GuestId& guest) override;

 private:
  std::map<GuestId, std::string> names_;
};

}  // namespace godwit::ports
