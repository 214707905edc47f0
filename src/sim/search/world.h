// The world that the exhaustive search explores: three nodes, one guest, a control plane that may
// be any number of processes, a network that forgets nothing, and a vault for checkpoints.
//
// The agents' and the control plane's rules are the shipped tables (core/migration), passed as an
// argument. What is modelled here is only what the tables stand in: QEMU, the network, death.
// - The network is a set: a message that was ever sent may arrive at any time, any number of times,
//   or never. So a message that is lost, late, doubled or overtaken needs no step of its own.
// - An agent's crash and restart is one step; so is a record write and the messages of its row (a
//   crash between them is a crash plus a message that never arrives).
// - A discard, a run, a boot and a stream's end are steps of their own: an agent may die before its
//   QEMU has done what it was told.
// - The control plane's every step is a compare-and-set that uses any of the messages ever sent.
//
// Ghosts, which no table sees: the version of each memory image (a guest that starts to run makes a
// version newer than all before) and the newest epoch that ran. Versions are renumbered by rank, so
// that two histories with the same present are one state.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/migration/ownership.h"
#include "core/migration/takeover.h"

namespace godwit::search {

using namespace migration;  // NOLINT: the search speaks of nothing else.

inline constexpr Node kNodes = 3;
inline constexpr Node kControlPlane = 250, kVault = 251;
inline constexpr std::size_t kMessagesMax = 1536;
inline constexpr std::size_t kCheckpointsMax = 2;

enum class Qemu : std::uint8_t {
  kNone,
  kRuns,
  kPreSwitchover,  // Stopped, its stream not finished.
  kCompleted,      // Its stream went out whole.
  kPrelaunch,
  kIncoming,
  kWhole,  // A stream came in whole; paused.
};

struct Program {
  Qemu state = Qemu::kNone;
  bool broken = false;       // `cont` failed: no copy any more, unless it succeeds later.
  std::uint8_t version = 0;  // Of the memory in it; 0: none, as in a cold start.
  Attempt in;                // The stream that it was started for, from QEMU's -name ...
  Epoch in_epoch;            // ... and that stream's source epoch.
  Attempt out;               // kPreSwitchover, kCompleted: its own stream.
  bool operator==(const Program&) const = default;
};

struct NodeView {
  bool dead = false;
  State agent;
  Record written;  // What survives the agent's crash.
  Program qemu;
  std::uint8_t boots_from = 0;  // kBooting: the version that the vault gave, or 0.
};

struct Checkpoint {
  Cut cut;
  std::uint8_t version = 0;
};

struct World {
  std::array<NodeView, kNodes> nodes;
  StoreRow row;
  Route route;
  // The vault.
  std::uint32_t floor = 0;  // Accepts no epoch of a generation below.
  std::optional<Cut> head;
  std::uint8_t head_version = 0;
  std::array<Checkpoint, kCheckpointsMax> checkpoints;  // Cut so far, stored or not.
  // Ghosts and what was used of each budget.
  std::uint8_t top = 0;   // The newest version.
  Epoch ran;              // The newest epoch that ran ...
  Node ran_at = kNoNode;  // ... here.
  std::uint8_t attempts = 0, cuts = 0, deaths = 0, qemu_crashes = 0, run_failures = 0;
  std::bitset<kMessagesMax> sent;
};

enum class Kind : std::uint8_t {
  kPrepare,
  kLoaded,
  kCancel,
  kGrant,
  kAck,
  kRefuse,
  kOrder,
  kSeal,
  kTake,
  kAskClear,
  kReport,
  kNot,
  kPend,
  kClear,
  kCheckpoint,
  kHead,
};

struct Message {
  Kind kind = Kind::kReport;
  Node from = kNoNode, to = kNoNode;
  Attempt attempt;
  Epoch epoch;
  std::uint32_t generation = 0;
  NodeSet set;
  Role role = Role::kIdle;
  std::optional<Cut> copy;
  bool from_vault = false;
  bool operator==(const Message&) const = default;
};

// The rules under test. A planted bug is a changed copy, or one of the world's own rules broken.
struct Rules {
  std::vector<Row> agent;
  std::vector<ControlRow> control;
  bool compare_and_set = true;
  bool silence_is_silence = true;  // Not: a silent node counts as dead.
  bool all_are_asked = true;       // Not: only the reported holder must promise.
  bool vault_is_fenced = true;
  bool fence_before_read = true;
  bool route_only_grows = true;
};
Rules shipped_rules();  // The shipped tables, and the row that cuts a checkpoint.

// How far the search goes.
struct Bounds {
  int attempts = 1, generations = 2, deaths = 2, qemu_crashes = 1, checkpoints = 1;
  int run_failures = 1;
  bool agent_crashes = true;  // Any number, at any point.
  bool route = false;         // Also follow the route at the gateway.
  NodeSet birth_set{7};
  std::vector<NodeSet> sets;  // That orders and takeovers may name.
};
Bounds within(int attempts, int generations, int deaths, int qemu_crashes, int checkpoints,
              int run_failures, std::vector<NodeSet> sets);

enum class Steps : std::uint8_t {
  kAll,
  kHelpful,     // No fault, no wish, nothing from the dead; as many takeovers as are needed.
  kAgentsAlone  // The same without the control plane.
};

struct Transition {
  World next;
  std::string broken;  // The property that this step breaks, "S1: ..."; empty: none.
};

class Model {
 public:
  Model(Rules rules, Bounds bounds) : rules_(std::move(rules)), bounds_(std::move(bounds)) {}

  World first() const;  // The guest is wanted, and nothing has happened.
  // Calls `take` for each step in a fixed order, until it returns false. `label` is called only for
  // who wants to print it.
  using Take = std::function<bool(Transition&&, const std::function<std::string()>& label)>;
  void each_step(const World& world, Steps steps, const Take& take);

  // The bytes that two equal worlds share.
  void pack(const World& world, std::string& bytes) const;
  static bool runs(const World& world);
  // The right to run is at a living node, or on its way between two living nodes.
  static bool token_lives(const World& world);
  std::string describe(const World& world) const;

  // How often each row was taken, by name.
  const std::map<std::string, std::uint64_t>& taken() const { return taken_; }

 private:
  friend class Stepper;
  std::size_t intern(const Message& message);
  void forget_spent(World& world) const;

  Rules rules_;
  Bounds bounds_;
  std::vector<Message> messages_;
  std::map<std::string, std::size_t> numbers_;
  std::map<std::string, std::uint64_t> taken_;
};

std::string to_string(const Message& message);

}  // namespace godwit::search
