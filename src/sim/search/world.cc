#include "sim/search/world.h"

#include <algorithm>
#include <format>

#include "base/check.h"
#include "sim/search/stepper.h"

namespace godwit::search {
namespace {

class Bytes {
 public:
  explicit Bytes(std::string& to) : to_(to) {}
  void put(std::uint32_t small) { to_.push_back(static_cast<char>(small)); }
  void put(const Epoch& e) {
    put(e.generation);
    put(e.hop);
  }
  void put(const Attempt& a) {
    put(a.source);
    put(a.number);
  }
  void put(const std::optional<Cut>& cut) {
    put(cut ? 1 : 0);
    if (!cut) return;
    put(cut->epoch);
    put(cut->attempt);
  }
  void put(const Record& r) {
    put(static_cast<std::uint32_t>(r.role));
    put(r.epoch);
    put(r.held);
    put(r.sealed);
    put(r.set.bits);
    put(r.counter);
    put(r.to);
    put(r.attempt);
  }
  void put(const State& s) {
    put(s.record);
    put(static_cast<std::uint32_t>(s.place));
    put(s.attempt);
    put(s.to);
    put(s.source_epoch);
    put((s.stream_done ? 1U : 0U) | (s.loaded_heard ? 2U : 0U) | (s.accepted_fresh ? 4U : 0U) |
        (s.qemu_lost ? 8U : 0U));
    put(s.before_accept);
    put(s.refused);
    put(s.seal_waits);
  }
  void put(const Program& q) {
    put(static_cast<std::uint32_t>(q.state) | (q.broken ? 64U : 0U));
    put(q.version);
    put(q.in);
    put(q.in_epoch);
    put(q.out);
  }

