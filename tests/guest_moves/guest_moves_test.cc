// A container in a guest that moves between real agents with real QEMUs. Goal: nothing inside
// notices but by the clock, which is right again after each move; its log is whole and in order on
// the node where the guest is, whatever agents died meanwhile. Method: a program that prints
// numbered lines, 1,000 a second.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "edges/guestlink/link.h"
#include "edges/guestlink/log_store.h"
#include "edges/oci/import.h"
#include "lib/io/child.h"
#include "tests/handover/rig.h"

namespace godwit::handover {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;
using Steady = std::chrono::steady_clock;

// Reached when the clocks of two nodes agree, as here: they are one.
constexpr std::int64_t kClockOffMaxUs = 100'000;

Time wall() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }
bool all() { return std::getenv("GODWIT_ALL") != nullptr; }

template <class T>
T wait(io::Loop& loop, io::Task<T> task) {
  std::optional<T> out;
  const auto body = [](io::Loop& l, io::Task<T> t, std::optional<T>& o) -> io::Task<void> {
    o = co_await std::move(t);
    l.stop();
  };
  loop.spawn(body(loop, std::move(task), out));
  loop.run();
  return *std::move(out);
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class GuestMoves : public testing::Test {
 protected:
  static constexpr char kMakeImage[] = R"(set -e
cd "$0"; mkdir -p tree/bin tree/srv; cp "$1" tree/bin/app
umoci init --layout layout; umoci new --image layout:v1
tar -C tree --sort=name --mtime=@0 -cf layer.tar . ; umoci raw add-layer --image layout:v1 layer.tar
umoci config --image layout:v1 --config.entrypoint /bin/app --config.user 1000:100 \
  --config.workingdir /srv --config.env GREETING=hi
)";

  void SetUp() override {
    if (access("/usr/lib/godwit/kernel/vmlinuz", R_OK) != 0 || getuid() != 0)
      GTEST_SKIP() << "needs root and the workspace's guest kernel";
  }

  // Agents on so many nodes, and a guest to be started whose container prints `lines`.
  void prepare(int nodes, std::uint64_t lines) {
    auto made = Rig::make(nodes, AGENT_PROGRAM, GODWIT_INITRAMFS);
    ASSERT_TRUE(made) << to_string(made.error());
    rig = *std::move(made);
    nodes_ = nodes;
    ASSERT_NO_FATAL_FAILURE(import(lines));
    for (int node = 0; node < nodes; ++node) ASSERT_TRUE(rig->start_agent(node));
  }

  // The guest is on node 0 and its container runs.
  void start(int nodes, std::uint64_t lines) {
    ASSERT_NO_FATAL_FAILURE(prepare(nodes, lines));
    ASSERT_TRUE(rig->start_guest(0)) << rig->log_of(0);
    const auto runs = [](const ports::Body& b) {
      const auto* state = std::get_if<ports::ContainerState>(&b);
      return state && state->phase == ports::ContainerPhase::kRunning;
    };
    ASSERT_TRUE(rig->await_body(0, runs, seconds{120})) << rig->log_of(0);
  }

  void import(std::uint64_t lines) {
    const std::string dir = rig->folder() + "/oci";
    fs::create_directory(dir);
    const Status image = wait(
        loop_, io::run_program({"sh", "-c", kMakeImage, dir, GODWIT_GUEST_PROGRAM}, dir + "/out"));
    ASSERT_TRUE(image) << image.error().message;
    const auto imported = wait(loop_, oci::import_image({dir + "/layout", "", rig->image_dir()}));
    ASSERT_TRUE(imported) << to_string(imported.error());
    ports::MachineRecord& machine = rig->machine();
    machine.base_sha256 = imported->sha256;
    machine.overlay_bytes = std::max<std::uint64_t>(imported->bytes, 32 << 20);
    machine.append += " godwit.mtu=1344";
    const oci::ImageConfig& config = imported->config;
    ports::Container container{.argv = config.entrypoint,
                               .env = config.env,
                               .cwd = config.cwd,
                               .uid = config.uid,
                               .gid = config.gid,
                               .hostname = "g1"};
    container.argv.insert(container.argv.end(), {"serve", std::to_string(lines), "1000"});
    rig->set_container(container);
  }

  // Moves the guest, and hears that its clock was set and how far it is off now.
  void move(int from, int to) {
    const Move move = rig->move(from, to);
    ASSERT_TRUE(move.done) << move.why;
    const auto is_set = [](const ports::Body& b) {
      return std::holds_alternative<ports::ClockSet>(b);
    };
    const auto set = rig->await_body(to, is_set, seconds{60});
    ASSERT_TRUE(set) << rig->log_of(to);
    const auto& clock = std::get<ports::ClockSet>(*set);
    EXPECT_LE(std::abs(clock.ahead_us), kClockOffMaxUs);
    off_max_us = std::max(off_max_us, std::abs(clock.ahead_us));
    std::printf(
        "%d -> %d: total %lld ms, downtime %.1f ms; clock was %.1f ms behind, is %.1f +- "
        "%.1f ms ahead\n",
        from, to, static_cast<long long>(move.total.count()),
        static_cast<double>(move.downtime.count()) / 1e3,
        static_cast<double>(clock.behind_us) / 1e3, static_cast<double>(clock.ahead_us) / 1e3,
        static_cast<double>(clock.round_trip_us) / 2e3);
    std::fflush(stdout);
  }

  // The segments on a node, by name.
  std::map<std::string, std::string> segments(int node) const {
    std::map<std::string, std::string> found;
    std::error_code none;
    for (const auto& file : fs::directory_iterator(rig->log_dir(node), none))
      if (file.path().extension() == ".log") found[file.path().filename()] = read_file(file.path());
    return found;
  }
  bool has_line(int node, std::uint64_t number) const {
    const std::string text = std::format(" line {}\n", number);
    for (const auto& [name, bytes] : segments(node))
      if (bytes.contains(text)) return true;
    return false;
  }
  static bool until(const std::function<bool()>& met, seconds limit) {
    const auto end = Steady::now() + limit;
    while (!met() && Steady::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds{50});
    return met();
  }

  // All lines are on this node and on no other: exactly 1 to `last`, in order.
  void expect_lines(int node, std::uint64_t last) {
    EXPECT_TRUE(until([&] { return has_line(node, last); }, seconds{last / 500 + 60}));
    for (int other = 0; other < nodes_; ++other) {
      if (other == node) continue;
      EXPECT_TRUE(until([&] { return segments(other).empty(); }, seconds{60})) << other;
    }
    for (int each = 0; each < nodes_; ++each) rig->kill_agent(each);
    const auto store = guestlink::LogStore::open(rig->log_dir(node), {});
    ASSERT_TRUE(store) << to_string(store.error());
    const auto lines = store->read();
    ASSERT_TRUE(lines) << to_string(lines.error());
    std::uint64_t next = 1;
    for (const frame::LogLine& line : *lines) {
      ASSERT_EQ(line.sequence, next);
      ASSERT_EQ(line.text, std::format("line {}", next++));
    }
    EXPECT_EQ(next, last + 1);
    EXPECT_EQ(store->dropped(), 0U);
    std::printf("%llu lines, each once and in order, in %zu segments\n",
                static_cast<unsigned long long>(next - 1), store->segments().size());
  }

  // By a connection of our own, with no agent in between.
  void measure(int node) {
    const std::string scratch = rig->folder() + "/scratch";
    auto store = guestlink::LogStore::open(scratch, {});
    ASSERT_TRUE(store);
    guestlink::Link link(loop_, {.socket = rig->control_socket(node)}, *store, wall,
                         [](const guestlink::LinkEvent&) {});
    link.start();
    const auto look = [](guestlink::Link& l) -> io::Task<Result<guestlink::ClockReading>> {
      (void)co_await l.wait_connected(seconds{30});
      co_return co_await l.measure_clock(20);
    };
    const auto reading = wait(loop_, look(link));
    link.stop();
    for (int i = 0; i < 500 && !link.ended(); ++i)
      wait(loop_, [](bool& done) -> io::Task<bool> {
        co_await io::sleep(std::chrono::milliseconds{10});
        co_return done = true;
      }(waited_));
    ASSERT_TRUE(reading) << to_string(reading.error());
    std::printf("seen from outside the agent: %.1f ms ahead +- %.1f ms\n",
                static_cast<double>(reading->ahead.count()) / 1e3,
                static_cast<double>(reading->round_trip.count()) / 2e3);
    EXPECT_LE(std::abs(reading->ahead.count()), kClockOffMaxUs);
  }

  void TearDown() override {
    if (!rig || !HasFailure()) return;
    for (int node = 0; node < nodes_; ++node)
      std::printf("--- agent %d\n%s\n", node, rig->log_of(node).c_str());
    for (int node = 0; node < nodes_; ++node)
      std::printf("--- console %d\n%s\n", node,
                  read_file(fs::path(rig->control_socket(node)).parent_path() / "console").c_str());
  }

  io::Loop loop_;
  std::unique_ptr<Rig> rig;
  int nodes_ = 0;
  std::int64_t off_max_us = 0;
  bool waited_ = false;
};

