// Programs that shall run until told otherwise: started in an order, started again when they end,
// ended in an order. Crash-only programs need no more.
#pragma once

#include <functional>
#include <list>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "lib/io/child.h"
#include "lib/io/loop.h"

namespace godwit::apps {

struct Unit {
  std::string name;  // "serve"; its log is DIR/serve.log, its pid file DIR/serve.pid.
  std::vector<std::string> argv;
  std::function<io::Task<bool>()> ready;  // Asked again and again until it says yes.
};

struct Patience {
  Duration ready = std::chrono::seconds{60};
  Duration stop = std::chrono::seconds{20};  // Of SIGTERM; then SIGKILL.
  // Between an end and the next start: doubled up to the last, from the first again after a run of
  // `calm`.
  Duration first = std::chrono::milliseconds{250}, last = std::chrono::seconds{10};
  Duration calm = std::chrono::seconds{30};
};

class Supervisor {
 public:
  // `loop` outlives this, and this outlives the loop's last run. On the loop's thread.
  Supervisor(io::Loop& loop, std::string dir, std::function<void(const std::string&)> log,
             Patience patience = {});

  // Returns once it is ready; from then on it is started again whenever it ends. Unavailable: it
  // ended or took too long, with the end of its log.
  io::Task<Status> start(Unit unit);
  // Ends them for good, in this order; names that were never started are passed over.
  io::Task<void> stop(std::vector<std::string> names);

 private:
  struct Running {
    Unit unit;
    io::RunningProgram program;
    Time since;
    bool alive = false, stopping = false;
  };
  Status launch(Running& running);
  io::Task<void> keep(Running& running);
  io::Task<void> end(Running& running);
  std::string log_of(const Unit& unit) const { return dir_ + "/" + unit.name + ".log"; }

  io::Loop& loop_;
  const std::string dir_;
  const std::function<void(const std::string&)> log_;
  const Patience patience_;
  std::list<Running> running_;  // Stays where it is: tasks refer to it.
  io::Notifier changed_;
};

// Ends what a killed supervisor left: the programs of these pid files in `dir`, in this order.
io::Task<void> end_leftovers(std::string dir, std::vector<std::string> names, Duration patience);

}  // namespace godwit::apps
