// Goal: the ledger, computed only from what the provider's API shows, equals the provider's bill to
// the micro-dollar, under each billing rule. Method: real auction prices of 2015 in `godwit cloud`,
// 1,200 times faster, so that an instance-hour has three seconds; instances are launched, ended,
// reclaimed, killed and outbid at random; then both sides are compared item by item.
#include "core/market/billing.h"
#include "edges/ec2/local_cloud_test.h"

namespace godwit::ec2 {
namespace {

using namespace ports;
using market::BillingRule;
using market::BillLine;

const std::map<std::string, MicroUsdPerHour> kOnDemand = {{"c3.xlarge", {210'000}},
                                                          {"d2.8xlarge", {5'520'000}},
                                                          {"g2.2xlarge", {650'000}},
                                                          {"r3.large", {175'000}}};
constexpr int kActs = 50;

class BillTest : public LocalCloudTest,
                 public ::testing::WithParamInterface<std::pair<const char*, const char*>> {
 protected:
  void start_market() {
    start(std::format(
        R"({{"types": {{}}, "prices": {{}}, "types_file": "data/aws-2015-us-east-1/types.csv",
             "prices_file": "data/aws-2015-us-east-1/prices.csv", "compress": 1200,
             "skip_s": 86400, "notice_s": 1, "spot_vcpus_max": 10000,
             "on_demand_vcpus_max": 10000,
             "billing": {{"kind": "{}", "rate": "{}", "period_s": 3, "minimum_s": 2}}}})",
        GetParam().first, GetParam().second));
    make_client();
    rig_.emplace(rig());
  }

  std::string draw_type() { return std::next(kOnDemand.begin(), draw(4))->first; }
  int draw(int bound) { return static_cast<int>(random_.below(static_cast<unsigned>(bound))); }

  void launch(int number) {
    Launch launch{.client_token = std::format("bill-{}", number),
                  .type = draw_type(),
                  .zone = std::string("us-east-1") + "abe"[draw(3)],
                  .image = kImage,
                  .tags = {{"godwit", "bill"}}};
    if (draw(10) < 3)
      launch.capacity = CapacityType::kOnDemand;
    else
      launch.max_price = MicroUsdPerHour{12'000'000};
    const CloudAnswer got = rig_->ask(launch);
    if (const auto* failed = std::get_if<CloudFailed>(&got))
      EXPECT_EQ(failed->refusal, CloudRefusal::kPrice) << to_string(failed->error);
    else
      alive_.push_back(std::get<Launched>(got).instance);
  }

  // One random thing.
  void act(int number) {
    const int what = draw(100);
    if (what < 55 || alive_.empty()) return launch(number);
    const auto at = alive_.begin() + draw(static_cast<int>(alive_.size()));
    if (what < 70) {
      rig_->ask_for<Terminating>(Terminate{at->id});
      alive_.erase(at);
    } else if (what < 75) {
      ctl(std::format(R"({{"command": "kill", "instance": "{}"}})", at->id), false);
      alive_.erase(at);
    } else if (what < 90) {
      // Refused for what is not spot, or goes already.
      ctl(std::format(R"({{"command": "reclaim", "instance": "{}", "notice": {}}})", at->id,
                      draw(2) == 1),
          false);
    } else {
      const char* usd[] = {"0.07", "1.5", "13", "auto"};
      ctl(std::format(R"({{"command": "price", "pool": "{}/us-east-1{}", "usd": "{}"}})",
                      draw_type(), "abe"[draw(3)], usd[draw(4)]));
    }
  }

  std::vector<BillLine> ledger() {
    const BillingRule rule{
        .kind = GetParam().first == std::string("auction") ? BillingRule::Kind::kAuction
                                                           : BillingRule::Kind::kPerSecond,
        .rate = GetParam().second == std::string("locked") ? BillingRule::Rate::kLocked
                                                           : BillingRule::Rate::kInEffect,
        .period_s = 3,
        .minimum_s = 2};
    const auto prices = rig_->ask_for<PricesRead>(ReadPrices{}).changes;
    std::vector<BillLine> lines;
    for (const auto& i : rig_->ask_for<Listed>(ListInstances{"godwit", "bill"}).instances) {
      EXPECT_TRUE(i.end && i.end->at) << i.id;
      if (!i.end || !i.end->at) continue;
      ends_.insert(i.end->reason);
      const market::Usage usage{i.launched, *i.end->at, i.end->by == EndedBy::kProvider};
      std::optional<MicroUsd> cost =
          i.capacity == CapacityType::kSpot
              ? market::spot_cost(rule, usage, prices.at({i.type, i.zone}))
              : market::on_demand_cost(rule, usage, kOnDemand.at(i.type));
      EXPECT_TRUE(cost) << i.id;
      lines.push_back({i.id, cost.value_or(MicroUsd{-1})});
    }
    return lines;
  }

  std::vector<BillLine> bill() {
    std::vector<BillLine> lines;
    const json::Value answer = ctl(R"({"command": "bill"})");
    for (const json::Value& item : answer["items"].array())
      lines.push_back({item["instance"].text(), {item["micro_usd"].integer(-1)}});
    std::ranges::sort(lines, {}, &BillLine::instance);
    return lines;
  }

  std::optional<CloudRig> rig_;
  std::vector<CloudInstance> alive_;
  std::set<std::string> ends_;
};

std::string text(const std::vector<market::BillDifference>& differences) {
  std::string out;
  for (const auto& d : differences)
    out += std::format("{}: ledger {}, bill {}\n", d.instance,
                       d.ledger.value_or(MicroUsd{-1}).value, d.bill.value_or(MicroUsd{-1}).value);
  return out;
}

TEST_P(BillTest, TheLedgerEqualsTheBill) {
  start_market();
  for (int i = 0; i < kActs; ++i) {
    act(i);
    run(io::sleep(std::chrono::milliseconds{120}));
  }
  for (const CloudInstance& i : alive_) rig_->ask_for<Terminating>(Terminate{i.id});
  const auto ours = ledger();
  auto theirs = bill();
  EXPECT_GT(ours.size(), 15u);
  EXPECT_EQ(text(compare(ours, theirs)), "");
  EXPECT_TRUE(std::ranges::any_of(theirs, [](const BillLine& l) { return l.cost.value > 0; }));
  EXPECT_TRUE(ends_.contains("Client.UserInitiatedShutdown"));
  EXPECT_TRUE(ends_.contains("Server.SpotInstanceTermination"));
  // Of a bill that is wrong by one micro-dollar, the check finds exactly that line.
  BillLine& wrong = theirs[theirs.size() / 2];
  wrong.cost.value += 1;
  const auto found = compare(ours, theirs);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].instance, wrong.instance);
  EXPECT_EQ(*found[0].ledger + MicroUsd{1}, *found[0].bill);
}

INSTANTIATE_TEST_SUITE_P(Rules, BillTest,
                         ::testing::Values(std::pair{"per-second", "in-effect"},
                                           std::pair{"per-second", "locked"},
                                           std::pair{"auction", "locked"}));

}  // namespace
}  // namespace godwit::ec2
