#include "lib/netlink/route.h"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/lwtunnel.h>
#include <linux/neighbour.h>

namespace godwit::netlink {
namespace {

constexpr std::uint16_t kAsk = NLM_F_REQUEST | NLM_F_ACK;

std::uint64_t to_be64(std::uint64_t v) {
  return std::uint64_t{htonl(static_cast<std::uint32_t>(v))} << 32 |
         htonl(static_cast<std::uint32_t>(v >> 32));
}

Message address_message(std::uint16_t type, std::uint16_t flags, int index, Ipv4 address,
                        std::uint8_t length) {
  Message message(type, flags);
  ifaddrmsg fixed{};
  fixed.ifa_family = AF_INET;
  fixed.ifa_prefixlen = length;
  fixed.ifa_index = static_cast<std::uint32_t>(index);
  message.fixed(fixed);
  message.put_value(IFA_LOCAL, htonl(address.value));
  message.put_value(IFA_ADDRESS, htonl(address.value));
  return message;
}

rtmsg route_head(const Prefix& to) {
  rtmsg fixed{};
  fixed.rtm_family = AF_INET;
  fixed.rtm_dst_len = to.length;
  fixed.rtm_table = RT_TABLE_UNSPEC;  // RTA_TABLE says it, which has room for all tables.
  return fixed;
}

std::uint8_t type_of(Route::Kind kind) {
  if (kind == Route::Kind::kBlackhole) return RTN_BLACKHOLE;
  return kind == Route::Kind::kThrow ? RTN_THROW : RTN_UNICAST;
}

void put_encap(Message& message, const Encap& encap) {
  message.put_value(RTA_ENCAP_TYPE, std::uint16_t{LWTUNNEL_ENCAP_IP});
  const auto nested = message.begin(RTA_ENCAP);
  message.put_value(LWTUNNEL_IP_ID, to_be64(encap.id));
  message.put_value(LWTUNNEL_IP_DST, htonl(encap.to.value));
  if (encap.from) message.put_value(LWTUNNEL_IP_SRC, htonl(encap.from->value));
  message.end(nested);
}

std::optional<Ipv4> ipv4_of(const Attributes& all, std::uint16_t type) {
  if (!all.contains(type)) return std::nullopt;
  return Ipv4{ntohl(value_of<std::uint32_t>(all, type))};
}

std::optional<Route> route_of(const Answer& answer) {
  const auto fixed = answer.fixed<rtmsg>();
  const auto all = answer.attributes_after<rtmsg>();
  Route route;
  route.to = {ipv4_of(all, RTA_DST).value_or(Ipv4{}), fixed.rtm_dst_len};
  route.table = value_of<std::uint32_t>(all, RTA_TABLE, fixed.rtm_table);
  route.device = value_of<int>(all, RTA_OIF);
  route.via = ipv4_of(all, RTA_GATEWAY);
  route.onlink = (fixed.rtm_flags & RTNH_F_ONLINK) != 0;
  if (fixed.rtm_type == RTN_BLACKHOLE) {
    route.kind = Route::Kind::kBlackhole;
  } else if (fixed.rtm_type == RTN_THROW) {
    route.kind = Route::Kind::kThrow;
  } else if (fixed.rtm_type != RTN_UNICAST) {
    return std::nullopt;
  }
  const auto encap = all.find(RTA_ENCAP);
  if (encap != all.end() && value_of<std::uint16_t>(all, RTA_ENCAP_TYPE) == LWTUNNEL_ENCAP_IP) {
    const auto inside = attributes(encap->second);
    const auto from = ipv4_of(inside, LWTUNNEL_IP_SRC);
    route.encap = Encap{.id = to_be64(value_of<std::uint64_t>(inside, LWTUNNEL_IP_ID)),
                        .to = ipv4_of(inside, LWTUNNEL_IP_DST).value_or(Ipv4{}),
                        .from = from && from->value ? from : std::nullopt};
  }
  return route;
}

}  // namespace

Status add_address(Socket& socket, int index, Ipv4 address, std::uint8_t length) {
  return socket.request(
      std::format("add address {}", to_string(address)),
      address_message(RTM_NEWADDR, kAsk | NLM_F_CREATE | NLM_F_REPLACE, index, address, length));
}

Status delete_address(Socket& socket, int index, Ipv4 address, std::uint8_t length) {
  return socket.request(std::format("delete address {}", to_string(address)),
                        address_message(RTM_DELADDR, kAsk, index, address, length));
}

Status replace_route(Socket& socket, const Route& route) {
  Message message(RTM_NEWROUTE, kAsk | NLM_F_CREATE | NLM_F_REPLACE);
  rtmsg fixed = route_head(route.to);
  fixed.rtm_protocol = RTPROT_STATIC;
  fixed.rtm_type = type_of(route.kind);
  const bool direct = route.kind == Route::Kind::kUnicast && !route.via;
  fixed.rtm_scope = direct ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  if (route.onlink) fixed.rtm_flags |= RTNH_F_ONLINK;
  message.fixed(fixed);
  message.put_value(RTA_TABLE, route.table);
  message.put_value(RTA_DST, htonl(route.to.address.value));
  if (route.device) message.put_value(RTA_OIF, route.device);
  if (route.via) message.put_value(RTA_GATEWAY, htonl(route.via->value));
  if (route.encap) put_encap(message, *route.encap);
  return socket.request(std::format("route {}", to_string(route.to)), std::move(message));
}

Status delete_route(Socket& socket, const Prefix& to, std::uint32_t table) {
  Message message(RTM_DELROUTE, kAsk);
  rtmsg fixed = route_head(to);
  fixed.rtm_scope = RT_SCOPE_NOWHERE;  // Any.
  message.fixed(fixed);
  message.put_value(RTA_TABLE, table);
  message.put_value(RTA_DST, htonl(to.address.value));
  return socket.request(std::format("delete route {}", to_string(to)), std::move(message));
}

Result<std::vector<Route>> routes(Socket& socket, std::uint32_t table) {
  Message message(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP);
  rtmsg fixed{};
  fixed.rtm_family = AF_INET;
  message.fixed(fixed);
  message.put_value(RTA_TABLE, table);
  auto answers = socket.ask(std::format("list routes of table {}", table), std::move(message));
  std::vector<Route> all;
  // A table that was never written to is not there at all.
  if (!answers && answers.error().code == Code::kNotFound) return all;
  if (!answers) return std::unexpected(std::move(answers.error()));
  for (const Answer& answer : *answers) {
    const auto route = route_of(answer);
    if (route && route->table == table) all.push_back(*route);
  }
  return all;
}

Status add_rule(Socket& socket, const Rule& rule) {
  Message message(RTM_NEWRULE, kAsk | NLM_F_CREATE | NLM_F_EXCL);
  fib_rule_hdr fixed{};
  fixed.family = AF_INET;
  fixed.src_len = rule.from.length;
  fixed.action = FR_ACT_TO_TBL;
  message.fixed(fixed);
  message.put_value(FRA_SRC, htonl(rule.from.address.value));
  message.put_value(FRA_PRIORITY, rule.priority);
  message.put_value(FRA_TABLE, rule.table);
  return socket.request(std::format("rule from {}", to_string(rule.from)), std::move(message));
}

Status replace_neighbour(Socket& socket, const Neighbour& neighbour) {
  Message message(RTM_NEWNEIGH, kAsk | NLM_F_CREATE | NLM_F_REPLACE);
  ndmsg fixed{};
  fixed.ndm_family = AF_INET;
  fixed.ndm_ifindex = neighbour.device;
  fixed.ndm_state = NUD_PERMANENT;
  message.fixed(fixed);
  message.put_value(NDA_DST, htonl(neighbour.address.value));
  message.put(NDA_LLADDR, neighbour.mac);
  return socket.request(std::format("neighbour {}", to_string(neighbour.address)),
                        std::move(message));
}

Result<std::vector<Neighbour>> permanent_neighbours(Socket& socket) {
  Message message(RTM_GETNEIGH, NLM_F_REQUEST | NLM_F_DUMP);
  ndmsg fixed{};
  fixed.ndm_family = AF_INET;
  message.fixed(fixed);
  ASSIGN_OR_RETURN(const auto answers, socket.ask("list neighbours", std::move(message)));
  std::vector<Neighbour> all;
  for (const Answer& answer : answers) {
    const auto entry = answer.fixed<ndmsg>();
    const auto inside = answer.attributes_after<ndmsg>();
    const auto address = ipv4_of(inside, NDA_DST);
    if ((entry.ndm_state & NUD_PERMANENT) && address)
      all.push_back({entry.ndm_ifindex, *address, value_of<Mac>(inside, NDA_LLADDR)});
  }
  return all;
}

}  // namespace godwit::netlink
