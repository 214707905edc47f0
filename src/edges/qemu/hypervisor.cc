#include "edges/qemu/hypervisor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>

#include "edges/qemu/guest.h"

namespace godwit::qemu {
namespace {

// A device without the processor's own support is a KVM in software; the one met (kvm-pvm) could
// not boot the guest's kernel: "KVM internal error" at its first BMI2 instruction.
bool kvm_works() {
  const int fd = ::open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (fd < 0) return false;
  ::close(fd);
  std::ifstream cpus("/proc/cpuinfo");
  for (std::string line; std::getline(cpus, line);)
    if (line.starts_with("flags")) return line.contains(" vmx") || line.contains(" svm");
  return false;
}

// Whether a listener could be bound there now.
bool is_free(const std::string& address, std::uint16_t port) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (::inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    size = sizeof *v4;
  } else if (::inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    size = sizeof *v6;
  } else {
    return false;
  }
  const int fd = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool free = ::bind(fd, reinterpret_cast<const sockaddr*>(&storage), size) == 0;
  ::close(fd);
  return free;
}

}  // namespace

Result<std::uint16_t> Ports::draw() {
  for (std::uint32_t tried = 0; tried <= std::uint32_t{last_} - first_; ++tried) {
    const auto port = static_cast<std::uint16_t>(next_);
    next_ = next_ == last_ ? first_ : next_ + 1;
    if (is_free(address_, port)) return port;
  }
  return fail(Code::kResourceExhausted,
              std::format("no free port of {}:{}-{}", address_, first_, last_));
}

Hypervisor::Hypervisor(io::Loop& loop, Config config,
                       ports::EventSink<ports::HypervisorEvent>& sink, ImageSource images)
    : loop_(loop),
      config_(std::move(config)),
      kvm_(config_.kvm.value_or(kvm_works())),
      ports_(config_.listen_address, config_.port_first, config_.port_last),
      images_(loop, config_.image_dir, std::move(images)),
      sink_(sink) {}

Hypervisor::~Hypervisor() = default;

void Hypervisor::submit(const GuestId& guest, ports::HypervisorCommand command) {
  loop_.post([this, guest, command = std::move(command)] { accept(guest, command); });
}

void Hypervisor::accept(const GuestId& guest, ports::HypervisorCommand command) {
  auto it = guests_.find(guest);
  if (it == guests_.end()) {
    auto files = files_of(config_, guest);
    if (!files) {
      sink_.offer({guest, ports::Failed{"", files.error()}});
      return;
    }
    const Guest::Node node{loop_, config_, kvm_, ports_, images_, sink_};
    it = guests_.emplace(guest, std::make_unique<Guest>(node, guest, std::move(*files))).first;
  }
  it->second->accept(std::move(command));
}

}  // namespace godwit::qemu
