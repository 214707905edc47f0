// The nodes of the fleet and the instances under them: from the intent of a launch to the
// provider's word that the memory is gone.
//
//   kIntent --Launched--> kLaunched --JoinNode--> kJoined --> kEnding --certificate--> dead
//      |  refused: the row goes        \--- never joined ------^   (or kAbandoned: left to end)
//
// Every change outside is preceded by its row, so whatever a crash interrupts is asked for again:
// Launch with the same client token, Terminate as it is. Absence proves nothing; a node is dead by
// the provider's certificate alone. What the provider and the agents say is not kept but asked for.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control/config.h"
#include "control/step.h"

namespace godwit::control {

// What came of the provider's answers, for whoever holds guests and prices.
struct News {
  std::vector<NodeId> certified;
  // The attempt to launch this node ended; its row is gone.
  struct NotLaunched {
    NodeId node;
    ports::NodeRow row;
    ports::CloudRefusal refusal;
    std::string why;
  };
  std::vector<NotLaunched> not_launched;
  std::optional<ports::PricesRead> prices;
  std::optional<ports::TypesRead> types;
};

class Instances {
 public:
  explicit Instances(const Config& config) : config_(config) {}

  void restart(const ports::Rows& rows, Time now);
  // An instance is asked for; the node's row exists from now on. Its name is new, and of the
  // form "n-INCARNATION-NUMBER".
  void launch(const NodeId& node, ports::NodeRow wish, Time now, Step& step);
  // It shall be terminated, whatever is on it. Repeating is harmless.
  void end(const NodeId& node, const std::string& why, Time now, Step& step);
  void abandon(const NodeId& node, Step& step);
  void set_cordon(const NodeId& node, bool cordoned, bool draining, Step& step);
  // A node that somebody else runs.
  void join_static(const NodeId& node, const std::string& address, Step& step);
  // Whoever shows the token of a launched node is that node. PermissionDenied.
  Result<NodeId> join(const ports::JoinNode& wish, Step& step);
  void on_state(const NodeId& node, const ports::NodeState& state, Time now, Step& step);
  void on_seen(const NodeId& node, bool attached, Time now);
  void on_cloud(const ports::CloudEvent& event, Time now, Step& step, News& news);
  // The provider's word, by whatever way. False: it was said before.
  bool certify(const NodeId& node, const std::optional<ports::InstanceEnd>& end, Step& step);
  void on_time(Time now, Step& step);
  std::optional<Time> wake() const;

  const std::map<NodeId, ports::NodeRow>& rows() const { return rows_; }
  const std::set<NodeId>& dead() const { return dead_; }
  bool attached(const NodeId& node) const { return attached_.contains(node); }
  // What its agent last said of a notice.
  const ports::NodeState* state(const NodeId& node) const;
  const ports::FleetRow& counters() const { return counters_; }
  // The next guest's address, from 100.64.0.0/10; nullopt: all were given.
  std::optional<std::string> next_address(Step& step);

 private:
  enum class Purpose { kLaunch, kTerminate, kExamine, kList, kPrices, kTypes };
  struct Asked {
    Purpose purpose;
    NodeId node;
  };
  // Asked for again then, of one node.
  struct Watch {
    Time at;
    int failures = 0;
  };

  void ask(Purpose purpose, const NodeId& node, ports::CloudCommand what, Step& step);
  void send_launch(const NodeId& node, Step& step);
  void keep(const NodeId& node, Step& step);
  void note(const NodeId& node, std::string text, Step& step) const;
  bool under_way(Purpose purpose, const NodeId& node) const;
  void on_launched(const NodeId& node, const ports::CloudInstance& instance, Time now, Step& step);
  void on_failed(const Asked& asked, const ports::CloudFailed& failed, Time now, Step& step,
                 News& news);
  void on_listed(const ports::Listed& listed, Time now, Step& step);
  void on_examined(const NodeId& node, const ports::Examined& examined, Time now, Step& step,
                   News& news);
  void look_after(const NodeId& node, Time now, Step& step);
  void watch(const NodeId& node, Time at);
  Duration back_off(int failures) const;

  const Config& config_;
  std::map<NodeId, ports::NodeRow> rows_;
  ports::FleetRow counters_;
  std::set<NodeId> dead_;
  std::set<NodeId> attached_;
  std::map<NodeId, ports::NodeState> states_;
  std::map<NodeId, Watch> watches_;
  std::map<std::uint64_t, Asked> asked_;
  std::uint64_t next_ask_ = 1;
  std::optional<Time> list_at_, prices_at_, types_at_;
  Time prices_since_{};
  int failures_ = 0;  // In a row, of questions about the whole fleet.
};

}  // namespace godwit::control
