// One guest on this node: its QEMU, its queue of commands, and the task that does them in order.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "edges/qemu/command_line.h"
#include "edges/qemu/config.h"
#include "edges/qemu/confine.h"
#include "edges/qemu/hypervisor.h"
#include "edges/qemu/images.h"
#include "edges/qemu/qmp.h"
#include "lib/io/child.h"
#include "lib/io/loop.h"
#include "ports/event_sink.h"
#include "ports/hypervisor.h"

namespace godwit::qemu {

using Answer = Result<ports::HypervisorAnswer>;

// What QEMU says of itself.
struct QemuState {
  std::string run;        // query-status: "running", "inmigrate", "postmigrate" ...
  std::string migration;  // query-migrate: "active", "completed" ...; empty: none yet.
  std::string error;      // Of a failed migration.
  std::uint64_t ram_bytes = 0;
  std::uint64_t rounds = 0;                        // How often dirty pages were collected.
  std::optional<std::uint64_t> expected_pause_ms;  // To send what was dirty at the last of them.
};

// A mirror's job: "ready", "concluded" ...; empty: there is none.
struct MirrorState {
  std::string status, error;
  std::uint64_t bytes = 0;
};

class Guest {
 public:
  // What all guests of a node share; all of it outlives them.
  struct Node {
    io::Loop& loop;
    const Config& config;
    bool kvm;
    Ports& ports;
    Images& images;
    ports::EventSink<ports::HypervisorEvent>& sink;
  };

  Guest(Node node, GuestId id, GuestFiles files);
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  // On the loop.
  void accept(ports::HypervisorCommand command);

 private:
  // guest.cc: the queue and the program.
  io::Task<void> work();
  io::Task<Answer> perform(const ports::HypervisorCommand& command);
  void answer(ports::HypervisorAnswer answer);
  // Finds the QEMU an earlier agent started, and a monitor to it. NotFound: there is none.
  io::Task<Status> attach();
  io::Task<Status> connect(Duration timeout);
  io::Task<Status> start(const ports::MachineRecord& machine, const std::string& tap,
                         std::optional<StreamName> stream);
  io::Task<Status> make_overlay(const ports::MachineRecord& machine,
                                const std::optional<StreamName>& stream);
  io::Task<void> watch(io::RunningProgram program);
  io::Task<Status> kill();
  // Waits for news of QEMU, at most so long. Aborted when Resume or Discard ended this command,
  // Unavailable when QEMU has ended.
  io::Task<Status> news(Duration at_most);
  io::Task<Result<json::Value>> qmp(std::string command, json::Value arguments = {},
                                    Duration timeout = std::chrono::seconds{10});

  // guest_state.cc: what is QEMU doing?
  io::Task<Result<QemuState>> query(Duration timeout = std::chrono::seconds{10});
  io::Task<Result<MirrorState>> mirror();
  io::Task<Answer> inspect();

  // guest_run.cc: begin, run and end.
  io::Task<Answer> boot(ports::Boot boot);
  io::Task<Answer> run();
  io::Task<Answer> discard(ports::Discard discard);

  // guest_receive.cc: the destination.
  io::Task<Answer> receive(ports::Receive receive);
  io::Task<Result<ports::Listening>> listen();
  io::Task<Answer> finish();

  // guest_send.cc: the source.
  io::Task<Answer> send(ports::Send send);
  io::Task<Status> start_mirror(const ports::Send& send);
  io::Task<Status> await_mirror();
  io::Task<Status> start_stream(const ports::Send& send);
  io::Task<Answer> await_stop();
  io::Task<Answer> close_mirror();
  io::Task<Answer> go_on();
  io::Task<Answer> resume();
  // Ends the connections of stream and mirror, when QEMU's main loop hangs in one of them. Works
  // over a connection made before it hung: an agent that comes later has to wait for TCP.
  io::Task<Status> yank();
  io::Task<Status> clear_attempt();
  io::Task<Status> set_up_stream();

  const Node node_;
  const GuestId id_;
  const GuestFiles files_;
  QmpClient qmp_;
  QmpClient oob_;  // For yank().
  io::Notifier changed_;

  std::deque<ports::HypervisorCommand> queue_;
  bool working_ = false;
  bool abortable_ = false;  // The command under way is one that Resume and Discard abort.
  bool aborted_ = false;

  std::optional<io::RunningProgram> program_;
  std::unique_ptr<cgroup::Group> group_;  // While there is a program.
  bool end_expected_ = false;             // Being started or killed: its end is no Gone.
  std::string how_ended_;

  std::optional<Time> stopped_at_, resumed_at_;  // From events, since we are connected.
  std::uint64_t ram_at_stop_ = 0;
};

// The file that `key_dir` of the credentials points to; for its owner alone.
Status write_key(const GuestFiles& files, const std::string& key);

void remove_sockets(const GuestFiles& files);

// A stream is neither ended nor not yet begun.
bool is_under_way(const std::string& migration);

// args("device", "mir0", "force", true): an object. Not by an initializer list: gcc 14 destroys the
// arrays behind those twice, or fails itself, when they stand in a co_await expression.
template <class... Rest>
json::Value args(const char* key, json::Value value, Rest... rest) {
  json::Value object{json::Value::Object{}};
  if constexpr (sizeof...(rest) > 0) object = args(std::move(rest)...);
  object.set(key, std::move(value));
  return object;
}

}  // namespace godwit::qemu
