// IPv4 and Ethernet addresses as values, and their text.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace godwit::netlink {

struct Ipv4 {
  std::uint32_t value = 0;  // In host order: 10.0.0.1 is 0x0a000001.
  auto operator<=>(const Ipv4&) const = default;
};

struct Prefix {
  Ipv4 address;
  std::uint8_t length = 32;
  auto operator<=>(const Prefix&) const = default;
};

using Mac = std::array<std::uint8_t, 6>;

// Four decimal numbers and nothing else: such text is safe inside a rule set.
Result<Ipv4> parse_ipv4(std::string_view text);
// "100.64.0.0/10"; without a slash the length is 32. Bits after the length must be zero.
Result<Prefix> parse_prefix(std::string_view text);
// "52:54:00:12:34:56".
Result<Mac> parse_mac(std::string_view text);

std::string to_string(Ipv4 address);
std::string to_string(const Prefix& prefix);
std::string to_string(const Mac& mac);

}  // namespace godwit::netlink
