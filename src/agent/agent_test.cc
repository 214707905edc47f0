// Three shipped agents on fake QEMUs in a seeded storm: mail is lost, doubled and reordered, agents
// crash and restart from their records, streams fail late. At no moment do two QEMUs run the guest,
// and when the storm is over exactly one does; its clock is right, its container was started once,
// and every line it ever printed is on its node, once.
#include "agent/agent.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <vector>

#include "base/random.h"
#include "ports/fake_guest_control.h"
#include "ports/fake_hypervisor.h"
#include "ports/fake_network.h"

namespace godwit::agent {
namespace {

const GuestId kGuest{"g1"};
constexpr int kNodes = 3;

NodeId node_name(int n) { return {std::format("n{}", n)}; }

struct Node final : ports::EventSink<ports::HypervisorEvent>, ports::EventSink<ports::GuestEvent> {
  Node(const NodeId& self, ports::FakeWire& wire, ports::FakeInsides& insides)
      : hypervisor(wire, *this), guests(self, insides, *this) {}
  void offer(ports::HypervisorEvent event) override { events.push_back(std::move(event)); }
  void offer(ports::GuestEvent event) override { events.push_back(std::move(event)); }

  ports::FakeHypervisor hypervisor;
  ports::FakeGuestControl guests;
  ports::FakeNetwork network;
  std::map<GuestId, ports::GuestRecord> record;
  std::deque<Event> events;
  std::unique_ptr<Agent> agent;
  std::optional<Time> wake;
};

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {
    for (int n = 0; n < kNodes; ++n) {
      nodes_.push_back(std::make_unique<Node>(node_name(n), wire_, insides_));
      start_agent(n);
    }
  }

  void send(int to, ports::Body body) {
    mail_.push_back({kGuest, ports::kControl, node_name(to), std::move(body)});
  }

  // One thing happens. While it storms, also bad things.
  void step(bool storm) {
    happen(storm);
    const int now = runner();
    // A guest's clock stands still while it does.
    if (now >= 0 && now != runner_) inside().behind += std::chrono::seconds{1};
    runner_ = now;
    if (now >= 0 && storm && random_.below(10) == 0) inside().printed += 3;
  }

  void happen(bool storm) {
    // A hand-over takes some 60 of these: bad things are rare enough that many come to their end.
    const std::uint64_t dice = random_.below(1000);
    if (storm && dice < 2) return start_agent(pick());
    if (storm && dice < 3) return plant(pick());
    if (storm && dice < 40) return send(pick(), ports::Move{node_name(pick())});
    if (dice < 500 && !mail_.empty()) return deliver_mail(storm);
    if (dice < 900) {
      Node& node = *nodes_[pick_index()];
      if (random_.below(4) == 0) node.guests.deliver(kGuest);
      if (node.hypervisor.pending(kGuest)) node.hypervisor.deliver(kGuest);
      return;
    }
    advance();
  }

  void drain() {
    for (int n = 0; n < kNodes; ++n) {
      Node& node = *nodes_[static_cast<std::size_t>(n)];
      while (!node.events.empty()) {
        const Event event = node.events.front();
        node.events.pop_front();
        carry_out(n, node.agent->on(event, now_));
      }
    }
  }

  int running() const {
    int count = 0;
    for (const auto& node : nodes_) count += node->hypervisor.runs(kGuest) ? 1 : 0;
    return count;
  }
  int attached() const {
    return static_cast<int>(
        std::ranges::count_if(nodes_, [](const auto& n) { return n->guests.attached(kGuest); }));
  }
  // All is as it should be in the end; else what is not.
  std::string unsettled() {
    if (running() != 1) return std::format("{} run", running());
    const Node& node = *nodes_[static_cast<std::size_t>(runner())];
    if (!node.guests.attached(kGuest)) return "not attached";
    if (inside().behind != Duration{}) return "its clock is behind";
    if (inside().state.runs != 1) return std::format("started {} times", inside().state.runs);
    const auto log = node.guests.log(kGuest);
    if (log.size() != inside().printed || (!log.empty() && *log.rbegin() != inside().printed))
      return std::format("{} lines of {}", log.size(), inside().printed);
    for (const auto& other : nodes_)
      if (other.get() != &node && !other->guests.log(kGuest).empty()) return "lines left behind";
    return "";
  }
  std::uint64_t printed() { return inside().printed; }
  // Hand-overs so far: each adds one hop to the epoch.
  std::uint32_t hops() const {
    std::uint32_t hops = 0;
    for (const auto& node : nodes_)
      for (const auto& [guest, record] : node->record) hops = std::max(hops, record.held.hop);
    return hops;
  }
  bool contradicted() const {
    return std::ranges::any_of(nodes_, [](const auto& n) { return n->agent->contradicted(); });
  }

 private:
  int pick() { return static_cast<int>(random_.below(kNodes)); }
  std::size_t pick_index() { return static_cast<std::size_t>(random_.below(kNodes)); }

