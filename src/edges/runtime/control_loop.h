// Runs the control plane: takes events from the edges, fixes "now" for one turn, commits the step's
// writes in one transaction, then issues its commands. Everything happens on the thread that runs
// the io::Loop; offer() may be called from any thread.
//
// Crash-only: after a failed commit nothing is issued and no further event is taken; the loop stops
// and exit_code() says why. The next process finds in the store what is true.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/control.h"
#include "edges/runtime/moment.h"
#include "edges/runtime/solver.h"
#include "lib/io/loop.h"
#include "ports/api.h"
#include "ports/cloud.h"
#include "ports/event_sink.h"
#include "ports/mailer.h"
#include "ports/store.h"

namespace godwit::runtime {

// What the process returns, as in sysexits.h.
inline constexpr int kStoreFailed = 74;  // EX_IOERR: a person must look.
inline constexpr int kStoreLost = 75;    // EX_TEMPFAIL: another control plane has written.

class ControlLoop final : public ports::EventSink<ports::Message>,
                          public ports::EventSink<ports::Request>,
                          public ports::EventSink<ports::CloudEvent>,
                          public ports::EventSink<control::Event> {
 public:
  // `log` gets one line per note, refusal and failure. `clock` is the one wall clock. All
  // references outlive this.
  ControlLoop(io::Loop& loop, control::Control& control, ports::Store& store,
              std::function<Time()> clock, std::function<void(const std::string&)> log);

  // Before start(); the mailer and the cloud need this object as their sink. None: nobody can ask,
  // nothing can be rented, nobody watches.
  void connect(ports::Mailer& mailer, ports::Answerer* answerer = nullptr,
               ports::Cloud* cloud = nullptr, ports::Publisher* publisher = nullptr) {
    mailer_ = &mailer;
    answerer_ = answerer;
    cloud_ = cloud;
    publisher_ = publisher;
  }
  // Before start(). For tests that kill the control plane inside a step: called at each moment of
  // each.
  using Gate = std::function<void(const control::Step&, Moment)>;
  void set_gate(Gate gate) { gate_ = std::move(gate); }
  // Loads the rows and takes up what was under way. Call once; events before it wait in the loop.
  Status start();

  void offer(ports::Message message) override;
  void offer(ports::Request request) override;
  void offer(ports::CloudEvent event) override;
  void offer(control::Event event) override;

  // A turn now, on the loop's thread, for whoever waits for the answer: why the wish was refused.
  // Empty: it is under way and its rows are committed. Unavailable: the loop has ended.
  Result<std::vector<control::Refused>> ask(const control::Event& event);

  int exit_code() const { return exit_code_; }
  std::uint64_t version() const { return version_; }  // Of the store.

 private:
  std::vector<control::Refused> carry_out(const control::Step& step);
  Status commit(const control::Step& step);
  void wake_at(std::optional<Time> when);

  io::Loop& loop_;
  control::Control& control_;
  ports::Store& store_;
  const std::function<Time()> clock_;
  const std::function<void(const std::string&)> log_;
  ports::Mailer* mailer_ = nullptr;
  ports::Answerer* answerer_ = nullptr;
  ports::Cloud* cloud_ = nullptr;
  ports::Publisher* publisher_ = nullptr;
  Gate gate_;
  std::uint64_t version_ = 0;
  std::optional<Time> wake_;
  int exit_code_ = 0;
  Solver solver_;  // The last: its thread offers events until it is gone.
};

}  // namespace godwit::runtime
