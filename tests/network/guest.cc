#include "tests/network/guest.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "lib/netlink/link.h"
#include "lib/netlink/route.h"
#include "lib/netlink/tap.h"

namespace godwit::lab {
namespace {

// One frame with its virtio-net header goes over as it is: no offload is on at either end.
void carry_one(int from, int to) {
  char frame[65536 + 10];
  const auto size = read(from, frame, sizeof frame);
  if (size > 0 && write(to, frame, static_cast<std::size_t>(size)) < 0) {
    // A device that is down or full loses the frame, as a cable would.
  }
}

void carry(int own, int tap, int stop) {
  pollfd all[3] = {{own, POLLIN, 0}, {tap, POLLIN, 0}, {stop, POLLIN, 0}};
  for (;;) {
    if (poll(all, 3, -1) < 0 && errno != EINTR) return;
    if (all[2].revents) return;
    if (all[0].revents & POLLIN) carry_one(own, tap);
    if (all[1].revents & POLLIN) carry_one(tap, own);
    if ((all[0].revents | all[1].revents) & (POLLERR | POLLNVAL)) return;
  }
}

// Until the kernel has seen the tap's other end it drops what should go out.
Status await_running(const std::string& tap) {
  ASSIGN_OR_RETURN(const auto socket, netlink::Socket::open());
  for (int i = 0; i < 2'000; ++i) {
    ASSIGN_OR_RETURN(const auto link, netlink::link_by_name(*socket, tap));
    if (link.running) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  return unavailable(tap + " does not run");
}

}  // namespace

Result<std::unique_ptr<Guest>> Guest::make(const std::string& address, const std::string& mac) {
  std::unique_ptr<Guest> guest(new Guest);
  ASSIGN_OR_RETURN(guest->inside_, namespaces::NetworkNamespace::create());
  ASSIGN_OR_RETURN(
      guest->own_, namespaces::run_inside(*guest->inside_, [&]() -> Result<int> {
        ASSIGN_OR_RETURN(const auto own_mac, netlink::parse_mac(mac));
        ASSIGN_OR_RETURN(const auto own_address, netlink::parse_ipv4(address));
        ASSIGN_OR_RETURN(const int own, netlink::open_tap("eth0"));
        ASSIGN_OR_RETURN(const auto socket, netlink::Socket::open());
        ASSIGN_OR_RETURN(const auto link, netlink::link_by_name(*socket, "eth0"));
        TRY(netlink::change_link(*socket, link.index, {.up = true, .mtu = 1344, .mac = own_mac}));
        TRY(netlink::add_address(*socket, link.index, own_address, 32));
        const netlink::Ipv4 gateway{0xa9fe0101};  // 169.254.1.1.
        TRY(netlink::replace_route(*socket, {.to = {gateway, 32}, .device = link.index}));
        TRY(netlink::replace_route(*socket, {.to = {{}, 0}, .device = link.index, .via = gateway}));
        return own;
      }));
  guest->stop_ = eventfd(0, EFD_CLOEXEC);
  return guest;
}

Guest::~Guest() {
  leave();
  if (next_ >= 0) close(next_);
  close(own_);
  close(stop_);
}

Status Guest::attach(const namespaces::NetworkNamespace& node, const std::string& tap) {
  if (next_ >= 0) close(next_);
  ASSIGN_OR_RETURN(next_, namespaces::run_inside(node, [&] { return netlink::open_tap(tap); }));
  return namespaces::run_inside(node, [&] { return await_running(tap); });
}

void Guest::run() {
  leave();
  tap_ = std::exchange(next_, -1);
  carrier_ = std::thread(carry, own_, tap_, stop_);
}

void Guest::leave() {
  if (!carrier_.joinable()) return;
  eventfd_write(stop_, 1);
  carrier_.join();
  eventfd_t ignored = 0;
  eventfd_read(stop_, &ignored);
  close(tap_);
  tap_ = -1;
}

}  // namespace godwit::lab
