// The control plane as a process, with real agents and QEMUs on three nodes. Goal: guests start,
// move and come back as the rows say, whatever dies; a control plane that is killed is no harm to
// anybody; and nobody is started twice. Method: `godwit-serve` is killed at random moments, nodes
// are cut off and certified dead by its admin door, while a client outside checks every reply.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>

#include "base/random.h"
#include "tests/control/plane.h"
#include "tests/kills/script.h"

namespace godwit::handover {
namespace {

using json::Value;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Steady = std::chrono::steady_clock;

constexpr int kNodes = 3;

class ControlPlane : public testing::Test {
 protected:
  // The guest runs on node 0 and its client is connected. The plane dies right after the wish.
  void start(const char* agent = AGENT_PROGRAM) {
    if (access("/usr/lib/godwit/kernel/vmlinuz", R_OK) != 0 || getuid() != 0)
      GTEST_SKIP() << "needs root and the workspace's guest kernel";
    auto made = Plane::make(SERVE_PROGRAM);
    ASSERT_TRUE(made) << to_string(made.error());
    plane = *std::move(made);
    auto stage = Rig::make(kNodes, agent, WITNESS_IMAGE, plane->authority());
    ASSERT_TRUE(stage) << to_string(stage.error());
    rig = *std::move(stage);
    ASSERT_TRUE(plane->start(rig->lab()));
    for (int node = 0; node < kNodes; ++node) {
      ASSERT_TRUE(rig->start_agent(node));
      expect_ok(Value{}
                    .set("do", "join")
                    .set("node", rig->name(node).value)
                    .set("address", lab::node_address(node)));
    }
    expect_ok(Plane::create(rig->machine(), rig->name(0), rig->names({0, 1, 2})));
    restart_plane();
    ASSERT_TRUE(await_on(0)) << why();
    client = rig->connect();
    ASSERT_TRUE(client) << why();
    expect_unharmed(50);
  }
  void TearDown() override {
    if (rig && HasFailure()) std::printf("%s\n", why().c_str());
  }

  void expect_ok(const Value& request) {
    const Value reply = plane->ask_until(request, seconds{20});
    EXPECT_EQ(reply, Value{}.set("ok", true)) << request.dump() << " -> " << reply.dump();
  }
  void restart_plane() {
    plane->kill();
    ASSERT_TRUE(plane->start(rig->lab()));
  }
  void certify(int node) {
    expect_ok(Value{}.set("do", "certify").set("node", rig->name(node).value));
  }
  Value move_to(int node) const {
    return Value{}.set("do", "move").set("guest", kGuest.value).set("node", rig->name(node).value);
  }
  ports::OwnerRow owner() const {
    const auto rows = plane->rows();
    return rows && rows->guests.contains(kGuest) ? rows->guests.at(kGuest).owner
                                                 : ports::OwnerRow{};
  }
  // Waits until the plane says that it runs on `node`; the gateway follows the rows.
  bool await_on(int node, const std::function<void()>& meanwhile = {}) {
    const auto end = Steady::now() + seconds{90};
    ports::EpochName routed;
    while (Steady::now() < end) {
      follow(routed);
      const Value now = plane->ask_until(Value{}.set("do", "status"), seconds{20});
      const Value& guest = now["guests"][kGuest.value];
      if (guest["settled"].boolean() && guest["holder"].text() == rig->name(node).value) {
        follow(routed);
        return true;
      }
      if (meanwhile) meanwhile();
      std::this_thread::sleep_for(milliseconds{200});
    }
    return false;
  }
  void follow(ports::EpochName& routed) {
    const ports::OwnerRow row = owner();
    if (row.reported <= routed) return;
    bool known = false;
    for (int node = 0; node < kNodes; ++node)
      if (row.holder == rig->name(node)) known = rig->route(node, row.reported).has_value();
    EXPECT_TRUE(known);
    routed = row.reported;
  }
  // The same client's replies go on, each the one after the last.
  void expect_unharmed(std::uint64_t more) {
    const std::uint64_t before = client->tally().replies;
    for (int i = 0; i < 600 && client->tally().replies < before + more; ++i)
      std::this_thread::sleep_for(milliseconds{50});
    EXPECT_GE(client->tally().replies, before + more);
    EXPECT_EQ(client->tally().wrong, 0U) << client->tally().first_wrong;
  }
  // QEMUs that run; a source's ends a moment after its guest has left.
  void expect_only_on(int node) {
    const auto alone = [&] {
      for (int other = 0; other < kNodes; ++other)
        if (rig->qemu_runs(other) != (other == node)) return false;
      return true;
    };
    for (int i = 0; i < 100 && !alone(); ++i) std::this_thread::sleep_for(milliseconds{100});
    EXPECT_TRUE(alone()) << rig->qemu_runs(0) << rig->qemu_runs(1) << rig->qemu_runs(2);
    EXPECT_EQ(owner().holder, rig->name(node)) << "the row agrees with the truth";
  }
  std::string why() const {
    std::string text = "--- plane\n" + plane->log();
    for (int node = 0; node < kNodes; ++node)
      text += "--- agent " + std::to_string(node) + "\n" + rig->log_of(node);
    return text;
  }

