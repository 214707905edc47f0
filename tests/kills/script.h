// What a test tells a process under test to do wrongly, while it runs: a file beside its
// configuration, read again at every event. One order a line:
//
//   hold ROW MOMENT   stop at this row of a table (or "Launch", or ~TEXT of a note): 0 before the
//                     step's writes, 1 between writes and commands, 2 after them; go on when the
//                     line is gone. CONFIG.held says so meanwhile
//   lose KIND         this message or answer of the hypervisor does not come in
//   keep KIND         it comes in when the line is gone
//   copy KIND         it comes in now, and once more when the line is gone
//   mute KIND         this message does not leave
//   fail COMMAND      the hypervisor is not told; the answer is Failed
//   late KIND COMMAND in place of this answer of the hypervisor comes Failed of the command
#pragma once

#include <string>
#include <vector>

namespace godwit::handover {

class Script {
 public:
  // `config` is the path of the process's configuration.
  explicit Script(std::string config) : config_(std::move(config)) {}

  // Of the process under test.
  bool has(const std::string& order) const;                     // "lose Ack"
  std::string argument(const std::string& order_prefix) const;  // "late Completed" -> "Continue"
  // Stops while a line holds one of these at this moment.
  void hold(const std::vector<std::string>& rows, int moment) const;

  // Of the test.
  void write(const std::string& text) const;
  std::string held() const;  // The row; empty: not held.
  void forget_held() const;

 private:
  std::vector<std::string> lines() const;
  bool holds(const std::string& row, int moment) const;
  const std::string config_;
};

}  // namespace godwit::handover