 private:
  std::string& to_;
};

// A record that no longer says what it said when it was granted.
Record forgotten(Record r) {
  if (r.role == Role::kGranted) return r;
  r.to = kNoNode;
  r.attempt = {};
  if (r.role == Role::kIdle) r.set = {};
  return r;
}

// What no row looks at any more is forgotten, so that it does not tell two worlds apart.
void settle(NodeView& node) {
  State& s = node.agent;
  node.written = forgotten(node.written);
  s.record = forgotten(s.record);
  s.qemu_lost = false;  // Only a report says it.
  if (s.place != Place::kTaken && s.place != Place::kUnaccepting) s.before_accept = {};
  if (s.place != Place::kUnaccepting) s.refused = {};
  if (s.place != Place::kBooting) node.boots_from = 0;
}

// Versions keep their order and nothing else.
void renumber(World& world) {
  std::vector<std::uint8_t*> all{&world.top, &world.head_version};
  for (NodeView& node : world.nodes) {
    all.push_back(&node.qemu.version);
    all.push_back(&node.boots_from);
  }
  for (Checkpoint& c : world.checkpoints) all.push_back(&c.version);
  std::vector<std::uint8_t> values{0};
  for (const std::uint8_t* v : all) values.push_back(*v);
  std::ranges::sort(values);
  const auto end = std::ranges::unique(values).begin();
  for (std::uint8_t* v : all)
    *v = static_cast<std::uint8_t>(std::lower_bound(values.begin(), end, *v) - values.begin());
}

}  // namespace

Rules shipped_rules() {
  Rules rules{.agent = agent_rows(), .control = control_rows()};
  // Checkpoints come with the vault; their row shares the counter of the attempts.
  rules.agent.push_back({"source.still.checkpoint",
                         1U << static_cast<unsigned>(Place::kStill),
                         On::kCheckpoint,
                         {},
                         {Do::kCountUp, Do::kWrite, Do::kSendCheckpoint}});
  return rules;
}

Bounds within(int attempts, int generations, int deaths, int qemu_crashes, int checkpoints,
              int run_failures, std::vector<NodeSet> sets) {
  return {.attempts = attempts,
          .generations = generations,
          .deaths = deaths,
          .qemu_crashes = qemu_crashes,
          .checkpoints = checkpoints,
          .run_failures = run_failures,
          .sets = std::move(sets)};
}

World Model::first() const { return {}; }

// Messages that nobody can act on any more: to the dead, and answers to a question that is settled.
void Model::forget_spent(World& world) const {
  const StoreRow& row = world.row;
  for (std::size_t i = 0; i < messages_.size(); ++i) {
    if (!world.sent.test(i)) continue;
    const Message& m = messages_[i];
    if (m.to < kNodes && world.nodes[m.to].dead) world.sent.reset(i);
    const bool answer = m.kind == Kind::kNot || m.kind == Kind::kPend || m.kind == Kind::kHead;
    const bool open = row.kind == Generation::kTakeover || !rules_.compare_and_set;
    if (answer && (m.generation < row.generation || !open)) world.sent.reset(i);
    if (m.kind == Kind::kClear && m.generation < row.generation) world.sent.reset(i);
  }
}

void Model::each_step(const World& world, Steps steps, const Take& take) {
  const Take settled = [&](Transition&& out, const std::function<std::string()>& label) {
    for (NodeView& node : out.next.nodes) settle(node);
    renumber(out.next);
    forget_spent(out.next);
    return take(std::move(out), label);
  };
  Stepper(*this, world, steps, settled).all();
}

void Model::pack(const World& w, std::string& bytes) const {
  bytes.clear();
  Bytes out(bytes);
  for (const NodeView& node : w.nodes) {
    out.put(node.dead ? 1 : 0);
    out.put(node.written);
    if (node.dead) continue;
    out.put(node.agent);
    out.put(node.qemu);
    out.put(node.boots_from);
  }
  out.put(w.row.generation);
  out.put(static_cast<std::uint32_t>(w.row.kind));
  out.put(w.row.set.bits);
  out.put(w.row.reach.bits);
  out.put(w.row.reported);
  out.put(w.row.holder);
  out.put(w.row.taker);
  out.put(w.row.from);
  out.put(w.row.from_vault ? 1 : 0);
  out.put(w.route.epoch);
  out.put(w.route.node);
  out.put(w.floor);
  out.put(w.head);
  out.put(w.head_version);
  for (const Checkpoint& c : w.checkpoints) {
    out.put(c.version);
    out.put(c.cut.epoch);
    out.put(c.cut.attempt);
  }
  out.put(w.top);
  out.put(w.ran);
  out.put(w.ran_at);
  for (const std::uint8_t used : {w.attempts, w.cuts, w.deaths, w.qemu_crashes, w.run_failures})
    out.put(used);
  std::uint8_t byte = 0;
  for (std::size_t i = 0; i < messages_.size(); ++i) {
    byte = static_cast<std::uint8_t>(byte << 1U | (w.sent.test(i) ? 1U : 0U));
    if (i % 8 == 7) out.put(byte);
  }
  out.put(byte);
  // The number of messages grows while the search goes on: trailing ones that were not sent must
  // not tell two worlds apart.
  while (!bytes.empty() && bytes.back() == 0) bytes.pop_back();
}

bool Model::runs(const World& world) {
  return std::ranges::any_of(world.nodes, [](const NodeView& node) {
    return !node.dead && node.qemu.state == Qemu::kRuns;
  });
}

bool Model::token_lives(const World& world) {
  // Where the highest epoch is written; of two that have it, the holder, then who has lost it.
  const auto rank = [](const Record& r) {
    return std::pair(r.epoch, r.role == Role::kHolds ? 2 : r.role == Role::kIdle ? 1 : 0);
  };
  const auto& at = *std::ranges::max_element(
      world.nodes, {}, [&](const NodeView& node) { return rank(node.written); });
  if (at.dead || at.written.epoch == Epoch{}) return false;
  // It could not run: the token is on its way back, if there is still something to go back to.
  if (at.agent.place == Place::kUnaccepting) {
    const Node source = at.agent.attempt.source;
    return source < kNodes && !world.nodes[source].dead &&
           world.nodes[source].qemu.state == Qemu::kCompleted;
  }
  if (at.written.role == Role::kHolds) return true;
  return at.written.role == Role::kGranted && at.written.to < kNodes &&
         !world.nodes[at.written.to].dead;
}

std::size_t Model::intern(const Message& m) {
  std::string key;
  Bytes out(key);
  out.put(static_cast<std::uint32_t>(m.kind));
  out.put(m.from);
  out.put(m.to);
  out.put(m.attempt);
  out.put(m.epoch);
  out.put(m.generation);
  out.put(m.set.bits);
  out.put(static_cast<std::uint32_t>(m.role));
  out.put(m.copy);
  out.put(m.from_vault ? 1 : 0);
  const auto [at, fresh] = numbers_.try_emplace(key, messages_.size());
  if (fresh) messages_.push_back(m);
  CHECK(messages_.size() <= kMessagesMax);
  return at->second;
}

std::string to_string(const Message& m) {
  static constexpr const char* kNames[] = {
      "PREPARE", "LOADED", "CANCEL", "GRANT", "ACK",  "REFUSE", "ORDER",      "SEAL",
      "TAKE",    "ASK",    "REPORT", "NOT",   "PEND", "CLEAR",  "CHECKPOINT", "HEAD"};
  std::string text = std::format("{} from {}", kNames[static_cast<unsigned>(m.kind)], m.from);
  if (m.attempt.source != kNoNode)
    text += std::format(" attempt {}/{}", m.attempt.source, m.attempt.number);
  if (m.epoch != Epoch{}) text += std::format(" epoch {}.{}", m.epoch.generation, m.epoch.hop);
  if (m.generation != 0) text += std::format(" generation {}", m.generation);
  if (m.copy)
    text += std::format(" copy {}.{}/{}", m.copy->epoch.generation, m.copy->epoch.hop,
                        m.copy->attempt.number);
  return text;
}

std::string Model::describe(const World& w) const {
  static constexpr const char* kQemu[] = {"none",      "runs",     "pre-switchover", "completed",
                                          "prelaunch", "incoming", "whole"};
  std::string text;
  for (Node n = 0; n < kNodes; ++n) {
    const NodeView& node = w.nodes[n];
    const Record& r = node.written;
    text +=
        std::format("  {}: {}{} role {} epoch {}.{} held {}.{} sealed {} qemu {} version {}\n", n,
                    node.dead ? "dead " : "", name(node.agent.place), static_cast<int>(r.role),
                    r.epoch.generation, r.epoch.hop, r.held.generation, r.held.hop, r.sealed,
                    kQemu[static_cast<unsigned>(node.qemu.state)], node.qemu.version);
  }
  text +=
      std::format("  row: generation {} kind {} set {:b} reach {:b} reported {}.{} at {}\n",
                  w.row.generation, static_cast<int>(w.row.kind), w.row.set.bits, w.row.reach.bits,
                  w.row.reported.generation, w.row.reported.hop, w.row.holder);
  return text;
}

}  // namespace godwit::search
