#include "sim/cluster.h"

#include <algorithm>
#include <format>
#include <utility>

#include "base/check.h"

namespace godwit::sim {
namespace {

const GuestId kGuest{"g1"};
constexpr Duration kCertifiedAfter = std::chrono::seconds{20};
constexpr Duration kNotice = std::chrono::seconds{120};
constexpr Duration kLateMax = std::chrono::seconds{5};
constexpr Duration kDownStep = std::chrono::seconds{1};  // Ten of them, on average.

ports::NoticeTold notice_of(std::optional<Time> at) {
  if (!at) return {std::optional<ports::InterruptionNotice>{}};
  return {ports::InterruptionNotice{.at = *at}};
}

NodeId name_of(int n) { return {std::format("i-{}/boot", n)}; }
std::string address_of(int n) { return std::format("10.0.{}.10", n + 1); }

}  // namespace

struct Cluster::Node final : ports::EventSink<ports::HypervisorEvent> {
  explicit Node(ports::FakeWire& wire) : hypervisor(wire, *this) {}
  void offer(ports::HypervisorEvent event) override {
    if (agent) events.push_back(std::move(event));
  }

  // Its QEMU was told to end: its copy does not count.
  bool is_discarding() const {
    if (!agent) return false;
    const auto guest = agent->guests().find(kGuest);
    if (guest == agent->guests().end()) return false;
    const migration::Place place = guest->second.state().place;
    return place == migration::Place::kDiscarding || place == migration::Place::kUnaccepting;
  }

