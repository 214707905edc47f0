// The GuestControl port over Links and LogStores, and the place where logs of guests that were on
// other nodes arrive. All on the loop's thread, but for keep().
//
// DIR/GUEST holds one guest's log segments. A file `follow` beside them names the node that the
// guest went to: whatever is in the directory, now or later, is sent there and deleted, until the
// guest is attached here again. The files are the whole state: an agent that is killed goes on from
// them after start().
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "edges/guestlink/log_store.h"
#include "lib/io/loop.h"
#include "ports/guest_control.h"
#include "ports/log_transfer.h"

namespace godwit::guestlink {

struct GuestControlConfig {
  // The UNIX socket of a guest's control channel; need not be there yet.
  std::function<Result<std::string>(const GuestId&)> socket_of;
  std::string log_dir;
  LogLimits limits;
  Duration reach = std::chrono::seconds{30};  // How long a guest is tried before GuestFailed.
  // Between two sendings of a segment that did not arrive; doubled each time up to the latter.
  Duration retry_first = std::chrono::milliseconds{200};
  Duration retry_max = std::chrono::seconds{5};
};

class Guest;

class GuestControl final : public ports::GuestControl, public ports::LogReceiver {
 public:
  // `clock` is the node's wall clock. All outlive this, and this outlives the loop's last run.
  GuestControl(io::Loop& loop, GuestControlConfig config, std::function<Time()> clock,
               ports::EventSink<ports::GuestEvent>& sink, ports::LogSender& sender);
  ~GuestControl() override;

  // Takes up what a former agent had to send. Once.
  Status start();
  void submit(const GuestId& guest, ports::GuestCommand command) override;
  void keep(ports::LogSegment segment, ports::LogDone done) override;

  // A guest's lines on this node, oldest first, each once.
  Result<std::vector<frame::LogLine>> read_log(const GuestId& guest);

 private:
  // InvalidArgument unless the id is a plain file name.
  Result<Guest*> find(const GuestId& guest);

  io::Loop& loop_;
  const GuestControlConfig config_;
  const std::function<Time()> clock_;
  ports::EventSink<ports::GuestEvent>& sink_;
  ports::LogSender& sender_;
  std::map<GuestId, std::unique_ptr<Guest>> guests_;
};

}  // namespace godwit::guestlink
