#include "lib/netlink/message.h"

namespace godwit::netlink {

Message::Message(std::uint16_t type, std::uint16_t flags) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = flags;
  append(&header, sizeof header);
}

void Message::append(const void* from, std::size_t size) {
  const auto* first = static_cast<const std::uint8_t*>(from);
  bytes_.insert(bytes_.end(), first, first + size);
  bytes_.resize(NLMSG_ALIGN(bytes_.size()));
  fix_length();
}

void Message::fix_length() {
  const auto length = static_cast<std::uint32_t>(bytes_.size());
  std::memcpy(bytes_.data(), &length, sizeof length);
}

Message& Message::put(std::uint16_t type, std::span<const std::uint8_t> value) {
  const rtattr header{static_cast<unsigned short>(RTA_LENGTH(value.size())), type};
  append(&header, sizeof header);
  if (!value.empty()) append(value.data(), value.size());
  return *this;
}

Message& Message::put_text(std::uint16_t type, std::string_view text) {
  std::vector<std::uint8_t> bytes(text.begin(), text.end());
  bytes.push_back(0);
  return put(type, bytes);
}

std::size_t Message::begin(std::uint16_t type) {
  const std::size_t at = bytes_.size();
  put(static_cast<std::uint16_t>(type | NLA_F_NESTED), {});
  return at;
}

void Message::end(std::size_t begun) {
  const auto length = static_cast<std::uint16_t>(bytes_.size() - begun);
  std::memcpy(bytes_.data() + begun, &length, sizeof length);
}

Attributes attributes(std::span<const std::uint8_t> bytes) {
  Attributes all;
  while (bytes.size() >= sizeof(rtattr)) {
    rtattr header;
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.rta_len < sizeof header || header.rta_len > bytes.size()) break;
    all[header.rta_type & NLA_TYPE_MASK] =
        bytes.subspan(sizeof header, header.rta_len - sizeof header);
    bytes = bytes.subspan(std::min<std::size_t>(RTA_ALIGN(header.rta_len), bytes.size()));
  }
  return all;
}

std::string_view text_of(const Attributes& all, std::uint16_t type) {
  const auto it = all.find(type);
  if (it == all.end()) return {};
  const std::string_view text(reinterpret_cast<const char*>(it->second.data()), it->second.size());
  return text.substr(0, text.find('\0'));
}

}  // namespace godwit::netlink
