// One guest of a GuestControl: its session while it runs here, its log files before and after.
#pragma once

#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "edges/guestlink/guest_control.h"
#include "edges/guestlink/link.h"
#include "edges/guestlink/log_store.h"

namespace godwit::guestlink {

class Guest {
 public:
  struct World {
    io::Loop& loop;
    const GuestControlConfig& config;
    const std::function<Time()>& clock;
    ports::EventSink<ports::GuestEvent>& sink;
    ports::LogSender& sender;
  };
  // What `world` refers to outlives the loop's last run, as this does.
  Guest(World world, GuestId id);
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  void submit(ports::GuestCommand command);
  // Goes on with a `follow` that a former agent left.
  void take_up();
  Status keep(const std::string& bytes);
  Result<LogStore*> log();

 private:
  io::Task<void> run_queue();
  io::Task<void> run(ports::GuestCommand command);
  void attach();
  void detach();
  void on_link(const LinkEvent& event);
  // Waits until the guest answers; then asks `link`, again while it is unreachable.
  io::Task<Status> reach(Link& link);
  io::Task<ports::GuestAnswer> set_clock(Link& link);
  io::Task<ports::GuestAnswer> start(Link& link, ports::StartContainer command);
  io::Task<ports::GuestAnswer> exec(Link& link, ports::Exec command);

  void remove_log();
  void read_log(const ports::ReadLog& wanted);
  void follow(const NodeId& to);
  io::Task<void> send_logs();
  io::Task<Status> send(NodeId to, std::string bytes);

  void offer(ports::GuestAnswer answer) { world_.sink.offer({id_, std::move(answer)}); }

  const World world_;
  const GuestId id_;
  const std::string dir_;
  std::optional<LogStore> log_;
  std::deque<ports::GuestCommand> queue_;
  bool running_ = false;
  std::unique_ptr<Link> link_;  // Attached.
  Time attached_at_{};
  std::uint64_t session_ = 0;  // Counts detachments: what belongs to an earlier one is not told.
  std::list<std::unique_ptr<Link>> retired_;
  std::optional<NodeId> follow_;
  bool sending_ = false;
  bool sent_said_ = false;
  io::Notifier changed_;
};

}  // namespace godwit::guestlink