// Three moves over three nodes. After the first the agent of the guest's node is killed, after the
// second those of both its nodes, old and new. GODWIT_ALL: five moves.
TEST_F(GuestMoves, EveryLineOnceAndInOrder) {
  const int moves = all() ? 5 : 3;
  const std::uint64_t lines = static_cast<std::uint64_t>(moves) * 10'000;
  ASSERT_NO_FATAL_FAILURE(start(3, lines));
  int at = 0;
  for (int i = 0; i < moves; ++i) {
    const int from = std::exchange(at, (at + 1) % 3);
    ASSERT_NO_FATAL_FAILURE(move(from, at));
    std::vector<int> killed;
    if (i < 2) killed.push_back(at);
    if (i == 1) killed.push_back(from);
    for (const int node : killed) rig->kill_agent(node);
    if (i == 0) std::this_thread::sleep_for(seconds{1});  // Lines wait in the guest.
    for (const int node : killed) ASSERT_TRUE(rig->start_agent(node));
  }
  EXPECT_FALSE(has_line(at, lines)) << "the guest was silent while it moved";
  ASSERT_NO_FATAL_FAILURE(expect_lines(at, lines));
  ASSERT_NO_FATAL_FAILURE(measure(at));
}

// The agent is killed when the guest runs and before it could start the container: the next one
// does.
TEST_F(GuestMoves, AnAgentThatDiesBeforeTheStartIsNoLoss) {
  const std::uint64_t lines = 1000;
  ASSERT_NO_FATAL_FAILURE(prepare(2, lines));
  ASSERT_TRUE(rig->start_guest(0)) << rig->log_of(0);
  rig->kill_agent(0);  // The guest is still booting.
  ASSERT_TRUE(segments(0).empty());
  ASSERT_TRUE(rig->start_agent(0));
  ASSERT_NO_FATAL_FAILURE(expect_lines(0, lines));
}

