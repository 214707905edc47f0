#include "control/instances.h"

#include <algorithm>
#include <cstdlib>
#include <format>
#include <type_traits>
#include <utility>

#include "base/check.h"

namespace godwit::control {

using ports::NodeRow;
using ports::NodeStage;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// How soon the provider is asked again about one instance whose fate matters now.
constexpr Duration kLookEvery = seconds{2};
constexpr Duration kBackOffMax = seconds{60};
constexpr std::uint64_t kAddresses = (1U << 22) - 2;  // 100.64.0.1 to 100.127.255.254.

bool ours(const NodeRow& row) { return !row.type.empty(); }
bool exists(const NodeRow& row) { return ours(row) && !row.instance.empty() && !row.dead; }

std::string client_token(const NodeId& node, const NodeRow& row) {
  return std::format("{}-{}", node.value, row.attempt);
}

}  // namespace

void Instances::restart(const ports::Rows& rows, Time now) {
  rows_ = rows.nodes;
  counters_ = rows.fleet;
  Time first = now;
  for (const auto& [node, row] : rows_) {
    if (row.dead) dead_.insert(node);
    if (ours(row) && !row.dead) watch(node, now);
    if (row.launched > Time{}) first = std::min(first, row.launched);
  }
  if (!config_.provider) return;
  prices_since_ = first;
  types_at_ = prices_at_ = list_at_ = now;
}

// --- Wishes.

void Instances::launch(const NodeId& node, NodeRow wish, Time now, Step& step) {
  CHECK(config_.provider && config_.draw_token);
  CHECK(!rows_.contains(node));  // A name that was given stays taken, also by the dead.
  const std::uint64_t number =
      std::strtoull(node.value.c_str() + node.value.rfind('-') + 1, nullptr, 10);
  counters_.nodes_named = std::max(counters_.nodes_named, number);
  const Token token = config_.draw_token();
  wish.stage = NodeStage::kIntent;
  wish.attempt = 1;
  wish.token = token.text;
  wish.token_sha256 = token.sha256;
  rows_[node] = std::move(wish);
  step.writes.push_back(ports::FleetWrite{counters_});
  keep(node, step);
  send_launch(node, step);
  watch(node, now + config_.provider->join_max);
}

void Instances::send_launch(const NodeId& node, Step& step) {
  const NodeRow& row = rows_.at(node);
  ports::Launch launch{
      .client_token = client_token(node, row),
      .type = row.type,
      .zone = row.zone,
      .capacity = row.spot ? ports::CapacityType::kSpot : ports::CapacityType::kOnDemand,
      .nested = config_.provider->nested,
      .image = config_.provider->image,
      .user_data = config_.boot_script(node, row.token),
      .tags = {{kFleetTag, config_.incarnation}, {kNodeTag, node.value}}};
  if (row.spot && row.max_price.value > 0) launch.max_price = row.max_price;
  ask(Purpose::kLaunch, node, std::move(launch), step);
}

void Instances::end(const NodeId& node, const std::string& why, Time now, Step& step) {
  const auto at = rows_.find(node);
  if (at == rows_.end() || at->second.dead || !ours(at->second)) return;
  if (at->second.stage == NodeStage::kEnding) return;
  at->second.stage = NodeStage::kEnding;
  keep(node, step);
  note(node, std::format("is terminated: {}", why), step);
  look_after(node, now, step);
}

void Instances::abandon(const NodeId& node, Step& step) {
  const auto at = rows_.find(node);
  if (at == rows_.end() || at->second.dead || at->second.stage != NodeStage::kJoined) return;
  at->second.stage = NodeStage::kAbandoned;
  keep(node, step);
}

void Instances::set_cordon(const NodeId& node, bool cordoned, bool draining, Step& step) {
  NodeRow& row = rows_.at(node);
  if (row.cordoned == cordoned && row.draining == draining) return;
  row.cordoned = cordoned;
  row.draining = draining;
  keep(node, step);
}

void Instances::join_static(const NodeId& node, const std::string& address, Step& step) {
  // What is certified stays so; who joins again as it was changes nothing.
  const auto [at, first] = rows_.try_emplace(node);
  if (!first && at->second.address == address) return;
  at->second.address = address;
  keep(node, step);
}

