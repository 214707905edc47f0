// The stage: a lab with two nodes, a guest behind a tap, the gateway as a process, and this program
// in the place of the control plane. All calls from one thread.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "edges/grpc/control.h"
#include "edges/linux/network.h"
#include "lib/tls/authority.h"
#include "ports/messages.h"
#include "tests/lab/lab.h"
#include "tests/network/guest.h"

namespace godwit::lab {

inline constexpr const char* kGuestAddress = "100.64.0.7";
inline constexpr std::uint16_t kGuestPort = 6379, kGatewayPort = 7003;

class GatewayRig final : public ports::EventSink<ports::Message> {
 public:
  static Result<std::unique_ptr<GatewayRig>> make();
  ~GatewayRig() override;

  const Lab& lab() const { return *lab_; }
  const Guest& guest() const { return *guest_; }

  Status start_gateway();
  void kill_gateway();    // SIGKILL.
  bool await_attached();  // That a gateway started last has attached.
  // From the control plane to the gateway.
  void tell(const std::string& guest, ports::Body body);
  void tell_fleet();
  void publish(const std::string& guest, const std::string& address, ports::Port port);

  // The guest runs on this node from now on.
  Status run_on(int node);
  // What comes to this node for the guest goes on to the other one; or into the blackhole.
  Status forward(int node);
  Status unroute(int node);
  // An agent on this node says that the guest is there, again and again.
  Status announce(int node, std::uint32_t generation, std::uint32_t hop);
  void stop_announcing(int node);

  // Waits until the gateway's route to the guest leads to this node.
  bool await_routed(int node) const;
  // Packets that the gateway's rule with this comment has counted.
  Result<std::uint64_t> counted(const std::string& comment) const;
  std::string log() const;

  void offer(ports::Message) override {}

 private:
  GatewayRig() = default;
  Status build();
  Status write_credentials(const std::string& folder, const std::string& name,
                           const std::string& id) const;
  Result<pid_t> spawn(const NetworkNamespace& where, const std::vector<std::string>& argv) const;

  std::unique_ptr<Lab> lab_;
  std::unique_ptr<Guest> guest_;
  std::vector<std::unique_ptr<linux_net::LinuxNetwork>> networks_;
  std::string folder_;
  tls::Identity authority_;
  std::optional<pid_t> gateway_;
  std::map<int, pid_t> announcers_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int attached_ = 0, expected_ = 0;                    // How often.
  std::unique_ptr<grpc_edge::ControlServer> control_;  // Ends before what it tells.
};

}  // namespace godwit::lab
