// The Hypervisor port on real QEMUs.
//
// One QEMU per guest, in its own session, so that it outlives us. A new Hypervisor finds it again
// by its pid file (pid and start time) at the first command for the guest, and asks it for its
// state: nothing is remembered that QEMU can be asked.
//
// The loop must have stopped for good before this is destroyed; destroying it ends no QEMU.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "edges/qemu/config.h"
#include "edges/qemu/images.h"
#include "lib/io/loop.h"
#include "ports/event_sink.h"
#include "ports/hypervisor.h"

namespace godwit::qemu {

class Guest;

// Hands out the node's ports in turn, so that one just closed is not at once another guest's.
class Ports {
 public:
  Ports(std::string address, std::uint16_t first, std::uint16_t last)
      : address_(std::move(address)), first_(first), last_(last), next_(first) {}
  // A port nobody listened on a moment ago. ResourceExhausted when all are taken.
  Result<std::uint16_t> draw();

 private:
  std::string address_;
  std::uint16_t first_, last_;
  std::uint32_t next_;
};

class Hypervisor final : public ports::Hypervisor {
 public:
  // `images` brings what is missing in Config::image_dir; without it a guest
  // whose files are not there does not start. A command waits as long as that takes.
  Hypervisor(io::Loop& loop, Config config, ports::EventSink<ports::HypervisorEvent>& sink,
             ImageSource images = nullptr);
  ~Hypervisor() override;

  // Whether the file of that hash is in Config::image_dir now, brought if need be. On the loop's
  // thread; the errors are those of Images::check().
  io::Task<Status> bring_image(std::string sha256) { return images_.bring(std::move(sha256)); }

  // From any thread.
  void submit(const GuestId& guest, ports::HypervisorCommand command) override;

 private:
  void accept(const GuestId& guest, ports::HypervisorCommand command);

  io::Loop& loop_;
  const Config config_;
  const bool kvm_;
  Ports ports_;
  Images images_;
  ports::EventSink<ports::HypervisorEvent>& sink_;
  std::map<GuestId, std::unique_ptr<Guest>> guests_;
};

}  // namespace godwit::qemu