Result<NodeId> Instances::join(const ports::JoinNode& wish, Step& step) {
  for (auto& [node, row] : rows_) {
    if (row.token_sha256.empty() || row.token_sha256 != wish.token_sha256 || row.dead) continue;
    if (row.key_sha256 == wish.key_sha256) return node;  // Its answer was lost.
    if (!row.key_sha256.empty() || row.stage == NodeStage::kEnding) break;
    row.key_sha256 = wish.key_sha256;
    row.token.clear();
    // Who joins before the provider's answer came has been launched all the same; the answer, or
    // the list, still brings the instance's id.
    if (row.stage == NodeStage::kLaunched) row.stage = NodeStage::kJoined;
    keep(node, step);
    note(node, "joined", step);
    return node;
  }
  return fail(Code::kPermissionDenied,
              "no node waits for this token: it was used, or its instance "
              "is no longer wanted");
}

// --- What agents say.

void Instances::on_state(const NodeId& node, const ports::NodeState& state, Time now, Step& step) {
  const auto at = rows_.find(node);
  if (at == rows_.end() || at->second.dead) return;
  states_[node] = state;
  NodeRow& row = at->second;
  if (!row.boot_id.empty() && row.boot_id != state.boot_id) {
    // Another boot of this instance: what the first one held is gone, but only the provider may say
    // so of a node.
    return end(node, "it was rebooted", now, step);
  }
  NodeRow next = row;
  next.boot_id = state.boot_id;
  next.address = state.address;
  next.port = state.port;
  next.memory_mib = state.memory_mib;
  next.vcpus = state.vcpus;
  if (next == row) return;
  row = next;
  keep(node, step);
}

void Instances::on_seen(const NodeId& node, bool attached, Time now) {
  if (attached) {
    attached_.insert(node);
    return;
  }
  attached_.erase(node);
  const auto at = rows_.find(node);
  if (at != rows_.end() && exists(at->second)) watch(node, now);  // It may have been ended.
}

const ports::NodeState* Instances::state(const NodeId& node) const {
  const auto at = states_.find(node);
  return at == states_.end() ? nullptr : &at->second;
}

