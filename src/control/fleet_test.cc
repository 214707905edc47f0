// The control plane with a provider: from a spec to running guests, through refusals, deaths and
// its own restarts. Method: a small world answers its commands. Instances join as soon as they are
// launched, and agents do as they are told at once; the world is the truth that rows are held
// against.
#include <gtest/gtest.h>

#include <algorithm>
#include <format>
#include <memory>
#include <span>

#include "control/control.h"
#include "ports/fake_store.h"

namespace godwit::control {
namespace {

using std::chrono::seconds;

const std::string kBase(64, 'b');

Config config() {
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

ports::GroupSpec spec(std::uint32_t count = 1) {
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
    take(control->restart(disk.rows, now));
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
    }
    wake = step.wake;
  }
  void tell(const Event& event) { take(control->on(event, now)); }
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
  std::optional<Time> wake;
  std::uint64_t requests = 0;
  int starts = 0;
  bool joins = true;
  bool images_come = true;
};

// A spec leads to an instance in the cheapest pool, and the guest runs there.
TEST_F(Fleet, StartsAGroupOnTheCheapestSpot) {
  const auto applied = request(ports::ApplyGroup{spec()});
  ASSERT_TRUE(applied) << to_string(applied.error());
  pass(seconds{60});
  ASSERT_TRUE(runs.contains(GuestId{"web-1"}));
  EXPECT_EQ(zone_of("web-1"), "a");
  const ports::GuestView view = guest("web-1");
  EXPECT_EQ(view.phase, ports::GuestPhase::kRunning) << view.why;
  EXPECT_EQ(view.node, runs.at(GuestId{"web-1"}).node);
  EXPECT_EQ(starts, 1);
  // Room for its escape is elsewhere than in its pool.
  EXPECT_GE(runs.at(GuestId{"web-1"}).set.size(), 2U);
  EXPECT_TRUE(moves().empty());
}

// Nothing is started twice or leaks, wherever the control plane dies between intent and result.
TEST_F(Fleet, GoesOnFromItsRowsAfterEachLostAnswer) {
  for (int lost = 0; lost < 8; ++lost) {
    SCOPED_TRACE(lost);
    ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
    // So many answers come, then the control plane dies with what it has asked in flight: the cloud
    // has done it.
    for (int i = 0; i < lost && !asked.empty(); ++i) {
      const AskCloud ask = asked.front();
      asked.erase(asked.begin());
      tell(ports::CloudEvent{ask.number, answer(ask.what)});
    }
    for (const AskCloud& ask : asked) (void)answer(ask.what);
    start();
    pass(seconds{120});
    ASSERT_TRUE(runs.contains(GuestId{"web-1"}));
    std::set<std::string> nodes;
    for (const auto& [id, known] : instances) {
      if (known.ended) continue;
      EXPECT_TRUE(nodes.insert(known.seen.tags.at(kNodeTag)).second) << "two for one node";
      EXPECT_TRUE(disk.rows.nodes.contains(NodeId{known.seen.tags.at(kNodeTag)})) << id;
    }
    ASSERT_TRUE(request(ports::DeleteGroup{GroupId{"web"}}));
    pass(std::chrono::minutes{20});
    EXPECT_EQ(living(), 0U) << "nothing is paid for without guests";
    EXPECT_TRUE(disk.rows.groups.empty());
    EXPECT_TRUE(runs.empty());
  }
}

// An instance joins, and then the control plane dies before the answer of its launch was recorded:
// the token is gone, so the launch cannot be asked for again.
TEST_F(Fleet, KeepsWhoJoinedBeforeItsLaunchWasAnswered) {
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  for (int i = 0; i < 20 && instances.empty() && !asked.empty(); ++i) {
    const AskCloud ask = asked.front();
    asked.erase(asked.begin());
    const ports::CloudAnswer said = answer(ask.what);
    if (!std::holds_alternative<ports::Launch>(ask.what)) tell(ports::CloudEvent{ask.number, said});
  }
  ASSERT_EQ(instances.size(), 1U);
  join("i-1");
  const NodeId node{instances.at("i-1").seen.tags.at(kNodeTag)};
  start();
  pass(seconds{60});
  ASSERT_TRUE(disk.rows.nodes.contains(node)) << "it is a node still";
  EXPECT_EQ(disk.rows.nodes.at(node).instance, "i-1");
  EXPECT_FALSE(instances.at("i-1").ended);
  EXPECT_TRUE(runs.contains(GuestId{"web-1"}));
}

TEST_F(Fleet, PassesOverAPoolWithoutCapacity) {
  full.insert({{"m.large", "a"}, ports::CapacityType::kSpot});
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  pass(seconds{60});
  ASSERT_TRUE(runs.contains(GuestId{"web-1"}));
  EXPECT_EQ(zone_of("web-1"), "c");
}

TEST_F(Fleet, FallsBackToOnDemand) {
  full.insert({{"m.large", "a"}, ports::CapacityType::kSpot});
  for (const char* zone : {"b", "c"}) full.insert({{"m.large", zone}, ports::CapacityType::kSpot});
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  pass(seconds{60});
  ASSERT_TRUE(runs.contains(GuestId{"web-1"}));
  const auto at = instance_of(runs.at(GuestId{"web-1"}).node);
  EXPECT_EQ(at->second.seen.capacity, ports::CapacityType::kOnDemand);
}

// A node that dies without notice: its guest is started again elsewhere, and that is said.
TEST_F(Fleet, StartsAgainWhatANodeTookAlong) {
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  pass(seconds{60});
  const NodeId first = runs.at(GuestId{"web-1"}).node;
  kill(first);
  pass(seconds{120});
  ASSERT_TRUE(runs.contains(GuestId{"web-1"}));
  EXPECT_NE(runs.at(GuestId{"web-1"}).node, first);
  EXPECT_EQ(starts, 2);
  ASSERT_EQ(moves().size(), 1U);
  EXPECT_FALSE(moves().front().live);
  EXPECT_EQ(moves().front().reason, "loss");
  EXPECT_EQ(moves().front().source, first);
}

// Also if the control plane dies while the guest is started again: its memory is lost, and no
// restart of ours makes that a live move.
TEST_F(Fleet, TellsALossAsOneAfterItsOwnRestart) {
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  pass(seconds{60});
  const NodeId first = runs.at(GuestId{"web-1"}).node;
  instance_of(first)->second.ended = true;
  runs.clear();
  tell(Certified{first});
  for (int i = 0;
       i < 20 && disk.rows.guests.at(GuestId{"web-1"}).owner.kind != ports::GenerationKind::kTaken;
       ++i) {
    ASSERT_FALSE(mails.empty());
    const ports::Message m = mails.front();
    mails.erase(mails.begin());
    carry(m);
  }
  mails.clear();  // The TAKE with them.
  start();
  pass(seconds{60});
  ASSERT_EQ(moves().size(), 1U);
  EXPECT_FALSE(moves().front().live);
  EXPECT_EQ(moves().front().reason, "loss");
}

TEST_F(Fleet, MovesByHandAndDrains) {
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  pass(seconds{60});
  const NodeId first = runs.at(GuestId{"web-1"}).node;
  const auto dry = request(ports::DrainNode{first, true});
  ASSERT_TRUE(dry) << to_string(dry.error());
  ASSERT_EQ(std::get<ports::DrainView>(*dry).moves.size(), 1U);
  pass(seconds{5});
  EXPECT_EQ(runs.at(GuestId{"web-1"}).node, first) << "a dry run changes nothing";
  ASSERT_TRUE(request(ports::DrainNode{first, false}));
  pass(std::chrono::minutes{10});
  EXPECT_NE(runs.at(GuestId{"web-1"}).node, first);
  EXPECT_EQ(starts, 1) << "moved live";
  ASSERT_FALSE(moves().empty());
  EXPECT_EQ(moves().front().reason, "drain");
  EXPECT_EQ(moves().front().state, ports::MoveView::State::kDone);
  EXPECT_TRUE(instance_of(first)->second.ended) << "an empty drained node ends";
}

// A cordon does not stop a drain.
TEST_F(Fleet, DrainsOnWhenTheNodeIsCordonedMeanwhile) {
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  pass(seconds{60});
  const NodeId first = runs.at(GuestId{"web-1"}).node;
  ASSERT_TRUE(request(ports::DrainNode{first, false}));
  ASSERT_TRUE(request(ports::CordonNode{first}));
  EXPECT_TRUE(disk.rows.nodes.at(first).draining);
  ASSERT_TRUE(request(ports::UncordonNode{first}));
  EXPECT_FALSE(disk.rows.nodes.at(first).draining);
}

// An instance whose agent never says what it has is replaced, like one that never joins.
TEST_F(Fleet, ReplacesNodesThatAreOfNoUse) {
  joins = false;
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  settle();
  const std::size_t before = instances.size();
  ASSERT_GT(before, 0U);
  ASSERT_TRUE(request(ports::JoinNode{"hash-1", "key"}));  // And then is silent.
  pass(std::chrono::minutes{6});
  EXPECT_TRUE(instance_of(NodeId{"n-f-1"})->second.ended);
  EXPECT_GT(instances.size(), before);
}

// A guest goes, and may go, only where its image is; that it is brought there is said beforehand.
TEST_F(Fleet, LetsGuestsGoOnlyWhereTheirImagesAre) {
  images_come = false;
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  pass(seconds{60});
  const GuestId web{"web-1"};
  ASSERT_TRUE(runs.contains(web)) << "a cold start brings its image itself";
  const NodeId first = runs.at(web).node;
  EXPECT_EQ(runs.at(web).set, ports::NodeNames{first});
  const std::vector<NodeId> preparing = guest("web-1").preparing;
  ASSERT_FALSE(preparing.empty());
  const NodeId escape = preparing.front();
  EXPECT_NE(escape, first);
  EXPECT_EQ(images.at(escape), std::set<std::string>{kBase});
  const auto node = request(ports::ListNodes{.node = escape});
  EXPECT_EQ(std::get<ports::Listing<ports::NodeView>>(*node).items.front().preparing,
            std::vector<GuestId>{web});
  EXPECT_FALSE(control->plan().slack.at(first).reserved) << "an escape that is not of use yet";
  ASSERT_TRUE(request(ports::MigrateGuest{web, escape}));
  pass(seconds{60});
  EXPECT_EQ(runs.at(web).node, first);

  images_come = true;
  say(escape);
  pass(seconds{10});
  EXPECT_EQ(runs.at(web).node, escape) << "it was wanted there all the time";
  EXPECT_EQ(starts, 1);
  for (const auto& [id, wanted] : images) say(id);
  pass(seconds{60});
  EXPECT_TRUE(guest("web-1").preparing.empty());
  EXPECT_GE(runs.at(web).set.size(), 2U);
  EXPECT_TRUE(control->plan().slack.at(runs.at(web).node).reserved);

  // After a restart nothing is given up while nodes have not yet said what they have.
  const ports::NodeNames set = runs.at(web).set;
  start();
  pass(seconds{60});
  EXPECT_EQ(runs.at(web).set, set);
}

// What happened is known after a restart: events and moves with their numbers.
TEST_F(Fleet, KeepsItsJournalOverARestart) {
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  pass(seconds{60});
  const NodeId first = runs.at(GuestId{"web-1"}).node;
  ASSERT_TRUE(request(ports::DrainNode{first, false}));
  pass(std::chrono::minutes{10});
  ASSERT_FALSE(moves().empty());
  const ports::MoveView move = moves().front();
  tell(ports::Message{GuestId{"web-1"}, move.destination, ports::kControl,
                      ports::Moved{.attempt = {first, 1},
                                   .done = true,
                                   .stopped_us = 5,
                                   .resumed_us = 9,
                                   .bytes = 7,
                                   .epoch = move.epoch}});
  pass(seconds{2});
  const auto told = [&] {
    return std::get<ports::Listing<ports::EventView>>(*request(ports::ListEvents{.limit = 1000}))
        .items;
  };
  const auto events = told();
  const auto before = moves();
  ASSERT_FALSE(before.empty());
  EXPECT_EQ(before.front().bytes, 7U);
  EXPECT_EQ(before.front().resumed_us - before.front().stopped_us, 4);
  start();
  EXPECT_EQ(moves(), before);
  const auto after = told();
  ASSERT_GE(after.size(), events.size());
  EXPECT_TRUE(std::ranges::equal(events, std::span(after).first(events.size())));
}

// A steady fleet writes nothing.
TEST_F(Fleet, WritesNothingWhileNothingHappens) {
  ASSERT_TRUE(request(ports::ApplyGroup{spec(3)}));
  pass(std::chrono::minutes{30});
  const std::uint64_t before = disk.rows.version;
  pass(std::chrono::minutes{30});
  EXPECT_EQ(disk.rows.version, before);
}

TEST_F(Fleet, RefusesWhatCannotBeAndChangesNothing) {
  const std::uint64_t before = disk.rows.version;
  ports::GroupSpec other = spec();
  other.image_sha256 = std::string(64, 'c');
  EXPECT_EQ(request(ports::ApplyGroup{other}).error().code, Code::kFailedPrecondition);
  EXPECT_EQ(request(ports::DeleteGroup{GroupId{"none"}}).error().code, Code::kNotFound);
  EXPECT_EQ(request(ports::DrainNode{NodeId{"none"}}).error().code, Code::kNotFound);
  EXPECT_EQ(request(ports::CordonNode{NodeId{"none"}}).error().code, Code::kNotFound);
  EXPECT_EQ(request(ports::JoinNode{"hash-77", "k"}).error().code, Code::kPermissionDenied);
  EXPECT_EQ(disk.rows.version, before);
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  pass(seconds{60});
  other = spec();
  other.memory_mib = 1024;
  EXPECT_EQ(request(ports::ApplyGroup{other}).error().code, Code::kFailedPrecondition);
}

// A token is good for one key.
TEST_F(Fleet, LetsATokenBeUsedByOneKeyAlone) {
  ASSERT_TRUE(request(ports::ApplyGroup{spec()}));
  joins = false;
  settle();
  ASSERT_FALSE(instances.empty());
  EXPECT_TRUE(request(ports::JoinNode{"hash-1", "key"}));
  EXPECT_TRUE(request(ports::JoinNode{"hash-1", "key"})) << "its answer may have been lost";
  EXPECT_EQ(request(ports::JoinNode{"hash-1", "thief"}).error().code, Code::kPermissionDenied);
}

}  // namespace
}  // namespace godwit::control
