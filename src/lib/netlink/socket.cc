#include "lib/netlink/socket.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace godwit::netlink {
namespace {

std::unexpected<Error> refused(std::string_view what, int errno_value, std::string_view why) {
  auto error = system_error(what, errno_value);
  if (errno_value == EADDRNOTAVAIL) error.error().code = Code::kNotFound;
  if (errno_value == EBUSY) error.error().code = Code::kFailedPrecondition;
  if (!why.empty()) error.error().message += std::format(" ({})", why);
  return error;
}

// The verdict of NLMSG_ERROR or NLMSG_DONE; `payload` is what follows nlmsghdr.
Status verdict(std::string_view what, const nlmsghdr& header,
               std::span<const std::uint8_t> payload) {
  int code = 0;
  if (payload.size() < sizeof code) return internal(std::format("{}: short ACK", what));
  std::memcpy(&code, payload.data(), sizeof code);
  if (code == 0) return {};
  std::string_view why;
  Attributes extended;
  if (header.nlmsg_type == NLMSG_ERROR && (header.nlmsg_flags & NLM_F_ACK_TLVS)) {
    // nlmsgerr holds the request's header, and its payload unless NETLINK_CAP_ACK (which we set).
    if (payload.size() > sizeof(nlmsgerr)) {
      extended = attributes(payload.subspan(sizeof(nlmsgerr)));
      why = text_of(extended, NLMSGERR_ATTR_MSG);
    }
  }
  return refused(what, -code, why);
}

}  // namespace

Result<std::unique_ptr<Socket>> Socket::open() {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return system_error("open a netlink socket", errno);
  std::unique_ptr<Socket> opened(new Socket(fd));
  const int on = 1;
  for (const int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK}) {
    if (setsockopt(fd, SOL_NETLINK, option, &on, sizeof on) < 0)
      return system_error("set a netlink option", errno);
  }
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
    return system_error("bind a netlink socket", errno);
  return opened;
}

Socket::~Socket() { close(fd_); }

Status Socket::send(std::string_view what, Message& message) {
  nlmsghdr header;
  std::memcpy(&header, message.bytes().data(), sizeof header);
  header.nlmsg_seq = ++sequence_;
  std::memcpy(message.bytes().data(), &header, sizeof header);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const auto sent = sendto(fd_, message.bytes().data(), message.bytes().size(), 0,
                           reinterpret_cast<sockaddr*>(&kernel), sizeof kernel);
  if (sent < 0) return system_error(what, errno);
  return {};
}

Result<std::vector<std::uint8_t>> Socket::receive(std::string_view what) {
  // The kernel fills at most 32 KiB per datagram of a dump.
  std::vector<std::uint8_t> bytes(65536);
  for (;;) {
    const auto got = recv(fd_, bytes.data(), bytes.size(), MSG_TRUNC);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(what, errno);
    if (static_cast<std::size_t>(got) > bytes.size())
      return internal(std::format("{}: an answer of {} bytes", what, got));
    bytes.resize(static_cast<std::size_t>(got));
    return bytes;
  }
}

Status Socket::request(std::string_view what, Message message) {
  auto answers = ask(what, std::move(message));
  if (!answers) return std::unexpected(std::move(answers.error()));
  return {};
}

Result<std::vector<Answer>> Socket::ask(std::string_view what, Message message) {
  TRY(send(what, message));
  std::vector<Answer> answers;
  bool changed = false;
  for (;;) {
    ASSIGN_OR_RETURN(const auto bytes, receive(what));
    std::span<const std::uint8_t> rest(bytes);
    while (rest.size() >= sizeof(nlmsghdr)) {
      nlmsghdr header;
      std::memcpy(&header, rest.data(), sizeof header);
      if (header.nlmsg_len < sizeof header || header.nlmsg_len > rest.size())
        return internal(std::format("{}: a damaged answer", what));
      const auto payload = rest.subspan(sizeof header, header.nlmsg_len - sizeof header);
      rest = rest.subspan(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), rest.size()));
      // Left over from a request that ended with an error before its last answer.
      if (header.nlmsg_seq != sequence_) continue;
      changed |= (header.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
      if (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE) {
        TRY(verdict(what, header, payload));
        if (changed) return fail(Code::kAborted, std::format("{}: changed meanwhile", what));
        return answers;
      }
      answers.push_back({header.nlmsg_type, {payload.begin(), payload.end()}});
    }
  }
}

}  // namespace godwit::netlink
