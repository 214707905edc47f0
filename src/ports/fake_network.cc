#include "ports/fake_network.h"

#include <algorithm>

namespace godwit::ports {
namespace {

bool is_ipv4(const std::string& text) {
  int parts = 0;
  std::size_t at = 0;
  while (at < text.size() && parts < 4) {
    std::size_t digits = 0;
    int value = 0;
    while (digits < 3 && at < text.size() && text[at] >= '0' && text[at] <= '9') {
      value = value * 10 + (text[at++] - '0');
      ++digits;
    }
    if (digits == 0 || value > 255) return false;
    if (++parts < 4 && (at >= text.size() || text[at++] != '.')) return false;
  }
  return parts == 4 && at == text.size();
}

// "52:54:00:12:34:56", in lower case as the kernel prints it.
bool is_mac(const std::string& text) {
  if (text.size() != 17) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (i % 3 == 2 ? c != ':' : !hex) return false;
  }
  return true;
}

Status check_address(const std::string& address) {
  if (!is_ipv4(address)) return invalid(std::format("not an IPv4 address: \"{}\"", address));
  return {};
}

}  // namespace

Result<std::string> FakeNetwork::make_tap(const GuestId& guest, const std::string& address,
                                          const std::string& mac) {
  if (auto error = std::exchange(fail_next, std::nullopt)) return std::unexpected(*error);
  TRY(check_address(address));
  if (!is_mac(mac)) return invalid(std::format("not a MAC address: \"{}\"", mac));
  const auto named = names_.try_emplace(guest, std::format("tap{}", names_.size())).first;
  const auto made = state.taps.try_emplace(named->second, address, mac).first;
  if (made->second != NetworkState::Tap{address, mac})
    return precondition(
        std::format("guest {}: its tap is for {}", guest.value, made->second.address));
  return named->second;
}

Status FakeNetwork::route_to_tap(const GuestId& guest, const std::string& address) {
  if (auto error = std::exchange(fail_next, std::nullopt)) return std::unexpected(*error);
  TRY(check_address(address));
  const auto named = names_.find(guest);
  if (named == names_.end() || !state.taps.contains(named->second))
    return not_found(std::format("guest {}: no tap", guest.value));
  state.routes[address] = "tap " + named->second;
  return {};
}

Status FakeNetwork::route_to_node(const std::string& address, const std::string& node_address) {
  if (auto error = std::exchange(fail_next, std::nullopt)) return std::unexpected(*error);
  TRY(check_address(address));
  TRY(check_address(node_address));
  state.routes[address] = "node " + node_address;
  return {};
}

Status FakeNetwork::remove_route(const std::string& address) {
  if (auto error = std::exchange(fail_next, std::nullopt)) return std::unexpected(*error);
  TRY(check_address(address));
  state.routes.erase(address);
  return {};
}

Status FakeNetwork::remove_tap(const GuestId& guest) {
  if (auto error = std::exchange(fail_next, std::nullopt)) return std::unexpected(*error);
  const auto named = names_.find(guest);
  if (named == names_.end()) return {};
  state.taps.erase(named->second);
  // As in the kernel: routes through a device end with it.
  std::erase_if(state.routes,
                [&](const auto& route) { return route.second == "tap " + named->second; });
  return {};
}

}  // namespace godwit::ports
