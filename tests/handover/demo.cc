// ./demo: what is built so far, shown as it happens. Two agents on two nodes (namespaces of this
// machine) hand a guest back and forth while a client outside holds one TCP connection to it.
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "lib/json/json.h"
#include "tests/handover/rig.h"

namespace {

using namespace godwit;

struct Shown {
  int from, to;
  handover::Move move;
  std::chrono::milliseconds gap;
};

void scene(json::Value::Array& scenes, const char* name, const char* text, bool happened) {
  std::printf("  %-12s %s%s\n", name, text, happened ? "" : "  <- DID NOT HAPPEN");
  std::fflush(stdout);
  scenes.push_back(json::Value{}.set("name", name).set("happened", happened));
}

bool await_replies(const handover::Client& client, std::uint64_t more) {
  const std::uint64_t before = client.tally().replies;
  for (int i = 0; i < 600; ++i) {
    if (client.tally().replies >= before + more) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
  return false;
}

json::Value row(const Shown& s) {
  return json::Value{}
      .set("guest", handover::kGuest.value)
      .set("reason", "manual")
      .set("source", std::format("node-{}", s.from))
      .set("destination", std::format("node-{}", s.to))
      .set("mechanism", "live")
      .set("bytes", s.move.bytes)
      .set("total_ms", s.move.total.count())
      .set("downtime_ms", static_cast<double>(s.move.downtime.count()) / 1000)
      .set("client_gap_ms", s.gap.count());
}

void print_table(const std::vector<Shown>& moves) {
  std::printf("\n  %-10s %-10s %10s %12s %10s %10s\n", "from", "to", "total ms", "downtime ms",
              "gap ms", "MB sent");
  for (const Shown& s : moves)
    std::printf("  node-%-5d node-%-5d %10lld %12.1f %10lld %10.1f\n", s.from, s.to,
                static_cast<long long>(s.move.total.count()),
                static_cast<double>(s.move.downtime.count()) / 1000,
                static_cast<long long>(s.gap.count()), static_cast<double>(s.move.bytes) / 1e6);
}

// 0 only if every scene happened and no reply was wrong or lost.
int show(handover::Rig& rig, const std::string& json_path) {
  json::Value::Array scenes, rows;
  std::vector<Shown> moves;
  const bool started = rig.start_guest(0);
  const auto client = started ? rig.connect() : nullptr;
  scene(scenes, "start", "a guest boots on node-0; a client opens one TCP connection", !!client);
  if (!client) return 1;
  bool all = await_replies(*client, 50);
  for (const auto& [from, to] : {std::pair{0, 1}, {1, 0}}) {
    client->mark();
    const handover::Move move = rig.move(from, to);
    const bool went = await_replies(*client, 20) && move.done;
    moves.push_back({from, to, move, client->tally().gap_max});
    scene(scenes, "move", std::format("live from node-{} to node-{}", from, to).c_str(), went);
    if (!went) std::printf("  %12s %s\n", "", move.why.c_str());
    all = all && went;
  }
  rig.kill_agent(0);
  const bool lives = await_replies(*client, 50) && rig.start_agent(0).has_value();
  scene(scenes, "agent-death", "the agent of node-0 is killed and started; its guest runs on",
        lives);
  client->mark();
  const handover::Move move = rig.move(0, 1);
  const bool went = await_replies(*client, 20) && move.done;
  moves.push_back({0, 1, move, client->tally().gap_max});
  scene(scenes, "move", "and the new agent moves it", went);
  const handover::Client::Tally tally = client->tally();
  print_table(moves);
  std::printf("\n  client: %llu replies, %llu wrong, %llu reconnects\n",
              static_cast<unsigned long long>(tally.replies),
              static_cast<unsigned long long>(tally.wrong),
              static_cast<unsigned long long>(tally.reconnects));
  for (const Shown& s : moves) rows.push_back(row(s));
  if (!json_path.empty()) {
    json::Value::Array clients{json::Value{}
                                   .set("name", "witness")
                                   .set("replies", tally.replies)
                                   .set("wrong", tally.wrong)
                                   .set("reconnects", tally.reconnects)};
    std::ofstream(json_path)
        << json::Value{}.set("scenes", scenes).set("moves", rows).set("clients", clients).dump()
        << '\n';
  }
  return all && lives && went && tally.wrong == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string json_path = argc == 3 && std::string(argv[1]) == "--json" ? argv[2] : "";
  if (argc != 1 && json_path.empty()) {
    std::fprintf(stderr, "usage: handover_demo [--json FILE]\n");
    return 64;
  }
  std::printf("Godwit: a running guest changes its node, its client notices nothing\n\n");
  auto rig = handover::Rig::make(2, AGENT_PROGRAM, WITNESS_IMAGE);
  if (!rig) {
    std::fprintf(stderr, "demo: %s\n", to_string(rig.error()).c_str());
    return 1;
  }
  for (const int node : {0, 1}) {
    if (const auto up = (*rig)->start_agent(node); !up) {
      std::fprintf(stderr, "demo: %s\n", to_string(up.error()).c_str());
      return 1;
    }
  }
  return show(**rig, json_path);
}