// What is only asked for: the clock over 20 moves, and 100 moves as a soak.
TEST_F(GuestMoves, TheClockIsRightAfterEachMove) {
  if (!all()) GTEST_SKIP() << "GODWIT_ALL=1 asks for it";
  ASSERT_NO_FATAL_FAILURE(start(2, 1000));
  for (int i = 0; i < 20; ++i) ASSERT_NO_FATAL_FAILURE(move(i % 2, 1 - i % 2));
  std::printf("20 moves: off by at most %.1f ms\n", static_cast<double>(off_max_us) / 1e3);
  rig->kill_agent(0);
  rig->kill_agent(1);
  ASSERT_NO_FATAL_FAILURE(measure(0));
}

TEST_F(GuestMoves, Soak) {
  if (!all()) GTEST_SKIP() << "GODWIT_ALL=1 asks for it";
  const std::uint64_t lines = 200'000;
  ASSERT_NO_FATAL_FAILURE(start(2, lines));
  for (int i = 0; i < 100; ++i) ASSERT_NO_FATAL_FAILURE(move(i % 2, 1 - i % 2));
  std::printf("100 moves: off by at most %.1f ms\n", static_cast<double>(off_max_us) / 1e3);
  ASSERT_NO_FATAL_FAILURE(expect_lines(0, lines));
}

}  // namespace
}  // namespace godwit::handover
