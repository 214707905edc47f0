// The shipped control plane and the shipped agents of a few nodes, on fake QEMUs, one guest, in
// seeded weather: mail is lost, doubled and overtaken, agents and the control plane crash and come
// back from what they wrote down, streams fail late, QEMUs and nodes die.
//
// All of it is decided by one seed: the same seed, the same story. After each thing that happens
// the laws are checked (broken()): never two runners; nobody runs from an older memory than a
// living whole copy; no step but a fault removes the last copy of what ran last; and who holds the
// guest on an instance that has notice is rid of it before the instance ends.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/agent.h"
#include "base/random.h"
#include "control/control.h"
#include "ports/fake_hypervisor.h"
#include "ports/fake_network.h"

namespace godwit::sim {

// Who is killed, seen from the process that takes a row. A peer is another node with a QEMU of the
// guest.
enum class Victim { kSelf, kQemu, kNode, kPeerAgent, kPeerQemu, kPeerNode, kControl };
// Where in the step that takes the row: before its writes, between writes and commands, after them.
enum class Moment { kBefore, kWritten, kSent };
struct Hold {
  std::string row;
  Victim victim = Victim::kSelf;
  Moment moment = Moment::kBefore;
};

struct Weather {
  bool lossy = false;     // Mail is lost, doubled, overtaken.
  bool unrouted = false;  // No RouteAt arrives: it is a proof too, and would come before others.
  int crashes = 0;        // Of agents and the control plane, per 1,000 things that happen.
  int stream_faults = 0;  // Planted in QEMUs, per 1,000.
  int qemu_deaths = 0;    // Per 10,000.
  int node_deaths = 0;    // Per 10,000; at most one in a cluster's life.
  int notices = 0;        // Per 10,000; the instance ends 120 s later. One living node has none.
  int moves = 0, orders = 0, takeovers = 0;  // Wishes, per 1,000.
};

class Cluster {
 public:
  // Rules other than the shipped ones are for planted bugs.
  struct Rules {
    std::vector<migration::Row> agent = migration::agent_rows();
    std::vector<migration::ControlRow> control = migration::control_rows();
  };
  Cluster(std::uint64_t seed, int nodes) : Cluster(seed, nodes, Rules{}) {}
  Cluster(std::uint64_t seed, int nodes, Rules rules);
  ~Cluster();

  void create();                        // The guest, on node 0, allowed on all nodes.
  void happen(const Weather& weather);  // One thing.
  // Until it comes back; else it does so soon after a crash.
  void control_goes_away();
  void control_comes_back() { away_ = false; }
  // Kill there, once, when the row is next taken.
  void hold(Hold hold) { hold_ = std::move(hold); }
  // The victim, if the row was taken; nullopt: not yet, or there was no such victim.
  std::optional<std::string> killed() const { return killed_; }

  int running() const;
  // One runs, the control plane knows where, and nothing is under way.
  bool at_rest() const;
  const std::string& broken() const { return broken_; }  // Empty: all laws hold.
  // Times each row was taken.
  const std::map<std::string, int>& taken() const { return taken_; }
  std::uint32_t hops() const { return hops_; }
  // Instances that ended after a notice, and how many of them held the guest when it came.
  int ended() const { return ended_; }
  int left() const { return left_; }
  std::string describe() const;
  std::function<void(const std::string&)> trace;  // If set, gets a line per row and fault.

 private:
  struct Node;
  int nodes() const { return static_cast<int>(nodes_.size()); }
  Node& node(int n) const { return *nodes_[static_cast<std::size_t>(n)]; }
  int pick(int below) { return static_cast<int>(random_.below(static_cast<std::uint64_t>(below))); }
  std::optional<int> pick_living();
  ports::NodeNames living() const;
  ports::NodeNames some_living();

  void fault_or_wish(const Weather& weather, bool& done);
  void go_on(const Weather& weather);
  void deliver(const Weather& weather);
  void advance(bool idle);
  void drain();
  void check(bool fault);

  void start_agent(int n);
  void start_control();
  void crash_agent(int n);
  void crash_control();
  void kill_qemu(int n);
  void kill_node(int n);
  void give_notice();
  void end_instance(int n);
  void plant(int n);

  void carry_out(int n, const agent::Step& step);
  void issue(int n, const agent::Command& command);
  void carry_out(const control::Step& step);
  // True: the process that takes the row is gone, stop here.
  bool strike(Moment moment, const std::optional<std::string>& row, int n);

  const Rules rules_;
  Random random_;
  ports::FakeWire wire_;
  Time now_{std::chrono::hours{1}};
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<ports::Message> mail_;
  std::vector<std::pair<Time, NodeId>> certificates_;  // On their way.
  std::unique_ptr<control::Control> control_;
  std::deque<control::Event> control_events_;
  std::optional<Time> control_wake_;
  ports::Rows rows_;
  std::optional<Hold> hold_;
  std::optional<std::string> killed_;
  std::map<std::string, int> taken_;
  std::string broken_;
  std::uint64_t stamp_ = 0;   // Written by the guest while it runs.
  std::uint64_t newest_ = 0;  // Of living whole copies, after the last thing that happened.
  bool run_failure_ = false;  // Planted: that copy may be thrown away.
  bool node_died_ = false;
  bool wanted_ = false;
  bool away_ = false;
  int ended_ = 0, left_ = 0;
  std::uint32_t hops_ = 0;
};

}  // namespace godwit::sim
