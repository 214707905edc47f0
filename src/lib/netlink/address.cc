#include "lib/netlink/address.h"

#include <charconv>
#include <format>

namespace godwit::netlink {
namespace {

// Takes one number up to `limit` off the front of `text`.
bool take_number(std::string_view& text, unsigned limit, int base, unsigned& number) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, base);
  if (error != std::errc{} || number > limit) return false;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  return true;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

bool take_ipv4(std::string_view& text, Ipv4& address) {
  for (int i = 0; i < 4; ++i) {
    unsigned part = 0;
    if (i > 0 && !take(text, '.')) return false;
    if (!take_number(text, 255, 10, part)) return false;
    address.value = address.value << 8 | part;
  }
  return true;
}

}  // namespace

Result<Ipv4> parse_ipv4(std::string_view text) {
  std::string_view rest = text;
  Ipv4 address;
  if (!take_ipv4(rest, address) || !rest.empty())
    return invalid(std::format("not an IPv4 address: \"{}\"", text));
  return address;
}

Result<Prefix> parse_prefix(std::string_view text) {
  std::string_view rest = text;
  Prefix prefix;
  unsigned length = 32;
  const bool read = take_ipv4(rest, prefix.address) &&
                    (rest.empty() || (take(rest, '/') && take_number(rest, 32, 10, length)));
  if (!read || !rest.empty()) return invalid(std::format("not an IPv4 prefix: \"{}\"", text));
  prefix.length = static_cast<std::uint8_t>(length);
  const std::uint64_t host_bits = (std::uint64_t{1} << (32 - length)) - 1;
  if (prefix.address.value & host_bits)
    return invalid(std::format("bits after the length of the prefix: \"{}\"", text));
  return prefix;
}

Result<Mac> parse_mac(std::string_view text) {
  std::string_view rest = text;
  Mac mac{};
  bool good = text.size() == 17;
  for (std::size_t i = 0; good && i < mac.size(); ++i) {
    unsigned part = 0;
    // Two digits each: with the length of the whole, no part can borrow from another.
    good = (i == 0 || take(rest, ':')) && rest.find(':') == (i < 5 ? 2 : rest.npos) &&
           take_number(rest, 255, 16, part);
    mac[i] = static_cast<std::uint8_t>(part);
  }
  if (!good || !rest.empty()) return invalid(std::format("not a MAC address: \"{}\"", text));
  return mac;
}

std::string to_string(Ipv4 a) {
  return std::format("{}.{}.{}.{}", a.value >> 24, a.value >> 16 & 255, a.value >> 8 & 255,
                     a.value & 255);
}

std::string to_string(const Prefix& prefix) {
  return std::format("{}/{}", to_string(prefix.address), prefix.length);
}

std::string to_string(const Mac& m) {
  return std::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", m[0], m[1], m[2], m[3], m[4],
                     m[5]);
}

}  // namespace godwit::netlink
