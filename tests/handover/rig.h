// Two or more real agents with real QEMUs in network namespaces, a gateway, a client outside, and
// in the place of the control plane this object: it gives orders and hears reports over the shipped
// transport. Needs root and the workspace. All calls from one thread, but for Client.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "edges/grpc/control.h"
#include "edges/linux/gateway.h"
#include "ports/messages.h"
#include "tests/lab/lab.h"

namespace godwit::handover {

inline constexpr std::uint16_t kWitnessPort = 7000;
inline const GuestId kGuest{"g1"};
inline constexpr std::uint16_t kControlPort = 7002;  // At lab::kControlAddress.

// One TCP connection from outside, one request in flight, every reply checked against a model: the
// witness's counter grows by one, and its disk holds what it said.
class Client {
 public:
  struct Tally {
    std::uint64_t replies = 0, wrong = 0, reconnects = 0;
    std::chrono::milliseconds gap_max{0};
    std::string first_wrong;
  };
  explicit Client(const lab::Lab& lab);
  ~Client();
  bool connected() const { return fd_ >= 0; }
  Tally tally() const;
  // Forgets the longest gap so far.
  void mark();

 private:
  void run(const std::stop_token& stop);
  bool ask(std::string& reply);

  int fd_ = -1;
  mutable std::mutex mutex_;
  Tally tally_;
  std::jthread thread_;
};

// One line to the witness from outside, over a connection of its own; its reply without the end of
// line.
Result<std::string> ask_witness(const lab::Lab& lab, const std::string& line);

struct Move {
  bool done = false;
  std::string why;
  std::chrono::microseconds downtime{0};
  std::chrono::milliseconds total{0};
  std::uint64_t bytes = 0, bytes_while_stopped = 0;
  std::int64_t stopped_us = 0, resumed_us = 0;  // As in ports::Moved.
};

class Rig final : public ports::EventSink<ports::Message> {
 public:
  // `program` is the agent's binary; `image` the witness's initramfs. With an `authority`, which
  // then issues the agents' certificates, somebody else is the control plane: this object neither
  // listens nor sends, and only what needs no message may be called.
  static Result<std::unique_ptr<Rig>> make(int nodes, const std::string& program,
                                           const std::string& image,
                                           const std::optional<tls::Identity>& authority = {});
  ~Rig() override;

  // Starts (again) the agent of a node. `environment` is "NAME=VALUE" for env(1).
  Status start_agent(int node, const std::vector<std::string>& environment = {});
  void kill_agent(int node);  // SIGKILL, and waits for its end.
  bool agent_runs(int node);
  // SIGKILL of the guest's QEMU on this node; false if there is none.
  bool kill_qemu(int node) const;
  bool qemu_runs(int node) const;
  // The node's instance is gone: agent, QEMU, network and record.
  Status kill_node(int node);

  // What start_guest() starts. Images are looked up in image_dir(), by their sha256.
  ports::MachineRecord& machine() { return machine_; }
  void set_container(ports::Container container) { container_ = std::move(container); }
  std::string image_dir() const { return folder_ + "/images"; }
  std::string log_dir(int node) const;  // Of the guest's container.
  std::string control_socket(int node) const;

  NodeId name(int node) const;
  ports::NodeNames names(const std::vector<int>& nodes) const;
  void send(int node, ports::Body body);
  // Cold start of the witness on this node, allowed on all nodes. Waits until it is reported.
  bool start_guest(int node, std::chrono::seconds limit = std::chrono::seconds{60});
  // Live move; repeats the wish until the table takes it.
  Move move(int from, int to, std::chrono::seconds limit = std::chrono::seconds{60});

  // The gateway's word where the guest is.
  Status route(int node, ports::EpochName held) const;
  // Another port of the guest, under the same number at lab::kPublicAddress. Once.
  Status publish(std::uint16_t port) const;

  // Waits until `met` holds of the newest report of each node.
  using Reports = std::map<NodeId, ports::Report>;
  bool await(const std::function<bool(const Reports&)>& met, std::chrono::seconds limit,
             std::optional<std::pair<int, ports::Body>> repeat = {});
  std::optional<ports::Body> await_body(int from,
                                        const std::function<bool(const ports::Body&)>& met,
                                        std::chrono::seconds limit,
                                        std::optional<ports::Body> repeat = {});
  std::optional<int> holder() const;

  std::unique_ptr<Client> connect(std::chrono::seconds limit = std::chrono::seconds{60}) const;
  std::string log_of(int node) const;
  const std::string& folder() const { return folder_; }
  const lab::Lab& lab() const { return *lab_; }

  void offer(ports::Message message) override;

 private:
  Rig() = default;
  Status build(int nodes, const std::string& program, const std::string& image,
               const std::optional<tls::Identity>& authority);
  Status listen(const tls::Identity& authority);
  Status make_files(int nodes, const std::string& image);
  Status write_config(int node, int nodes, const tls::Identity& authority);
  std::string node_dir(int node) const;
  std::string group_name(int node) const;
  pid_t qemu_pid(int node) const;
  void believe(const ports::Message& message);

  std::string folder_, program_;
  std::unique_ptr<lab::Lab> lab_;
  std::unique_ptr<linux_net::LinuxGateway> gateway_;
  std::map<int, pid_t> agents_;
  ports::MachineRecord machine_;
  std::optional<ports::Container> container_;

  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  Reports reports_;
  std::deque<ports::Message> messages_;
  std::unique_ptr<grpc_edge::ControlServer> control_;  // Last: it calls offer().
};

}  // namespace godwit::handover
