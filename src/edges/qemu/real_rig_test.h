// Two nodes with real QEMUs on loopback, for tests: see ports/hypervisor_contract.h.
#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "edges/qemu/hypervisor.h"

namespace godwit::qemu {

// QEMU, a guest kernel and gcc are there (in the workspace they are).
bool real_qemu_is_here();

struct TestImages {
  std::string dir, kernel, initramfs, base;  // Each file is named by its sha256.
};
// Made once per program. The guest writes a counter to
// its disk, reads old ones back, and prints "tick N" or "BAD".
const TestImages& test_images();

class RealRig {
 public:
  RealRig();
  ~RealRig();

  static const char* why_not() {
    return real_qemu_is_here() ? nullptr : "no qemu, guest kernel or gcc here";
  }
  ports::Hypervisor& node(int n) { return *nodes_[n].hypervisor; }
  std::optional<ports::HypervisorAnswer> next(int n);
  void kill(int n);
  void restart_agent(int n);
  void hold_stream(bool on);
  // Stops the QEMU there as by SIGSTOP: its connections stay, and nobody reads them.
  void halt(int n);
  // Changes both nodes' configuration; their agents restart.
  void configure(const std::function<void(Config&)>& change);
  ports::MachineRecord machine() const;

  std::string console(int n) const;
  std::string overlay(int n) const;
  GuestFiles files(int n) const;
  const Config& config(int n) const { return nodes_[n].config; }

 private:
  class Events final : public ports::EventSink<ports::HypervisorEvent> {
   public:
    void offer(ports::HypervisorEvent event) override;
    std::optional<ports::HypervisorAnswer> take(Duration timeout);
    void clear();

   private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<ports::HypervisorAnswer> answers_;
  };
  struct Node {
    Config config;
    Events events;
    std::unique_ptr<io::Loop> loop;
    std::unique_ptr<Hypervisor> hypervisor;
    std::thread thread;
  };

  void start_agent(int n);
  void stop_agent(int n);
  std::string dir_;
  std::array<Node, 2> nodes_;
};

}  // namespace godwit::qemu
