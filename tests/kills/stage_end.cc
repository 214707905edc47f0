// How a case ends.
#include <algorithm>
#include <format>

#include "tests/kills/stage.h"

namespace godwit::handover {
namespace {

using json::Value;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Steady = std::chrono::steady_clock;

constexpr seconds kRestWithin{90};

std::size_t count(const std::string& text, std::size_t from, const std::string& word) {
  std::size_t found = 0;
  for (auto at = text.find(word, from); at != std::string::npos; at = text.find(word, at + 1))
    ++found;
  return found;
}

}  // namespace

std::string Stage::begin() {
  if (const std::string wrong = settle(); !wrong.empty()) return wrong;
  marks_.clear();
  for (const int who : {kPlane, 0, 1, 2}) marks_[who] = log(who).size();
  capture_->begin();
  cold_ = qemu_lost_ = false;
  last_.clear();
  return "";
}

// Whether the memory on this node is the only one of its age: the destination's once it was told to
// run, the source's until the other has loaded it, and again after it ran on.
bool Stage::is_newest(int node) const {
  if (!rig_->qemu_runs(node)) return false;
  if (node != a())
    return logged(node, "destination.spare.grant") || logged(node, "takeover.spare.take");
  return !logged(b(), "destination.incoming.loaded") || logged(node, "source.resuming.ran") ||
         logged(node, "restart.holds");
}

void Stage::kill_node(int node) {
  cold_ = cold_ || is_newest(node);
  (void)rig_->kill_node(node);
  dead_.insert(node);
  script_of(node).write("");
}

void Stage::strike(int who, Victim victim) {
  const int self = who == kPlane ? a_ : who, peer = self == 2 ? a_ : 1 - self;
  killed_at_.insert(script_of(who).held());
  last_ = script_of(who).held();
  const auto qemu = [&](int node) {
    cold_ = cold_ || is_newest(node);
    (void)rig_->kill_qemu(node);
  };
  switch (victim) {
    case Victim::kSelf:
      return crash(who);
    case Victim::kQemu:
      return qemu(self);
    case Victim::kNode:
      return kill_node(self);
    case Victim::kPeerAgent:
      return rig_->kill_agent(peer);
    case Victim::kPeerQemu:
      return qemu(peer);
    case Victim::kPeerNode:
      return kill_node(peer);
    case Victim::kControl:
      return plane_->kill();
  }
}

std::string Stage::finish(int who, Victim victim) {
  strike(who, victim);
  for (const auto& [who_is, script] : scripts_) script.write("");
  if (const std::string wrong = settle(); !wrong.empty()) return wrong;
  return judge();
}

// Everybody that died is started again; what is dead for good is certified.
void Stage::revive() {
  if (!plane_->runs()) (void)plane_->start(rig_->lab());
  for (const int node : nodes())
    if (!rig_->agent_runs(node)) start_agent(node);
  for (const int node : dead_)
    (void)plane_->ask(Value{}.set("do", "certify").set("node", rig_->name(node).value));
}

Value Stage::status() const {
  return plane_->ask(Value{}.set("do", "status")).value_or(Value{})["guests"][kGuest.value];
}

// The gateway follows the rows.
void Stage::follow() {
  const auto rows = plane_->rows();
  if (!rows || !rows->guests.contains(kGuest)) return;
  const ports::OwnerRow& row = rows->guests.at(kGuest).owner;
  if (row.reported <= routed_) return;
  for (const int node : nodes())
    if (row.holder == rig_->name(node) && rig_->route(node, row.reported)) routed_ = row.reported;
}

// One look: whether all rests. Not empty: it never will.
std::string Stage::look(bool& rests) {
  rests = false;
  follow();
  if (client_ && !cold_ && client_->tally().wrong > 0)
    return "the client: " + client_->tally().first_wrong;
  const Value guest = status();
  if (!guest["settled"].boolean()) return "";
  int holder = -1, qemus = 0;
  for (const int node : nodes()) {
    if (guest["holder"].text() == rig_->name(node).value) holder = node;
    qemus += rig_->qemu_runs(node) ? 1 : 0;
  }
  if (holder < 0 || holder > 1 || qemus != 1 || !rig_->qemu_runs(holder)) return "";
  follow();
  if (!client_ || client_->tally().wrong > 0) client_ = rig_->connect(seconds{5});
  if (!client_) return "";
  const std::uint64_t before = client_->tally().replies;
  for (int i = 0; i < 100 && client_->tally().replies < before + 10; ++i)
    std::this_thread::sleep_for(milliseconds{20});
  rests = client_->tally().replies >= before + 10;
  if (!rests && cold_) client_.reset();  // Its connection's other end is gone.
  if (rests) a_ = holder;
  return "";
}

std::string Stage::settle() {
  wish_ = {};
  const auto start = Steady::now();
  for (int i = 1; Steady::now() < start + kRestWithin; ++i) {
    revive();
    bool rests = false;
    const std::string wrong = look(rests);
    if (!wrong.empty() || rests) return wrong;
    // A copy that nobody cancelled stays whole and paused until it hears of a newer epoch: an order
    // makes one.
    if (i % 20 == 0) other_set()();
    std::this_thread::sleep_for(milliseconds{100});
  }
  return "it does not come to rest: " + status().dump();
}

// Never two epochs at once: another node's packets only after the guest has begun to run there.
std::string Stage::judge() {
  std::size_t begun = 0;
  for (const int node : {0, 1, 2}) {
    const std::size_t mark = marks_[node];
    for (const char* row :
         {"destination.taken.ran", "restart.holds.running", "source.resuming.ran"})
      begun += count(log(node), mark, row);
  }
  const auto sources = capture_->sources();
  if (capture_->packets() == 0) return "nothing was captured at the gateway";
  if (sources.size() > begun + 1) {
    std::string all;
    for (const std::string& source : sources) all += " " + source;
    return std::format("{} nodes in turn sent, it began to run {} times:{}", sources.size(), begun,
                       all);
  }
  return "";
}

}  // namespace godwit::handover
