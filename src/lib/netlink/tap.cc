#include "lib/netlink/tap.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace godwit::netlink {
namespace {

std::unexpected<Error> failed(const std::string& what) {
  const int why = errno;
  auto error = system_error(what, why);
  if (why == EBUSY) error.error().code = Code::kFailedPrecondition;
  return error;
}

}  // namespace

Result<int> open_tap(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ)
    return invalid(std::format("not a device name: \"{}\"", name));
  const int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (fd < 0) return failed("open /dev/net/tun");
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), name.size());
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (ioctl(fd, TUNSETIFF, &request) < 0) {
    auto error = failed(std::format("attach to tap {}", name));
    close(fd);
    return error;
  }
  return fd;
}

Status add_tap(const std::string& name, std::optional<uid_t> owner) {
  ASSIGN_OR_RETURN(const int fd, open_tap(name));
  Status done{};
  if (owner && ioctl(fd, TUNSETOWNER, static_cast<unsigned long>(*owner)) < 0)
    done = failed(std::format("give tap {} to uid {}", name, *owner));
  else if (ioctl(fd, TUNSETPERSIST, 1UL) < 0)
    done = failed(std::format("keep tap {}", name));
  close(fd);
  return done;
}

Status set_sysctl(const std::string& path, std::string_view value) {
  const std::string file = "/proc/sys/" + path;
  const int fd = open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return failed(std::format("open {}", file));
  Status done{};
  if (write(fd, value.data(), value.size()) < 0)
    done = failed(std::format("write {} to {}", value, file));
  close(fd);
  return done;
}

}  // namespace godwit::netlink
