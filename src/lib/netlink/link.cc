#include "lib/netlink/link.h"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/veth.h>

#include <algorithm>

namespace godwit::netlink {
namespace {

constexpr std::uint16_t kCreate = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;

Link link_of(const Answer& answer) {
  const auto fixed = answer.fixed<ifinfomsg>();
  const auto all = answer.attributes_after<ifinfomsg>();
  Link link;
  link.index = fixed.ifi_index;
  link.up = (fixed.ifi_flags & IFF_UP) != 0;
  link.running = (fixed.ifi_flags & IFF_RUNNING) != 0;
  link.name = text_of(all, IFLA_IFNAME);
  link.mtu = value_of<std::uint32_t>(all, IFLA_MTU);
  link.queue_length = value_of<std::uint32_t>(all, IFLA_TXQLEN);
  link.mac = value_of<Mac>(all, IFLA_ADDRESS);
  if (const auto it = all.find(IFLA_LINKINFO); it != all.end())
    link.kind = text_of(attributes(it->second), IFLA_INFO_KIND);
  return link;
}

// A name of a device that the kernel would refuse, or cut, is refused here.
Status check_name(std::string_view name) {
  if (name.empty() || name.size() >= IFNAMSIZ || name.find('\0') != std::string_view::npos)
    return invalid(std::format("not a device name: \"{}\"", name));
  return {};
}

Message vni_message(std::uint16_t type, int index, std::uint32_t vni) {
  Message message(type, NLM_F_REQUEST | NLM_F_ACK);
  tunnel_msg fixed{};
  fixed.family = PF_BRIDGE;
  fixed.ifindex = static_cast<std::uint32_t>(index);
  message.fixed(fixed);
  const auto entry = message.begin(VXLAN_VNIFILTER_ENTRY);
  message.put_value(VXLAN_VNIFILTER_ENTRY_START, vni);
  message.end(entry);
  return message;
}

}  // namespace

Result<std::vector<Link>> links(Socket& socket) {
  Message message(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP);
  message.fixed(ifinfomsg{});
  ASSIGN_OR_RETURN(const auto answers, socket.ask("list links", std::move(message)));
  std::vector<Link> all;
  for (const Answer& answer : answers) all.push_back(link_of(answer));
  return all;
}

Result<Link> link_by_name(Socket& socket, std::string_view name) {
  TRY(check_name(name));
  Message message(RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK);
  message.fixed(ifinfomsg{}).put_text(IFLA_IFNAME, name);
  ASSIGN_OR_RETURN(const auto answers,
                   socket.ask(std::format("look up link {}", name), std::move(message)));
  if (answers.empty()) return internal(std::format("look up link {}: no answer", name));
  return link_of(answers.front());
}

Status add_veth(Socket& socket, const VethPair& pair) {
  TRY(check_name(pair.name));
  TRY(check_name(pair.peer_name));
  Message message(RTM_NEWLINK, kCreate);
  message.fixed(ifinfomsg{}).put_text(IFLA_IFNAME, pair.name);
  const auto about = message.begin(IFLA_LINKINFO);
  message.put_text(IFLA_INFO_KIND, "veth");
  const auto details = message.begin(IFLA_INFO_DATA);
  const auto peer = message.begin(VETH_INFO_PEER);
  message.fixed(ifinfomsg{}).put_text(IFLA_IFNAME, pair.peer_name);
  if (pair.peer_namespace >= 0) message.put_value(IFLA_NET_NS_FD, pair.peer_namespace);
  message.end(peer);
  message.end(details);
  message.end(about);
  return socket.request(std::format("add veth {}", pair.name), std::move(message));
}

Status add_vxlan_gpe(Socket& socket, const VxlanGpe& vxlan) {
  TRY(check_name(vxlan.name));
  Message message(RTM_NEWLINK, kCreate);
  message.fixed(ifinfomsg{}).put_text(IFLA_IFNAME, vxlan.name);
  const auto about = message.begin(IFLA_LINKINFO);
  message.put_text(IFLA_INFO_KIND, "vxlan");
  const auto details = message.begin(IFLA_INFO_DATA);
  message.put(IFLA_VXLAN_GPE, {})
      .put_value(IFLA_VXLAN_COLLECT_METADATA, std::uint8_t{1})
      .put_value(IFLA_VXLAN_VNIFILTER, std::uint8_t{1})
      // On by default for a new device, and refused together with GPE.
      .put_value(IFLA_VXLAN_LEARNING, std::uint8_t{0})
      .put_value(IFLA_VXLAN_PORT, htons(vxlan.port));
  if (vxlan.local) message.put_value(IFLA_VXLAN_LOCAL, htonl(vxlan.local->value));
  message.end(details);
  message.end(about);
  return socket.request(std::format("add vxlan {}", vxlan.name), std::move(message));
}

Status add_vni(Socket& socket, int index, std::uint32_t vni) {
  return socket.request(std::format("add vni {}", vni), vni_message(RTM_NEWTUNNEL, index, vni));
}

Status remove_vni(Socket& socket, int index, std::uint32_t vni) {
  return socket.request(std::format("remove vni {}", vni), vni_message(RTM_DELTUNNEL, index, vni));
}

Result<std::vector<std::uint32_t>> vnis(Socket& socket, int index) {
  Message message(RTM_GETTUNNEL, NLM_F_REQUEST | NLM_F_DUMP);
  tunnel_msg fixed{};
  fixed.family = PF_BRIDGE;
  fixed.ifindex = static_cast<std::uint32_t>(index);
  message.fixed(fixed);
  ASSIGN_OR_RETURN(const auto answers, socket.ask("list vnis", std::move(message)));
  std::vector<std::uint32_t> all;
  for (const Answer& answer : answers) {
    // Entries repeat their type, so they are walked by hand; neighbours may be folded in a range.
    std::span<const std::uint8_t> rest(answer.bytes);
    rest = rest.subspan(std::min(rest.size(), sizeof(tunnel_msg)));
    while (rest.size() >= sizeof(rtattr)) {
      rtattr header;
      std::memcpy(&header, rest.data(), sizeof header);
      if (header.rta_len < sizeof header || header.rta_len > rest.size()) break;
      const auto entry = attributes(rest.subspan(sizeof header, header.rta_len - sizeof header));
      const auto first = value_of<std::uint32_t>(entry, VXLAN_VNIFILTER_ENTRY_START);
      const auto last = value_of<std::uint32_t>(entry, VXLAN_VNIFILTER_ENTRY_END, first);
      for (std::uint32_t vni = first; vni <= last && vni < 1u << 24; ++vni) all.push_back(vni);
      rest = rest.subspan(std::min<std::size_t>(RTA_ALIGN(header.rta_len), rest.size()));
    }
  }
  return all;
}

Status add_bridge(Socket& socket, std::string_view name) {
  TRY(check_name(name));
  Message message(RTM_NEWLINK, kCreate);
  message.fixed(ifinfomsg{}).put_text(IFLA_IFNAME, name);
  const auto about = message.begin(IFLA_LINKINFO);
  message.put_text(IFLA_INFO_KIND, "bridge");
  message.end(about);
  return socket.request(std::format("add bridge {}", name), std::move(message));
}

Status change_link(Socket& socket, int index, const LinkChange& change) {
  Message message(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK);
  ifinfomsg fixed{};
  fixed.ifi_index = index;
  if (change.up) {
    fixed.ifi_change = IFF_UP;
    fixed.ifi_flags = *change.up ? IFF_UP : 0;
  }
  message.fixed(fixed);
  if (change.mtu) message.put_value(IFLA_MTU, *change.mtu);
  if (change.queue_length) message.put_value(IFLA_TXQLEN, *change.queue_length);
  if (change.mac) message.put(IFLA_ADDRESS, *change.mac);
  if (change.bridge) message.put_value(IFLA_MASTER, *change.bridge);
  return socket.request(std::format("change link {}", index), std::move(message));
}

Status delete_link(Socket& socket, int index) {
  Message message(RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK);
  ifinfomsg fixed{};
  fixed.ifi_index = index;
  message.fixed(fixed);
  return socket.request(std::format("delete link {}", index), std::move(message));
}

}  // namespace godwit::netlink
