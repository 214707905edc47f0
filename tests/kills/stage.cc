#include "tests/kills/stage.h"

#include <algorithm>
#include <format>

namespace godwit::handover {
namespace {

using json::Value;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Steady = std::chrono::steady_clock;

constexpr int kNodes = 3;
// A loaded machine under TCG; what is waited for takes a tenth of this.
constexpr seconds kPatience{60};

}  // namespace

const char* name(Victim victim) {
  static constexpr const char* kNames[] = {"itself",      "its QEMU",    "its node", "peer's agent",
                                           "peer's QEMU", "peer's node", "control"};
  return kNames[static_cast<std::size_t>(victim)];
}

Result<std::unique_ptr<Stage>> Stage::make() {
  std::unique_ptr<Stage> stage(new Stage);
  TRY(stage->build());
  return stage;
}

Status Stage::build() {
  ASSIGN_OR_RETURN(plane_, Plane::make(HELD_SERVE));
  ASSIGN_OR_RETURN(rig_, Rig::make(kNodes, HELD_AGENT, WITNESS_IMAGE, plane_->authority()));
  scripts_.emplace(kPlane, plane_->config());
  for (const int node : nodes())
    scripts_.emplace(node, std::format("{}/{}/agent.json", rig_->folder(), node));
  ASSIGN_OR_RETURN(capture_, Capture::start(rig_->lab().gateway()));
  TRY(plane_->start(rig_->lab()));
  for (const int node : nodes()) {
    TRY(rig_->start_agent(node));
    plane_->ask_until(Value{}
                          .set("do", "join")
                          .set("node", rig_->name(node).value)
                          .set("address", lab::node_address(node)),
                      seconds{20});
  }
  // Its birth is the first case of a control plane's row.
  const Wish born = [this] {
    (void)plane_->ask(Plane::create(rig_->machine(), rig_->name(0), rig_->names({0, 1})));
  };
  if (!stands(kPlane, kBirth, 1, born)) return internal("no birth\n" + why());
  crash(kPlane);
  cold_ = true;
  const std::string wrong = settle();
  return wrong.empty() ? Status{} : internal(wrong + "\n" + why());
}

std::vector<int> Stage::nodes() const {
  std::vector<int> living;
  for (int node = 0; node < kNodes; ++node)
    if (!dead_.contains(node)) living.push_back(node);
  return living;
}

std::string Stage::log(int who) const { return who == kPlane ? plane_->log() : rig_->log_of(who); }

void Stage::script(int who, const std::string& orders) { script_of(who).write(orders); }

bool Stage::logged(int who, const std::string& text) const {
  const auto mark = marks_.find(who);
  return log(who).find(text, mark == marks_.end() ? 0 : mark->second) != std::string::npos;
}

bool Stage::until(const std::function<bool()>& met, const Wish& wish) {
  const auto end = Steady::now() + kPatience;
  for (int i = 0; Steady::now() < end; ++i) {
    if (met()) return true;
    // In a thread: a control plane that is held does not answer.
    if (wish && i % 25 == 0) wish_ = std::jthread(wish);
    if (i % 10 == 0) follow();
    std::this_thread::sleep_for(milliseconds{20});
  }
  return met();
}

bool Stage::sees(int who, const std::string& text, const Wish& wish) {
  return until([&] { return logged(who, text); }, wish);
}

bool Stage::stands(int who, const std::string& row, int at, const Wish& wish,
                   const std::string& orders) {
  if (script_of(who).held() != row) script_of(who).forget_held();
  script(who, std::format("{}\nhold {} {}", orders, row, at));
  return until([&] { return script_of(who).held() == row; }, wish);
}

void Stage::crash(int who, const std::string& orders) {
  killed_at_.insert(script_of(who).held());
  last_ = script_of(who).held();
  if (who == kPlane)
    plane_->kill();
  else
    rig_->kill_agent(who);
  script_of(who).forget_held();
  script(who, orders);
  if (who == kPlane)
    (void)plane_->start(rig_->lab());
  else
    start_agent(who);
}

Stage::Wish Stage::lose_qemu(int node) {
  return [this, node] {
    if (qemu_lost_) return;
    cold_ = cold_ || is_newest(node);
    qemu_lost_ = rig_->kill_qemu(node);
  };
}

void Stage::restart_plane() {
  plane_->kill();
  (void)plane_->start(rig_->lab());
}

Stage::Wish Stage::move(int to) {
  return [this, to] {
    (void)plane_->ask(
        Value{}.set("do", "move").set("guest", kGuest.value).set("node", rig_->name(to).value));
  };
}

Stage::Wish Stage::allow(std::set<int> to) {
  return [this, to] {
    Value::Array names;
    for (const int node : to) names.emplace_back(rig_->name(node).value);
    (void)plane_->ask(
        Value{}.set("do", "allow").set("guest", kGuest.value).set("set", std::move(names)));
  };
}

Stage::Wish Stage::other_set() {
  return [this] {
    wide_ = !wide_;
    allow(wide_ && !dead_.contains(2) ? std::set{0, 1, 2} : std::set{0, 1})();
  };
}

Stage::Wish Stage::take_over() {
  return [this] {
    Value::Array names;
    for (const int node : {0, 1})
      if (!dead_.contains(node)) names.emplace_back(rig_->name(node).value);
    (void)plane_->ask(
        Value{}.set("do", "takeover").set("guest", kGuest.value).set("set", std::move(names)));
  };
}

bool Stage::widen() {
  return until(
      [&] {
        const auto rows = plane_->rows();
        if (!rows || !rows->guests.contains(kGuest)) return false;
        const ports::OwnerRow& row = rows->guests.at(kGuest).owner;
        return row.set.contains(rig_->name(2)) && row.reported.generation == row.generation;
      },
      allow({0, 1, 2}));
}

bool Stage::grant(const std::string& orders_of_b, const std::string& orders_of_a) {
  script(b(), orders_of_b);
  if (!orders_of_a.empty()) script(a(), orders_of_a);
  return sees(a(), "source.granted.repeat", move(b()));
}

std::string Stage::why() const {
  std::string text = "--- plane\n" + plane_->log();
  for (int node = 0; node < kNodes; ++node)
    text += std::format("--- agent {}\n{}", node, rig_->log_of(node));
  return text;
}

}  // namespace godwit::handover