  std::map<GuestId, ports::GuestRecord> record;
  ports::Fleet fleet;  // On its disk.
  std::deque<agent::Event> events;
  std::unique_ptr<agent::Agent> agent;  // None: it has crashed.
  std::optional<Time> wake;
  std::optional<Time> ends;  // Its instance has notice.
  bool held = false;         // The guest, when the notice came.
  bool dead = false;
  ports::FakeNetwork network;
  ports::FakeHypervisor hypervisor;  // Last: it offers events.
};

Cluster::Cluster(std::uint64_t seed, int nodes, Rules rules)
    : rules_(std::move(rules)), random_(seed) {
  for (int n = 0; n < nodes; ++n) nodes_.push_back(std::make_unique<Node>(wire_));
  for (int n = 0; n < nodes; ++n) {
    rows_.nodes[name_of(n)] = {.address = address_of(n)};
    for (int other = 0; other < nodes; ++other)
      node(n).fleet.nodes[name_of(other)] = {address_of(other), 7001};
  }
  start_control();
  for (int n = 0; n < nodes; ++n) start_agent(n);
}

Cluster::~Cluster() = default;

void Cluster::create() {
  wanted_ = true;
  const ports::MachineRecord machine{.mac = "02:00:64:40:00:07", .address = "100.64.0.7"};
  control_events_.push_back(
      control::CreateGuest{kGuest, name_of(0), living(), machine, std::nullopt});
  drain();
}

void Cluster::happen(const Weather& weather) {
  bool done = false;
  fault_or_wish(weather, done);
  const bool fault = done;
  if (!done) go_on(weather);
  const auto killed = killed_;
  drain();
  check(fault || killed_ != killed);
}

// Time passes when nothing else is left to happen, and in a storm also before that.
void Cluster::go_on(const Weather& weather) {
  std::vector<int> busy;
  for (int n = 0; n < nodes(); ++n)
    if (!node(n).dead && node(n).hypervisor.pending(kGuest)) busy.push_back(n);
  const bool idle = mail_.empty() && busy.empty();
  if (idle || pick(100) < (weather.lossy ? 4 : 1)) return advance(idle);
  const bool post = busy.empty() || (!mail_.empty() && pick(2) == 0);
  if (post) return deliver(weather);
  Node& at = node(busy[random_.below(busy.size())]);
  at.hypervisor.deliver(kGuest);
  // A guest that runs has changed its memory before anybody hears of it.
  if (at.hypervisor.runs(kGuest)) at.hypervisor.set_memory(kGuest, ++stamp_);
}

// Bad things, and what people want.
void Cluster::fault_or_wish(const Weather& weather, bool& done) {
  const auto comes = [&](int per, int of) { return per > 0 && pick(of) < per; };
  done = true;
  const auto n = pick_living();
  if (!n) {
    done = false;
    return;
  }
  if (comes(weather.crashes, 1000)) return pick(4) == 0 ? crash_control() : crash_agent(*n);
  if (comes(weather.stream_faults, 1000)) return plant(*n);
  if (comes(weather.qemu_deaths, 10'000)) {
    if (pick(4) == 0) crash_agent(*n);  // It finds out when it comes back.
    return kill_qemu(*n);
  }
  if (!node_died_ && comes(weather.node_deaths, 10'000)) return kill_node(*n);
  if (comes(weather.notices, 10'000)) return give_notice();
  done = false;
  if (control_ && comes(weather.moves, 1000))
    control_events_.push_back(control::MoveGuest{kGuest, name_of(*n)});
  if (control_ && comes(weather.orders, 1000))
    control_events_.push_back(control::AllowNodes{kGuest, some_living()});
  if (control_ && comes(weather.takeovers, 1000))
    control_events_.push_back(control::TakeOver{kGuest, living()});
}

void Cluster::deliver(const Weather& weather) {
  const std::size_t i = weather.lossy ? random_.below(mail_.size()) : 0;
  const ports::Message message = mail_[i];
  const bool again = weather.lossy && pick(20) == 0;
  if (!again) mail_.erase(mail_.begin() + static_cast<std::ptrdiff_t>(i));
  if (weather.lossy && pick(20) == 0) return;
  if (weather.unrouted && std::holds_alternative<ports::RouteAt>(message.body)) return;
  if (message.to == ports::kControl) {
    if (control_) control_events_.push_back(message);
    return;
  }
  for (int n = 0; n < nodes(); ++n)
    if (message.to == name_of(n) && node(n).agent) node(n).events.push_back(message);
}

// The next moment at which somebody wants to be woken, a crashed process comes back, or a
// certificate arrives. With an end in sight, neither what is on its way nor the restart of a
// crashed process takes minutes.
void Cluster::advance(bool idle) {
  if (!control_ && !away_ && pick(10) == 0) return start_control();
  for (int n = 0; n < nodes(); ++n)
    if (!node(n).dead && !node(n).agent && pick(10) == 0) return start_agent(n);
  std::optional<Time> next = control_ ? control_wake_ : std::nullopt;
  const auto earlier = [&](Time at) { next = next ? std::min(*next, at) : at; };
  for (const auto& at : nodes_)
    if (at->agent && at->wake) earlier(*at->wake);
  for (const auto& [at, name] : certificates_)
    if (control_) earlier(at);
  for (const auto& at : nodes_)
    if (!at->dead && at->ends) earlier(*at->ends);
  if (!next) return;
  const bool ends = std::ranges::any_of(nodes_, [](const auto& n) { return !n->dead && n->ends; });
  const bool down =
      std::ranges::any_of(nodes_, [](const auto& n) { return !n->dead && !n->agent; });
  if (ends && !idle) next = std::min(*next, now_ + kLateMax);
  if (ends && down) next = std::min(*next, now_ + kDownStep);
  now_ = std::max(now_, *next);
  wire_.now = now_;
  for (int n = 0; n < nodes(); ++n)
    if (!node(n).dead && node(n).ends && *node(n).ends <= now_) end_instance(n);
  for (const auto& at : nodes_)
    if (at->agent && at->wake && *at->wake <= now_) at->events.push_back(agent::Woken{});
  if (!control_) return;
  if (control_wake_ && *control_wake_ <= now_) control_events_.push_back(control::Woken{});
  for (auto it = certificates_.begin(); it != certificates_.end();) {
    if (it->first > now_) {
      ++it;
      continue;
    }
    control_events_.push_back(control::Certified{it->second});
    it = certificates_.erase(it);
  }
}

void Cluster::drain() {
  for (bool more = true; more;) {
    more = false;
    for (int n = 0; n < nodes(); ++n) {
      while (node(n).agent && !node(n).events.empty()) {
        const agent::Event event = node(n).events.front();
        node(n).events.pop_front();
        more = true;
        carry_out(n, node(n).agent->on(event, now_));
      }
    }
    while (control_ && !control_events_.empty()) {
      const control::Event event = control_events_.front();
      control_events_.pop_front();
      more = true;
      carry_out(control_->on(event, now_));
    }
  }
}

void Cluster::check(bool fault) {
  const auto fail = [&](std::string what) {
    if (broken_.empty()) broken_ = std::move(what);
  };
  std::uint64_t newest = 0;
  int runner = -1;
  for (int n = 0; n < nodes(); ++n) {
    const Node& at = node(n);
    if (at.dead) continue;
    if (at.agent && at.agent->contradicted())
      fail(std::format("{}: record and QEMU contradict each other", n));
    if (at.hypervisor.holds_copy(kGuest) && !at.is_discarding())
      newest = std::max(newest, at.hypervisor.memory(kGuest));
    if (at.hypervisor.runs(kGuest)) runner = runner < 0 ? n : 99;
    for (const auto& [guest, record] : at.record) hops_ = std::max(hops_, record.held.hop);
  }
  if (runner == 99) fail("two run the guest");
  // What ran last; when that is lost, an older copy may go as the protocol says.
  const bool last = newest_ == stamp_;
  if (!fault && !run_failure_ && last && newest < newest_)
    fail(std::format("memory {} is gone, the newest is {}", newest_, newest));
  if (runner >= 0 && runner != 99) {
    if (node(runner).hypervisor.memory(kGuest) < newest)
      fail(std::format("{} runs memory {}, there is {}", runner,
                       node(runner).hypervisor.memory(kGuest), newest));
    newest = ++stamp_;
    node(runner).hypervisor.set_memory(kGuest, stamp_);
  }
  newest_ = newest;
}

int Cluster::running() const {
  int count = 0;
  for (const auto& at : nodes_) count += !at->dead && at->hypervisor.runs(kGuest) ? 1 : 0;
  return count;
}

bool Cluster::at_rest() const {
  if (!control_ || running() != 1 || !certificates_.empty()) return false;
  const auto owner = control_->guests().find(kGuest);
  if (owner == control_->guests().end() || !owner->second.settled()) return false;
  for (int n = 0; n < nodes(); ++n) {
    const Node& at = node(n);
    if (at.dead) continue;
    if (!at.agent) return false;
    const auto guest = at.agent->guests().find(kGuest);
    if (guest == at.agent->guests().end()) continue;
    using migration::Place;
    const Place place = guest->second.state().place;
    if (place != Place::kStill && place != Place::kIdle && place != Place::kSpare) return false;
    if (place == Place::kStill && owner->second.holder() != name_of(n)) return false;
  }
  return true;
}

std::optional<int> Cluster::pick_living() {
  const int first = pick(nodes());
  for (int i = 0; i < nodes(); ++i)
    if (const int n = (first + i) % nodes(); !node(n).dead) return n;
  return std::nullopt;
}

ports::NodeNames Cluster::some_living() {
  ports::NodeNames some;
  for (const NodeId& name : living())
    if (pick(2) == 0) some.insert(name);
  return some.empty() ? living() : some;
}

ports::NodeNames Cluster::living() const {
  ports::NodeNames names;
  for (int n = 0; n < nodes(); ++n)
    if (!node(n).dead) names.insert(name_of(n));
  return names;
}

void Cluster::start_agent(int n) {
  Node& at = node(n);
  agent::Config config{.self = name_of(n), .address = address_of(n), .rows = rules_.agent};
  at.events.clear();
  at.hypervisor.forget();
  at.agent = std::make_unique<agent::Agent>(config, [] { return std::string(64, 'a'); });
  carry_out(n, at.agent->restart(at.record, at.fleet, now_));
  if (at.ends) at.events.push_back(notice_of(at.ends));
  if (control_) control_events_.push_back(control::AgentSeen{name_of(n), true});
}

void Cluster::start_control() {
  control_events_.clear();
  control_ = std::make_unique<control::Control>(rules_.control);
  carry_out(control_->restart(rows_, now_));
  for (int n = 0; n < nodes(); ++n)
    if (!node(n).dead && node(n).agent)
      control_events_.push_back(control::AgentSeen{name_of(n), true});
  // Who asked for a guest and got no answer asks again.
  if (wanted_ && rows_.guests.empty()) create();
  // What the provider certifies is asked for again.
  for (int n = 0; n < nodes(); ++n)
    if (node(n).dead) certificates_.emplace_back(now_ + kCertifiedAfter, name_of(n));
}

void Cluster::crash_agent(int n) {
  if (trace) trace(std::format("{}: its agent dies", n));
  node(n).agent.reset();
  node(n).hypervisor.forget();
  node(n).events.clear();
  node(n).wake.reset();
}

void Cluster::crash_control() {
  control_.reset();
  control_events_.clear();
}

void Cluster::kill_qemu(int n) {
  if (trace) trace(std::format("{}: its QEMU dies", n));
  node(n).hypervisor.kill(kGuest);
}

void Cluster::kill_node(int n) {
  kill_qemu(n);
  crash_agent(n);
  node(n).record.clear();
  node(n).dead = true;
  node_died_ = true;
  certificates_.emplace_back(now_ + kCertifiedAfter, name_of(n));
}

void Cluster::control_goes_away() {
  away_ = true;
  crash_control();
}

void Cluster::give_notice() {
  std::vector<int> safe;
  for (int n = 0; n < nodes(); ++n)
    if (!node(n).dead && !node(n).ends) safe.push_back(n);
  if (safe.size() < 2) return;
  const int n = safe[random_.below(safe.size())];
  Node& at = node(n);
  at.ends = now_ + kNotice;
  at.held = at.hypervisor.runs(kGuest);
  if (trace) trace(std::format("{}: its instance has notice", n));
  if (at.agent) at.events.push_back(notice_of(at.ends));
}

// A record that says idle has heard that the guest ran elsewhere.
void Cluster::end_instance(int n) {
  const auto record = node(n).record.find(kGuest);
  const bool holds =
      record != node(n).record.end() && record->second.role != ports::RoleName::kIdle;
  if (holds && broken_.empty())
    broken_ = std::format("{}: the instance ends, and the guest has not left", n);
  ++ended_;
  if (node(n).held) ++left_;
  if (trace) trace(std::format("{}: its instance ends", n));
  kill_node(n);
}

void Cluster::plant(int n) {
  using F = ports::FakeFault;
  static constexpr F kFaults[] = {F::kMirrorError, F::kLateFailure, F::kNoEnd, F::kResumeTooLate,
                                  F::kRunFails,    F::kStartFails,  F::kStuck, F::kResumeFails};
  const F fault = kFaults[random_.below(std::size(kFaults))];
  run_failure_ = run_failure_ || fault == F::kRunFails;
  node(n).hypervisor.plant(kGuest, fault);
}

bool Cluster::strike(Moment moment, const std::optional<std::string>& row, int n) {
  if (!row || !hold_ || hold_->row != *row || hold_->moment != moment || killed_) return false;
  const Victim victim = hold_->victim;
  int peer = -1;
  for (int other = 0; other < nodes(); ++other)
    if (other != n && !node(other).dead && node(other).hypervisor.has_qemu(kGuest)) peer = other;
  const bool of_peer =
      victim == Victim::kPeerAgent || victim == Victim::kPeerQemu || victim == Victim::kPeerNode;
  const bool of_node = victim == Victim::kQemu || victim == Victim::kNode;
  if (of_peer && peer < 0) return false;
  if (of_node && n < 0) return false;
  killed_ = std::format("{} at {}", static_cast<int>(victim), of_peer ? peer : n);
  switch (victim) {
    case Victim::kSelf:
      n < 0 ? crash_control() : crash_agent(n);
      return true;
    case Victim::kQemu:
      kill_qemu(n);
      return false;
    case Victim::kNode:
      kill_node(n);
      return true;
    case Victim::kPeerAgent:
      crash_agent(peer);
      return false;
    case Victim::kPeerQemu:
      kill_qemu(peer);
      return false;
    case Victim::kPeerNode:
      kill_node(peer);
      return false;
    case Victim::kControl:
      crash_control();
      return n < 0;
  }
  return false;
}

void Cluster::carry_out(int n, const agent::Step& step) {
  std::optional<std::string> row;
  for (const agent::Command& command : step.commands) {
    const auto* note = std::get_if<agent::Note>(&command);
    if (note && trace)
      trace(std::format("{} {}: {}", now_.time_since_epoch().count() / 1000, n, note->text));
    if (!note || !note->text.contains('.')) continue;
    ++taken_[note->text];
    if (!row || (hold_ && hold_->row == note->text)) row = note->text;
  }
  if (strike(Moment::kBefore, row, n)) return;
  Node& at = node(n);
  for (const agent::Write& w : step.writes) {
    if (w.record) at.record[w.guest] = *w.record;
    if (!w.record) at.record.erase(w.guest);
  }
  if (strike(Moment::kWritten, row, n)) return;
  for (const agent::Command& command : step.commands) issue(n, command);
  at.wake = step.wake;
  strike(Moment::kSent, row, n);
}

void Cluster::issue(int n, const agent::Command& command) {
  Node& at = node(n);
  if (const auto* mail = std::get_if<agent::Mail>(&command)) {
    mail_.push_back(mail->message);
  } else if (const auto* drive = std::get_if<agent::Drive>(&command)) {
    at.hypervisor.submit(drive->guest, drive->command);
  } else if (const auto* tap = std::get_if<agent::MakeTap>(&command)) {
    const auto made = at.network.make_tap(tap->guest, tap->address, tap->mac);
    if (made) at.events.push_back(agent::TapMade{tap->guest, *made});
  } else if (const auto* known = std::get_if<agent::SetFleet>(&command)) {
    at.fleet = known->fleet;
  }
}

void Cluster::carry_out(const control::Step& step) {
  std::optional<std::string> row;
  for (const control::Command& command : step.commands) {
    const auto* note = std::get_if<control::Note>(&command);
    if (!note) continue;
    if (trace) trace("control: " + note->text);
    ++taken_[note->text];
    if (!row || (hold_ && hold_->row == note->text)) row = note->text;
  }
  if (strike(Moment::kBefore, row, -1)) return;
  for (const ports::RowWrite& write : step.writes) {
    ++rows_.version;
    if (const auto* guest = std::get_if<ports::GuestWrite>(&write)) {
      if (guest->row) rows_.guests[guest->guest] = *guest->row;
    } else if (const auto* at = std::get_if<ports::NodeWrite>(&write)) {
      if (at->row) rows_.nodes[at->node] = *at->row;
    }
  }
  if (strike(Moment::kWritten, row, -1)) return;
  for (const control::Command& command : step.commands) {
    if (const auto* mail = std::get_if<control::Mail>(&command)) mail_.push_back(mail->message);
    // Whoever placed it finds it other nodes.
    const auto* refused = std::get_if<control::Refused>(&command);
    if (refused && refused->why == control::kNowhereToGo)
      control_events_.push_back(control::TakeOver{kGuest, living()});
  }
  control_wake_ = step.wake;
  strike(Moment::kSent, row, -1);
}

std::string Cluster::describe() const {
  std::string text = broken_.empty() ? "" : broken_ + "\n";
  if (killed_) text += std::format("killed {}\n", *killed_);
  for (int n = 0; n < nodes(); ++n) {
    const Node& at = node(n);
    text += std::format("{}: {}{}", n, at.dead ? "dead " : "", at.agent ? "" : "no agent ");
    if (at.dead) {
      text += "\n";
      continue;
    }
    if (const auto r = at.record.find(kGuest); r != at.record.end())
      text +=
          std::format("role {} epoch {}.{} held {}.{} sealed {} ", static_cast<int>(r->second.role),
                      r->second.epoch.generation, r->second.epoch.hop, r->second.held.generation,
                      r->second.held.hop, r->second.sealed);
    if (at.agent)
      if (const auto g = at.agent->guests().find(kGuest); g != at.agent->guests().end())
        text += migration::name(g->second.state().place);
    text += std::format(" {}{} memory {}\n", at.hypervisor.runs(kGuest) ? "RUNS " : "",
                        at.hypervisor.has_qemu(kGuest) ? "qemu" : "no qemu",
                        at.hypervisor.memory(kGuest));
  }
  if (const auto row = rows_.guests.find(kGuest); row != rows_.guests.end()) {
    const ports::OwnerRow& o = row->second.owner;
    text += std::format("row: generation {} kind {} set of {} reach of {} reported {}.{} at {}\n",
                        o.generation, static_cast<int>(o.kind), o.set.size(), o.reach.size(),
                        o.reported.generation, o.reported.hop, o.holder.value);
  }
  return text + std::format("control {}, mail {}\n", control_ ? "up" : "down", mail_.size());
}

}  // namespace godwit::sim
