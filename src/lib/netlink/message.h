// Bytes of rtnetlink messages: put together here, taken apart here. See rtnetlink(7).
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string_view>
#include <vector>

namespace godwit::netlink {

// One request. The length field is kept true after each step.
class Message {
 public:
  Message(std::uint16_t type, std::uint16_t flags);

  // The fixed part, once, before any attribute: ifinfomsg, rtmsg ...
  template <class T>
  Message& fixed(const T& value) {
    append(&value, sizeof value);
    return *this;
  }
  Message& put(std::uint16_t type, std::span<const std::uint8_t> value);
  Message& put_text(std::uint16_t type, std::string_view text);  // With its terminating zero.
  template <class T>
  Message& put_value(std::uint16_t type, T value) {
    std::uint8_t bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    return put(type, bytes);
  }
  // Attributes between begin and end are nested in `type`.
  std::size_t begin(std::uint16_t type);
  void end(std::size_t begun);

  std::vector<std::uint8_t>& bytes() { return bytes_; }

 private:
  void append(const void* from, std::size_t size);
  void fix_length();
  std::vector<std::uint8_t> bytes_;
};

// The attributes of one level; a type that comes twice is kept once, the last.
using Attributes = std::map<std::uint16_t, std::span<const std::uint8_t>>;
// Stops at the first attribute that does not fit: bad bytes give fewer attributes, never a crash.
Attributes attributes(std::span<const std::uint8_t> bytes);

// The value of a fixed-size attribute; `missing` if it is absent or too short.
template <class T>
T value_of(const Attributes& all, std::uint16_t type, T missing = {}) {
  const auto it = all.find(type);
  if (it == all.end() || it->second.size() < sizeof(T)) return missing;
  T value;
  std::memcpy(&value, it->second.data(), sizeof value);
  return value;
}
std::string_view text_of(const Attributes& all, std::uint16_t type);

}  // namespace godwit::netlink
