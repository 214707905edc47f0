// For tests: a control plane with a provider, and a small world that answers its commands.
// Instances join as soon as they are launched, and agents do as they are told at once; the world is
// the truth that rows are held against.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <format>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control/control.h"
#include "ports/fake_store.h"

namespace godwit::control {

using std::chrono::seconds;

inline const std::string kBase(64, 'b');

inline Config config() {
  Config config{.incarnation = "f"};
  config.provider = ProviderConfig{.cloud = "aws", .region = "r", .image = "ami-1"};
  config.provider->on_demand = {{"m.large", {100'000}}};
  config.machine.append = "quiet";
  config.image_bytes = [](const std::string& sha256) -> std::optional<std::uint64_t> {
    if (sha256 != kBase) return std::nullopt;
    return 1 << 20;
  };
  config.draw_token = [n = 0]() mutable {
    ++n;
    return Token{std::format("token-{}", n), std::format("hash-{}", n)};
  };
  config.boot_script = [](const NodeId& node, const std::string& token) {
    return node.value + " " + token;
  };
  return config;
}

inline ports::GroupSpec spec(std::uint32_t count = 1) {
  ports::GroupSpec spec{.name = GroupId{"web"}, .count = count, .image_sha256 = kBase};
  spec.container.argv = {"/bin/web"};
  return spec;
}

class Fleet : public testing::Test {
 protected:
  struct Instance {
    ports::CloudInstance seen;
    bool ended = false;
    bool joined = false;
  };
  struct Runs {
    NodeId node;
    ports::EpochName epoch;
    ports::NodeNames set;
  };

  void SetUp() override {
    price("a", 40'000);
    price("b", 50'000);
    price("c", 45'000);
    start();
  }

  void price(const std::string& zone, std::int64_t rate) {
    changes[{"m.large", zone}].push_back({now, {rate}});
  }

  void start() {
    control = std::make_unique<Control>(config());
    asked.clear();
    unsolved.reset();
    take(control->restart(disk.rows, now));
    if (!slow_solver) solve();
    for (const auto& [id, instance] : instances)
      if (instance.joined && !instance.ended) attach(NodeId{instance.seen.tags.at(kNodeTag)});
    settle();
  }

  void take(const Step& step) {
    ports::FakeStore store(disk);
    if (!step.writes.empty()) {
      ASSERT_TRUE(store.commit(disk.rows.version, step.writes));
    }
    for (const Command& command : step.commands) {
      if (const auto* ask = std::get_if<AskCloud>(&command)) asked.push_back(*ask);
      if (const auto* mail = std::get_if<Mail>(&command)) mails.push_back(mail->message);
      if (const auto* reply = std::get_if<Reply>(&command)) replies.push_back(reply->answer);
      if (const auto* note = std::get_if<NodeNote>(&command)) notes.push_back(note->text);
      if (const auto* change = std::get_if<Publish>(&command)) published.push_back(change->change);
      if (const auto* solve = std::get_if<Solve>(&command)) {
        EXPECT_FALSE(unsolved) << "a second one, before the first is answered";
        unsolved = *solve;
      }
    }
    wake = step.wake;
  }
  void tell(const Event& event) {
    take(control->on(event, now));
    if (!slow_solver) solve();
  }
  void solve_one() {
    ASSERT_TRUE(unsolved);
    const Solve due = *std::exchange(unsolved, std::nullopt);
    take(control->on(Solved{due.version, plan::make_plan(due.world)}, now));
  }
  void solve() {
    for (int round = 0; unsolved; ++round) {
      ASSERT_LT(round, 100) << "it never stops to plan";
      solve_one();
    }
  }
  ports::Answer request(ports::RequestBody body) {
    replies.clear();
    tell(ports::Request{++requests, "user", std::move(body)});
    EXPECT_EQ(replies.size(), 1U);
    return replies.empty() ? ports::Answer{unavailable("none")} : replies.front();
  }

  // --- The world.

  void attach(const NodeId& node) {
    tell(AgentSeen{node, true});
    say(node);
  }
  void say(const NodeId& node) {
    const ports::NodeState state{.boot_id = "boot",
                                 .address = "10.0.0.1",
                                 .port = 7001,
                                 .memory_mib = 2048,
                                 .vcpus = 2,
                                 .images = images_come ? images[node] : std::set<std::string>{}};
    tell(ports::Message{{}, node, ports::kControl, state});
  }
  void report(const GuestId& guest, const NodeId& from) {
    const auto at = runs.find(guest);
    ports::Report said;
    if (at != runs.end() && at->second.node == from)
      said = {.role = ports::RoleName::kHolds, .epoch = at->second.epoch, .held = at->second.epoch};
    tell(ports::Message{guest, from, ports::kControl, said});
  }
  void carry(const ports::Message& m) {
    const auto instance = instance_of(m.to);
    if (instance == instances.end() || instance->second.ended) return;
    const auto at = runs.find(m.guest);
    const bool here = at != runs.end() && at->second.node == m.to;
    if (const auto* t = std::get_if<ports::Take>(&m.body)) {
      if (!here || at->second.epoch.generation < t->generation)
        runs[m.guest] = {m.to, {t->generation, 0}, t->set}, ++starts;
      report(m.guest, m.to);
    } else if (const auto* order = std::get_if<ports::Order>(&m.body)) {
      if (here && order->generation > at->second.epoch.generation)
        at->second = {m.to, {order->generation, 0}, order->set};
      report(m.guest, m.to);
    } else if (const auto* move = std::get_if<ports::Move>(&m.body)) {
      if (!here || !at->second.set.contains(move->to)) return;
      at->second.node = move->to;
      ++at->second.epoch.hop;
      report(m.guest, move->to);
    } else if (const auto* seal = std::get_if<ports::Seal>(&m.body)) {
      if (here) return report(m.guest, m.to);
      tell(ports::Message{m.guest, m.to, ports::kControl, ports::Not{seal->generation, {}}});
    } else if (const auto* ask = std::get_if<ports::AskClear>(&m.body)) {
      if (!here)
        tell(ports::Message{m.guest, m.to, ports::kControl, ports::Clear{ask->generation}});
    } else if (std::holds_alternative<ports::AskReport>(m.body)) {
      report(m.guest, m.to);
    } else if (const auto* wanted = std::get_if<ports::ImagesWanted>(&m.body)) {
      images[m.to] = wanted->sha256;
      say(m.to);
    } else if (const auto* forget = std::get_if<ports::Forget>(&m.body)) {
      if (here) runs.erase(m.guest);
      tell(ports::Message{m.guest, m.to, ports::kControl, ports::Forgotten{forget->generation}});
    }
  }
  std::map<std::string, Instance>::iterator instance_of(const NodeId& node) {
    for (auto at = instances.begin(); at != instances.end(); ++at)
      if (at->second.seen.tags.at(kNodeTag) == node.value) return at;
    return instances.end();
  }
  ports::CloudAnswer answer(const ports::CloudCommand& command) {
    return std::visit(
        [&]<class T>(const T& c) -> ports::CloudAnswer {
          if constexpr (std::is_same_v<T, ports::Launch>) {
            for (const auto& [id, known] : instances)
              if (known.seen.client_token == c.client_token && scripts[id] == c.user_data)
                return ports::Launched{known.seen};
              else if (known.seen.client_token == c.client_token)
                return ports::CloudFailed{ports::CloudRefusal::kMismatch,
                                          {Code::kFailedPrecondition, "other parameters"}};
            if (full.contains({{c.type, c.zone}, c.capacity}))
              return ports::CloudFailed{ports::CloudRefusal::kPool,
                                        {Code::kResourceExhausted, "no capacity"}};
            const std::string id = std::format("i-{}", instances.size() + 1);
            instances[id].seen = {.id = id,
                                  .type = c.type,
                                  .zone = c.zone,
                                  .capacity = c.capacity,
                                  .state = ports::InstanceState::kRunning,
                                  .launched = now,
                                  .client_token = c.client_token,
                                  .tags = c.tags};
            scripts[id] = c.user_data;
            return ports::Launched{instances[id].seen};
          } else if constexpr (std::is_same_v<T, ports::Terminate>) {
            instances.at(c.instance).ended = true;
            return ports::Terminating{};
          } else if constexpr (std::is_same_v<T, ports::ListInstances>) {
            ports::Listed listed;
            for (const auto& [id, known] : instances) {
              listed.instances.push_back(known.seen);
              if (known.ended) listed.instances.back().state = ports::InstanceState::kTerminated;
            }
            return listed;
          } else if constexpr (std::is_same_v<T, ports::Examine>) {
            const Instance& known = instances.at(c.instance);
            ports::Examined examined{known.seen, {}};
            if (known.ended) examined.certificate = {c.instance, {ports::EndedBy::kUser, now, "x"}};
            return examined;
          } else if constexpr (std::is_same_v<T, ports::ReadPrices>) {
            return ports::PricesRead{changes};
          } else {
            return ports::TypesRead{{{.name = "m.large",
                                      .vcpus = 2,
                                      .memory_mib = 2560,
                                      .nests = true,
                                      .zones = {"a", "b", "c"}}}};
          }
        },
        command);
  }
  // Everything that can happen now happens.
  void settle() {
    for (int round = 0; round < 200; ++round) {
      if (!asked.empty()) {
        const AskCloud ask = asked.front();
        asked.erase(asked.begin());
        tell(ports::CloudEvent{ask.number, answer(ask.what)});
      } else if (!mails.empty()) {
        const ports::Message m = mails.front();
        mails.erase(mails.begin());
        carry(m);
      } else if (const auto id = unjoined()) {
        join(*id);
      } else if (wake && *wake <= now) {
        tell(Woken{});
      } else {
        return;
      }
    }
    ADD_FAILURE() << "it never settles: " << (wake ? (*wake - now).count() : 0) << " plan "
                  << (control->plan().look_again ? (*control->plan().look_again - now).count() : -1)
                  << " asked " << asked.size() << " mails " << mails.size();
  }
  std::optional<std::string> unjoined() const {
    for (const auto& [id, known] : instances)
      if (!known.joined && !known.ended && joins) return id;
    return std::nullopt;
  }
  void join(const std::string& id) {
    instances[id].joined = true;
    const std::string token = scripts[id].substr(scripts[id].find(' ') + 1);
    const auto node = request(ports::JoinNode{"hash-" + token.substr(6), "key-" + id});
    ASSERT_TRUE(node) << to_string(node.error());
    attach(std::get<ports::NodeView>(*node).node);
  }
  void pass(Duration time) {
    for (const Time end = now + time; now < end;) {
      now = wake && *wake > now && *wake < end ? *wake : end;
      tell(Woken{});
      settle();
    }
  }
  // Dead without a word.
  void kill(const NodeId& node) {
    instance_of(node)->second.ended = true;
    std::erase_if(runs, [&](const auto& run) { return run.second.node == node; });
    tell(AgentSeen{node, false});
    settle();
  }

  std::size_t living() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(instances, [](const auto& i) { return !i.second.ended; }));
  }
  ports::GuestView guest(const std::string& name) {
    const auto found = request(ports::ListGuests{.guest = GuestId{name}});
    return found ? std::get<ports::Listing<ports::GuestView>>(*found).items.front()
                 : ports::GuestView{};
  }
  std::string zone_of(const std::string& name) {
    return instance_of(runs.at(GuestId{name}).node)->second.seen.zone;
  }
  std::vector<ports::MoveView> moves() {
    return std::get<ports::Listing<ports::MoveView>>(*request(ports::ListMoves{})).items;
  }

  Time now{std::chrono::hours{1000}};
  ports::FakeStoreDisk disk;
  std::unique_ptr<Control> control;
  std::map<market::Pool, std::vector<market::PriceChange>> changes;
  std::set<std::pair<market::Pool, ports::CapacityType>> full;
  std::map<std::string, Instance> instances;
  std::map<std::string, std::string> scripts;
  std::map<GuestId, Runs> runs;
  std::map<NodeId, std::set<std::string>> images;  // That each node was told to have.
  std::vector<AskCloud> asked;
  std::vector<ports::Message> mails;
  std::vector<ports::Answer> replies;
  std::vector<std::string> notes;
  std::vector<ports::Change> published;
  std::optional<Solve> unsolved;
  bool slow_solver = false;  // Answers when solve() is called, not at once.
  std::optional<Time> wake;
  std::uint64_t requests = 0;
  int starts = 0;
  bool joins = true;
  bool images_come = true;
};

}  // namespace godwit::control