  int runner() const {
    for (int n = 0; n < kNodes; ++n)
      if (nodes_[static_cast<std::size_t>(n)]->hypervisor.runs(kGuest)) return n;
    return -1;
  }
  ports::FakeInsides::Inside& inside() { return insides_.guests[kGuest]; }

  // Also a crash: what the old one knew is gone, record and QEMU stay.
  void start_agent(int n) {
    Node& node = *nodes_[static_cast<std::size_t>(n)];
    const Config config{.self = node_name(n), .address = std::format("10.0.{}.10", n + 1)};
    ports::Fleet fleet;
    for (int other = 0; other < kNodes; ++other)
      fleet.nodes[node_name(other)] = {std::format("10.0.{}.10", other + 1), 7001};
    node.events.clear();
    node.hypervisor.forget();
    node.guests.forget();
    node.agent = std::make_unique<Agent>(config, [] { return std::string(64, 'a'); });
    carry_out(n, node.agent->restart(node.record, fleet, now_));
  }

  void plant(int n) {
    using F = ports::FakeFault;
    static constexpr F kFaults[] = {F::kMirrorError, F::kLateFailure, F::kNoEnd, F::kResumeTooLate,
                                    F::kRunFails,    F::kStartFails,  F::kStuck};
    nodes_[static_cast<std::size_t>(n)]->hypervisor.plant(
        kGuest, kFaults[random_.below(std::size(kFaults))]);
  }

  void deliver_mail(bool storm) {
    const std::size_t i = random_.below(mail_.size());
    const ports::Message message = mail_[i];
    const bool again = storm && random_.below(20) == 0;
    if (!again) mail_.erase(mail_.begin() + static_cast<std::ptrdiff_t>(i));
    if (storm && random_.below(20) == 0) return;
    for (int n = 0; n < kNodes; ++n)
      if (message.to == node_name(n))
        nodes_[static_cast<std::size_t>(n)]->events.push_back(message);
  }

  void advance() {
    std::optional<Time> next;
    for (const auto& node : nodes_)
      if (node->wake && (!next || *node->wake < *next)) next = node->wake;
    if (!next) return;
    now_ = std::max(now_, *next);
    wire_.now = now_;
    for (const auto& node : nodes_)
      if (node->wake && *node->wake <= now_) node->events.push_back(Woken{});
  }

  void carry_out(int n, const Step& step) {
    Node& node = *nodes_[static_cast<std::size_t>(n)];
    for (const Write& w : step.writes) {
      if (w.record) node.record[w.guest] = *w.record;
      if (!w.record) node.record.erase(w.guest);
    }
    for (const Command& command : step.commands) issue(node, command);
    node.wake = step.wake;
  }

  void issue(Node& node, const Command& command) {
    if (const auto* mail = std::get_if<Mail>(&command)) {
      if (mail->message.to != ports::kControl) mail_.push_back(mail->message);
    } else if (const auto* drive = std::get_if<Drive>(&command)) {
      node.hypervisor.submit(drive->guest, drive->command);
    } else if (const auto* tell = std::get_if<Tell>(&command)) {
      node.guests.submit(tell->guest, tell->command);
    } else if (const auto* tap = std::get_if<MakeTap>(&command)) {
      const auto made = node.network.make_tap(tap->guest, tap->address, tap->mac);
      if (made) node.events.push_back(TapMade{tap->guest, *made});
    }
  }

  Random random_;
  ports::FakeWire wire_;
  ports::FakeInsides insides_;
  int runner_ = -1;
  Time now_{std::chrono::hours{1}};
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<ports::Message> mail_;
};

TEST(AgentStorm, NeverTwoRunnersAndOneInTheEnd) {
  std::uint32_t hops = 0;
  std::uint64_t lines = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    World world(seed);
    const ports::MachineRecord machine{.mac = "02:00:64:40:00:07", .address = "100.64.0.7"};
    const ports::Container container{.argv = {"app"}};
    const ports::Take take{1, {node_name(0), node_name(1), node_name(2)}, {}, machine, container};
    world.send(0, take);
    for (int i = 0; i < 300; ++i) {
      world.step(false);
      world.drain();
    }
    for (int i = 0; i < 6000; ++i) {
      world.step(true);
      world.drain();
      ASSERT_LE(world.running(), 1) << "seed " << seed << ", step " << i;
      ASSERT_LE(world.attached(), 1) << "seed " << seed << ", step " << i;
      ASSERT_FALSE(world.contradicted()) << "seed " << seed << ", step " << i;
    }
    for (int i = 0; i < 20000 && !world.unsettled().empty(); ++i) {
      world.step(false);
      world.drain();
      ASSERT_LE(world.running(), 1) << "seed " << seed << ", calm step " << i;
    }
    EXPECT_EQ(world.unsettled(), "") << "seed " << seed;
    hops += world.hops();
    lines += world.printed();
  }
  std::printf("%u hand-overs and %llu lines in 200 storms\n", hops,
              static_cast<unsigned long long>(lines));
  EXPECT_GT(hops, 300U);  // Or the storm only ever shook a guest that stood still.
}

}  // namespace
}  // namespace godwit::agent
