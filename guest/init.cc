// PID 1 of a guest. Only wiring; what can be asked of it is lib/frame/control.h.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <thread>

#include "guest/children.h"
#include "guest/clock.h"
#include "guest/container.h"
#include "guest/execs.h"
#include "guest/log_ring.h"
#include "guest/port.h"
#include "guest/requests.h"
#include "guest/world.h"

namespace godwit::guest {
namespace {

// Holds about 8 s of 10,000 short lines a second while no node listens.
constexpr std::size_t kLogBytes = 8 << 20;

void say(const std::string& text) {
  std::printf("godwit-init: %s\n", text.c_str());
  std::fflush(stdout);
}

int number(const std::string& text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Status set_up(const std::string& address) {
  TRY(load_modules());
  TRY(mount_root());
  return set_up_network(address, number(kernel_argument("godwit.mtu")));
}

// Everything here lives until the guest is powered off: main() never returns from it.
[[noreturn]] void serve(int fd, const std::string& broken, const std::string& address) {
  static Children& children = *new Children;
  static Port* port = nullptr;
  static LogRing log(kLogBytes, [] { port->wake(); });
  static Container container(children, log,
                             {.root = kRoot,
                              .kill_rest = [] { ::kill(-1, SIGKILL); },
                              .tell = [](const frame::State& s) { port->send(s); }});
  static Execs execs(children, kRoot, [] { port->wake(); });
  static Requests* requests = nullptr;
  const std::string boot = boot_id();
  static Port the_port(
      fd,
      [boot] {
        return frame::Welcome{.boot = boot, .log_first = log.first(), .state = container.state()};
      },
      [](const frame::Message& message) { requests->receive(message); });
  port = &the_port;
  static Requests the_requests(the_port, log, container, execs,
                               {.broken = broken,
                                .named =
                                    [address](const std::string& name) {
                                      if (const Status named = set_hostname(name, address); !named)
                                        say(named.error().message);
                                    },
                                .set_clock = set_clock,
                                .power_off =
                                    [] {
                                      std::thread([] {
                                        port->flush();
                                        power_off();
                                      }).detach();
                                    }});
  requests = &the_requests;
  the_port.add_source(execs);
  the_port.add_source(log);
  std::thread([] { port->write_forever(); }).detach();
  std::thread([] { port->beat_forever(); }).detach();
  the_port.read_forever();
}

}  // namespace
}  // namespace godwit::guest

int main() {
  using namespace godwit;
  ::signal(SIGPIPE, SIG_IGN);
  if (const Status own = guest::mount_own(); !own) guest::say(own.error().message);
  const std::string address = guest::kernel_argument("godwit.address");
  const Status ready = guest::set_up(address);
  // Without its disk or card a guest still answers, and says why it runs nothing.
  if (!ready) guest::say(ready.error().message);
  const auto path = guest::find_port("q.ctl");
  const int fd = path ? ::open(path->c_str(), O_RDWR | O_CLOEXEC) : -1;
  if (fd < 0) {
    guest::say(path ? "cannot open " + *path : path.error().message);
    guest::power_off();
  }
  guest::say("ready");
  guest::serve(fd, ready ? "" : ready.error().message, address);
}
