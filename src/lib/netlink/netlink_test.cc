// Texts of addresses, and the bytes of messages: what is put in comes out, and damaged bytes give
// less, never a crash. What the kernel does with them is in src/edges/linux and tests/network.
#include <gtest/gtest.h>

#include "lib/netlink/address.h"
#include "lib/netlink/message.h"

namespace godwit::netlink {
namespace {

TEST(Address, TextAndBack) {
  for (const char* text : {"0.0.0.0", "100.64.0.7", "255.255.255.255"})
    EXPECT_EQ(to_string(parse_ipv4(text).value()), text);
  EXPECT_EQ(to_string(parse_prefix("100.64.0.0/10").value()), "100.64.0.0/10");
  EXPECT_EQ(to_string(parse_prefix("0.0.0.0/0").value()), "0.0.0.0/0");
  EXPECT_EQ(parse_prefix("10.0.0.1").value().length, 32);
  EXPECT_EQ(to_string(parse_mac("52:54:00:AB:cd:0f").value()), "52:54:00:ab:cd:0f");
}

TEST(Address, WhatIsNotOneIsRefused) {
  for (const char* text : {"", "1.2.3", "1.2.3.4.5", "256.0.0.1", "1.2.3.4 ", " 1.2.3.4", "1..2.3",
                           "-1.2.3.4", "+1.2.3.4", "1.2.3.4}", "a.b.c.d"})
    EXPECT_EQ(parse_ipv4(text).error().code, Code::kInvalidArgument) << text;
  for (const char* text : {"10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/", "10.0.0.0/8x", "/8"})
    EXPECT_FALSE(parse_prefix(text)) << text;
  for (const char* text : {"", "52:54:00:ab:cd", "52:54:00:ab:cd:0g", "525400abcd0f",
                           "52:54:00:ab:cd:0f:11", "52-54-00-ab-cd-0f", "5:54:00:ab:cd:0f0"})
    EXPECT_FALSE(parse_mac(text)) << text;
}

TEST(Message, AttributesComeBack) {
  Message message(RTM_NEWLINK, NLM_F_REQUEST);
  message.fixed(ifinfomsg{}).put_text(IFLA_IFNAME, "tap0").put_value(IFLA_MTU, 1344u);
  const auto nested = message.begin(IFLA_LINKINFO);
  message.put_text(1, "vxlan");
  message.end(nested);
  const auto& bytes = message.bytes();
  EXPECT_EQ(value_of<std::uint32_t>({{0, bytes}}, 0), bytes.size());
  const auto all = attributes(std::span(bytes).subspan(NLMSG_HDRLEN + sizeof(ifinfomsg)));
  EXPECT_EQ(text_of(all, IFLA_IFNAME), "tap0");
  EXPECT_EQ(value_of<std::uint32_t>(all, IFLA_MTU), 1344u);
  EXPECT_EQ(text_of(attributes(all.at(IFLA_LINKINFO)), 1), "vxlan");
  EXPECT_EQ(value_of<std::uint32_t>(all, IFLA_TXQLEN, 7), 7u);
  // Cut anywhere, and with any byte of it changed, it is still only fewer or other attributes.
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    attributes(std::span(bytes).first(size));
    auto damaged = bytes;
    damaged[size] = 0xff;
    attributes(std::span(damaged).subspan(NLMSG_HDRLEN));
  }
}

}  // namespace
}  // namespace godwit::netlink