  std::unique_ptr<Plane> plane;
  std::unique_ptr<Rig> rig;
  std::unique_ptr<Client> client;
};

// Killed at a random moment of each move, and between them for a while.
TEST_F(ControlPlane, ItsDeathIsNobodysHarm) {
  start();
  if (!client) return;
  const int rounds = std::getenv("GODWIT_ALL") ? 20 : 5;
  Random random(17);
  for (int round = 0; round < rounds; ++round) {
    const int to = (round + 1) % kNodes;
    expect_ok(move_to(to));
    const auto wait = milliseconds{random.below(2500)};
    std::this_thread::sleep_for(wait);
    plane->kill();
    if (round % 2) expect_unharmed(100);
    ASSERT_TRUE(plane->start(rig->lab()));
    // The wish itself is not kept: a new plane is asked again until the guest is there.
    int again = 0;
    ASSERT_TRUE(await_on(to, [&] {
      if (++again % 10 == 0) (void)plane->ask(move_to(to));
    }));
    expect_unharmed(50);
    expect_only_on(to);
    EXPECT_EQ(owner().generation, 1U) << "nobody took it over";
    std::printf("round %d: killed %lld ms into the move to %d, epoch 1.%u\n", round,
                static_cast<long long>(wait.count()), to, owner().reported.hop);
  }
}

// Its node is gone and the cloud says so: it starts again elsewhere, from its image. Without the
// cloud's word nothing happens.
TEST_F(ControlPlane, AGuestOfADeadNodeStartsElsewhere) {
  start();
  if (!client) return;
  ASSERT_TRUE(rig->kill_node(0));
  std::this_thread::sleep_for(seconds{5});
  restart_plane();
  EXPECT_EQ(plane->ask_until(Value{}.set("do", "status"),
                             seconds{20})["guests"][kGuest.value]["owner"]["generation"],
            Value{1});
  EXPECT_FALSE(rig->qemu_runs(1) || rig->qemu_runs(2));
  certify(0);
  restart_plane();
  ASSERT_TRUE(await_on(1));
  const ports::OwnerRow row = owner();
  EXPECT_EQ(row.generation, 2U);
  EXPECT_EQ(row.kind, ports::GenerationKind::kTaken);
  EXPECT_FALSE(row.from) << "a restart, and the row says so";
  client = rig->connect();
  ASSERT_TRUE(client);
  expect_unharmed(50);
  expect_only_on(1);
}

TEST_F(ControlPlane, TheDeathOfABystanderIsNothing) {
  start();
  if (!client) return;
  ASSERT_TRUE(rig->kill_node(2));
  certify(2);
  expect_unharmed(100);
  expect_only_on(0);
  EXPECT_EQ(owner().generation, 1U);
  expect_ok(move_to(1));
  ASSERT_TRUE(await_on(1));
  expect_unharmed(50);
  expect_only_on(1);
  EXPECT_TRUE(plane->rows()->nodes.at(rig->name(2)).dead);
}

// The destination has loaded, the source has granted, and the destination is gone before it
// accepted: nobody runs the guest, and only the source has its memory. Certified, it goes on there,
// and its client's connection with it.
TEST_F(ControlPlane, ADestinationThatDiesBeforeAcceptingGivesTheGuestBack) {
  start(HELD_AGENT);
  if (!client) return;
  const Script script(rig->folder() + "/1/agent.json");
  script.write("hold destination.incoming.loaded 2");
  for (int i = 0; i < 600 && script.held().empty(); ++i) {
    if (i % 10 == 0) (void)plane->ask(move_to(1));
    std::this_thread::sleep_for(milliseconds{100});
  }
  ASSERT_FALSE(script.held().empty()) << "the destination did not load";
  const auto granted = [&] { return rig->log_of(0).contains("source.granted.repeat"); };
  for (int i = 0; i < 300 && !granted(); ++i) std::this_thread::sleep_for(milliseconds{100});
  ASSERT_TRUE(granted());
  ASSERT_TRUE(rig->kill_node(1));
  const std::uint64_t before = client->tally().replies;
  std::this_thread::sleep_for(seconds{2});
  EXPECT_LE(client->tally().replies, before + 1) << "nobody runs it";
  certify(1);
  ASSERT_TRUE(await_on(0));
  expect_unharmed(50);
  expect_only_on(0);
  EXPECT_TRUE(owner().from) << "from its memory, not a restart";
}

}  // namespace
}  // namespace godwit::handover