std::optional<std::string> Instances::next_address(Step& step) {
  if (counters_.addresses_given >= kAddresses) return std::nullopt;
  const std::uint32_t ip = 0x64400000U + static_cast<std::uint32_t>(++counters_.addresses_given);
  step.writes.push_back(ports::FleetWrite{counters_});
  return std::format("{}.{}.{}.{}", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
}

// --- What the provider says.

void Instances::on_cloud(const ports::CloudEvent& event, Time now, Step& step, News& news) {
  const auto found = asked_.find(event.command);
  if (found == asked_.end()) return;
  const Asked asked = found->second;
  asked_.erase(found);
  std::visit(
      [&]<class T>(const T& a) {
        if constexpr (std::is_same_v<T, ports::Launched>) {
          on_launched(asked.node, a.instance, now, step);
        } else if constexpr (std::is_same_v<T, ports::Terminating>) {
          watch(asked.node, now + milliseconds{500});
        } else if constexpr (std::is_same_v<T, ports::Listed>) {
          failures_ = 0;
          on_listed(a, now, step);
        } else if constexpr (std::is_same_v<T, ports::Examined>) {
          on_examined(asked.node, a, now, step, news);
        } else if constexpr (std::is_same_v<T, ports::PricesRead>) {
          failures_ = 0;
          for (const auto& [pool, changes] : a.changes)
            if (!changes.empty())  // A little again: changes may be shown late.
              prices_since_ = std::max(prices_since_, changes.back().at - std::chrono::minutes{5});
          news.prices = a;
        } else if constexpr (std::is_same_v<T, ports::TypesRead>) {
          failures_ = 0;
          types_at_.reset();
          news.types = a;
        } else {
          on_failed(asked, a, now, step, news);
        }
      },
      event.answer);
}

void Instances::on_launched(const NodeId& node, const ports::CloudInstance& instance, Time now,
                            Step& step) {
  const auto at = rows_.find(node);
  if (at == rows_.end() || !at->second.instance.empty()) return;
  NodeRow& row = at->second;
  row.instance = instance.id;
  row.launched = instance.launched;
  if (row.address.empty()) row.address = instance.address;
  if (row.stage == NodeStage::kIntent)
    row.stage = row.key_sha256.empty() ? NodeStage::kLaunched : NodeStage::kJoined;
  keep(node, step);
  note(node,
       std::format("is {} {} {} in {}", instance.id, row.spot ? "spot" : "on-demand", row.type,
                   row.zone),
       step);
  watch(node, row.stage == NodeStage::kEnding ? now : now + config_.provider->join_max);
}

void Instances::on_failed(const Asked& asked, const ports::CloudFailed& failed, Time now,
                          Step& step, News& news) {
  using enum ports::CloudRefusal;
  const std::string why = to_string(failed.error);
  if (asked.node.value.empty()) {  // A question about the whole: it comes round again.
    const Time again = now + back_off(++failures_);
    if (asked.purpose == Purpose::kTypes) types_at_ = again;
    if (asked.purpose == Purpose::kPrices) prices_at_ = again;
    if (asked.purpose == Purpose::kList) list_at_ = again;
    if (failures_ == 1) note({}, std::format("the provider does not answer: {}", why), step);
    return;
  }
  const auto at = rows_.find(asked.node);
  if (at == rows_.end()) return;
  const bool final = failed.refusal == kPool || failed.refusal == kPrice ||
                     failed.refusal == kQuota || failed.refusal == kOffering ||
                     failed.refusal == kMismatch || failed.refusal == kRequest;
  if (asked.purpose == Purpose::kLaunch && final && at->second.instance.empty()) {
    // Nothing was launched by this attempt, and none of its node will be made: a new one gets a new
    // name, so a late instance of this one is an orphan, which is found by its tag.
    news.not_launched.push_back({asked.node, at->second, failed.refusal, why});
    note(asked.node, std::format("is not launched: {}", why), step);
    rows_.erase(at);
    watches_.erase(asked.node);
    step.writes.push_back(ports::NodeWrite{asked.node, std::nullopt});
    return;
  }
  Watch& watch = watches_[asked.node];
  watch.at = now + back_off(++watch.failures);
  if (watch.failures == 1) note(asked.node, why, step);
}

// What the list shows of ours that no row expects: old orphans are ended. What it does not show
// proves nothing.
void Instances::on_listed(const ports::Listed& listed, Time now, Step& step) {
  for (const ports::CloudInstance& instance : listed.instances) {
    const auto tag = instance.tags.find(kNodeTag);
    const NodeId node{tag == instance.tags.end() ? "" : tag->second};
    const auto at = rows_.find(node);
    const bool gone = instance.state == ports::InstanceState::kTerminated ||
                      instance.state == ports::InstanceState::kShuttingDown;
    if (at != rows_.end() && at->second.instance.empty() &&
        instance.client_token == client_token(node, at->second)) {
      on_launched(node, instance, now, step);
    }
    if (at != rows_.end() && at->second.instance == instance.id) {
      if (gone && !at->second.dead) look_after(node, now, step);
      continue;
    }
    if (gone || now - instance.launched < config_.provider->orphan_after) continue;
    note(node, std::format("ORPHAN {}: no row names it; it is terminated", instance.id), step);
    ask(Purpose::kTerminate, node, ports::Terminate{instance.id}, step);
  }
}

void Instances::on_examined(const NodeId& node, const ports::Examined& examined, Time now,
                            Step& step, News& news) {
  const auto at = rows_.find(node);
  if (at == rows_.end() || at->second.dead) return;
  if (const auto watched = watches_.find(node); watched != watches_.end())
    watched->second.failures = 0;
  if (examined.certificate && examined.certificate->instance == at->second.instance) {
    if (certify(node, examined.certificate->end, step)) news.certified.push_back(node);
    return;
  }
  const bool ending = examined.instance && examined.instance->end.has_value();
  if (ending || at->second.stage == NodeStage::kEnding || !attached(node))
    watch(node, now + kLookEvery);
}

bool Instances::certify(const NodeId& node, const std::optional<ports::InstanceEnd>& end,
                        Step& step) {
  if (!dead_.insert(node).second) return false;
  NodeRow& row = rows_[node];
  row.dead = true;
  row.token.clear();
  if (end) {
    row.ended = end->at.value_or(Time{});
    row.ended_by_provider = end->by == ports::EndedBy::kProvider;
    note(node, std::format("is dead: {}", end->reason), step);
  }
  keep(node, step);
  watches_.erase(node);
  states_.erase(node);
  return true;
}

// --- Time.

// One instance whose row wants something done, or whose fate is asked for.
void Instances::look_after(const NodeId& node, Time now, Step& step) {
  const auto at = rows_.find(node);
  if (at == rows_.end() || at->second.dead || !ours(at->second)) return;
  const NodeRow& row = at->second;
  watches_[node].at = now + kLookEvery;
  if (row.instance.empty() && !row.key_sha256.empty()) {
    // Who has joined was launched, and its token is gone: the same command cannot be sent again.
    // The list names it.
    list_at_ = now;
    return;
  }
  if (row.instance.empty()) {  // Also if it is unwanted by now: only then it can be undone.
    if (!under_way(Purpose::kLaunch, node)) send_launch(node, step);
    return;
  }
  const bool useless =
      row.stage == NodeStage::kLaunched || (row.stage == NodeStage::kJoined && row.memory_mib == 0);
  if (useless && now - row.launched >= config_.provider->join_max)
    return end(node, "its agent has not joined in time", now, step);
  if (row.stage == NodeStage::kEnding && !under_way(Purpose::kTerminate, node))
    ask(Purpose::kTerminate, node, ports::Terminate{row.instance}, step);
  if (!under_way(Purpose::kExamine, node))
    ask(Purpose::kExamine, node, ports::Examine{row.instance}, step);
}

void Instances::on_time(Time now, Step& step) {
  if (!config_.provider) return;
  const ProviderConfig& provider = *config_.provider;
  std::vector<NodeId> due;
  for (const auto& [node, watch] : watches_)
    if (watch.at <= now) due.push_back(node);
  for (const NodeId& node : due) {
    watches_.erase(node);
    look_after(node, now, step);
    // A node that is well needs no eye on it.
    const auto at = rows_.find(node);
    if (at != rows_.end() && at->second.stage == NodeStage::kJoined && at->second.memory_mib > 0 &&
        attached(node))
      watches_.erase(node);
  }
  if (types_at_ && *types_at_ <= now && !under_way(Purpose::kTypes, {})) {
    ports::ReadTypes types;
    for (const auto& [type, rate] : provider.on_demand) types.types.push_back(type);
    types_at_ = now + provider.prices_every;
    ask(Purpose::kTypes, {}, std::move(types), step);
  }
  if (prices_at_ && *prices_at_ <= now && !under_way(Purpose::kPrices, {})) {
    ports::ReadPrices prices{.since = prices_since_};
    for (const auto& [type, rate] : provider.on_demand) prices.types.push_back(type);
    prices_at_ = now + provider.prices_every;
    ask(Purpose::kPrices, {}, std::move(prices), step);
  }
  if (list_at_ && *list_at_ <= now && !under_way(Purpose::kList, {})) {
    list_at_ = now + provider.list_every;
    ask(Purpose::kList, {}, ports::ListInstances{kFleetTag, config_.incarnation}, step);
  }
}

std::optional<Time> Instances::wake() const {
  std::optional<Time> first;
  const auto at = [&first](std::optional<Time> when) {
    if (when && (!first || *when < *first)) first = when;
  };
  for (const auto& [node, watch] : watches_) at(watch.at);
  if (!config_.provider) return first;
  at(types_at_), at(prices_at_), at(list_at_);
  return first;
}

// --- Small.

void Instances::ask(Purpose purpose, const NodeId& node, ports::CloudCommand what, Step& step) {
  asked_[next_ask_] = {purpose, node};
  step.commands.push_back(AskCloud{next_ask_++, std::move(what)});
}

void Instances::keep(const NodeId& node, Step& step) {
  step.writes.push_back(ports::NodeWrite{node, rows_.at(node)});
}

void Instances::note(const NodeId& node, std::string text, Step& step) const {
  step.commands.push_back(NodeNote{node, std::move(text)});
}

bool Instances::under_way(Purpose purpose, const NodeId& node) const {
  return std::ranges::any_of(asked_, [&](const auto& asked) {
    return asked.second.purpose == purpose && asked.second.node == node;
  });
}

void Instances::watch(const NodeId& node, Time at) {
  const auto [found, first] = watches_.try_emplace(node, Watch{at});
  found->second.at = first ? at : std::min(at, found->second.at);
}

// Jitter is the edge's: here only one control plane asks.
Duration Instances::back_off(int failures) const {
  return std::min<Duration>(kBackOffMax, seconds{1} * (1 << std::min(failures - 1, 6)));
}

}  // namespace godwit::control
