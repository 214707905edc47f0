// Two nodes on which a guest may be and a third, a control plane, a client outside, all real; each
// process with a script (script.h). A case brings a process to a row, kills somebody there, and
// looks what comes of it.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "tests/control/plane.h"
#include "tests/kills/capture.h"
#include "tests/kills/script.h"

namespace godwit::handover {

inline constexpr int kPlane = -1;

// Seen from the process that stands at the row. The peer is the other of the two nodes.
enum class Victim { kSelf, kQemu, kNode, kPeerAgent, kPeerQemu, kPeerNode, kControl };
const char* name(Victim victim);

class Stage {
 public:
  using Wish = std::function<void()>;

  // Where the control plane is killed when the guest is created: each stage is a case of this row.
  static constexpr const char* kBirth = "control.none.create";
  static Result<std::unique_ptr<Stage>> make();

  // At the begin of a case: the guest runs on a, and could go to b.
  int a() const { return a_; }
  int b() const { return 1 - a_; }
  // Where in the row's step the case's last hold is, see script.h.
  int moment = 0;

  void script(int who, const std::string& orders);
  bool logged(int who, const std::string& text) const;  // Since the case began.

  // Each waits until it is so, with the wish every half second; false: it was not.
  bool until(const std::function<bool()>& met, const Wish& wish = {});
  bool sees(int who, const std::string& text, const Wish& wish = {});
  // `who` stands at the row, with these orders besides.
  bool stands(int who, const std::string& row, int at, const Wish& wish = {},
              const std::string& orders = "");

  // Kills the process that stands, and starts it again with these orders. Its row has a case.
  void crash(int who, const std::string& orders = "");
  void kill_agent(int node) { rig_->kill_agent(node); }
  void start_agent(int node) { (void)rig_->start_agent(node); }
  // The node's QEMU ends, once.
  Wish lose_qemu(int node);
  void lose_copy(int node) { (void)rig_->kill_qemu(node); }  // Of a guest that runs elsewhere.
  void restart_plane();

  Wish move(int to);
  Wish allow(std::set<int> nodes);
  Wish other_set();  // An order: the set is another one at each call.
  Wish take_over();
  bool widen();  // The set is all three nodes, and who holds the guest has adopted that.

  // The guest is on `b` whole and paused, and `a` has granted; b's orders stay.
  bool grant(const std::string& orders_of_b = "keep Grant", const std::string& orders_of_a = "");

  // The case's end: everybody is up again and well; all must come to rest, with one runner, the
  // counter right, and never two nodes' packets at once. Empty: it did; else why not.
  std::string begin();
  std::string finish(int who, Victim victim);
  const std::set<std::string>& killed_at() const { return killed_at_; }
  bool node_died() const { return !dead_.empty(); }
  std::string last() const { return last_; }
  std::string why() const;

 private:
  Stage() = default;
  Status build();
  std::string settle();
  std::string look(bool& rests);
  std::string judge();
  void strike(int who, Victim victim);
  bool is_newest(int node) const;
  void kill_node(int node);
  void follow();
  void revive();
  json::Value status() const;
  std::string log(int who) const;
  const Script& script_of(int who) const { return scripts_.at(who); }
  std::vector<int> nodes() const;

  std::unique_ptr<Plane> plane_;
  std::unique_ptr<Rig> rig_;
  std::unique_ptr<Capture> capture_;
  std::unique_ptr<Client> client_;
  std::map<int, Script> scripts_;
  std::map<int, std::size_t> marks_;  // Lengths of the logs when the case began.
  std::set<int> dead_;
  std::set<std::string> killed_at_;
  std::string last_;
  ports::EpochName routed_;
  int a_ = 0;
  bool cold_ = false;  // The newest memory was killed in this case: it may have to start cold.
  bool qemu_lost_ = false;
  bool wide_ = false;  // Of the guest's set.
  std::jthread wish_;
};

}  // namespace godwit::handover
