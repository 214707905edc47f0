// Goal: the two guards of the maximum price. Method: three cases by two billing rules, each a
// golden of what is done when; the cloud of test_world.h does it at once.
//
//   rise   in the middle of a billed period the price rises towards the maximum, which is the bid
//   next   it is seen to be above the maximum when the next period begins
//   above  it jumps above the maximum and stays below the bid
#include "core/plan/guards.h"

#include <gtest/gtest.h>

#include <format>

#include "core/plan/test_world.h"

namespace godwit::plan {
namespace {

using std::chrono::minutes;
using Kind = market::BillingRule::Kind;

// A guest of half a node with at most 30,000: the ceiling of the node is 60,000. After it is
// settled in zone a, 20 minutes into its hour.
TestWorld one_guest(Kind kind, fleet::Bid bid) {
  TestWorld w;
  w.billing.kind = kind;
  w.policy.bid = bid;
  w.offer("c8i.large", "a", 30'000, 100'000);
  w.offer("c8i.large", "b", 35'000, 100'000);
  w.want("web", 1, 2048);
  w.group("web").maximum_price = MicroUsdPerHour{30'000};
  w.settle();
  w.now += minutes(20);
  return w;
}

// What is done, every ten seconds, with the price of zone a as given from a minute on.
std::string play(TestWorld& w, std::initializer_list<std::pair<int, std::int64_t>> prices,
                 int until) {
  std::string out;
  for (int s = 20 * 60; s <= until * 60; s += 10) {
    w.now = kStart + std::chrono::seconds(s);
    for (const auto& [at, price] : prices)
      if (at * 60 == s) w.price("c8i.large", "a", price);
    const std::string done = w.settle();
    if (!done.empty())
      out += std::format("{}:{:02}, {}:\n{}", s / 60, s % 60,
                         to_text(w.offerings.at(w.spot("c8i.large", "a")).rate), done);
  }
  return out;
}

TEST(Guards, RiseInAnAuction) {
  TestWorld w = one_guest(Kind::kAuction, fleet::Bid::kMaximum);
  EXPECT_EQ("\n" + play(w, {{25, 40'000}, {28, 50'000}, {31, 58'000}}, 65), R"(
31:00, 0.058000 $/h:
launch n-t-3 c8i.large/a on-demand at 0.100000 $/h, escape for web-1
move web-1 from n-t-1 to n-t-2, max-price
59:30, 0.058000 $/h:
terminate n-t-1: nobody needs it
)");
}
TEST(Guards, RisePerSecond) {
  TestWorld w = one_guest(Kind::kPerSecond, fleet::Bid::kMaximum);
  EXPECT_EQ("\n" + play(w, {{25, 40'000}, {28, 50'000}, {31, 58'000}}, 65), R"(
31:00, 0.058000 $/h:
launch n-t-3 c8i.large/a on-demand at 0.100000 $/h, escape for web-1
move web-1 from n-t-1 to n-t-2, max-price
33:00, 0.058000 $/h:
terminate n-t-1: nobody needs it
)");
}
TEST(Guards, NextPeriodInAnAuction) {
  TestWorld w = one_guest(Kind::kAuction, fleet::Bid::kOnDemand);
  EXPECT_EQ("\n" + play(w, {{50, 45'000}, {55, 59'000}}, 65), R"(
57:20, 0.059000 $/h:
launch n-t-3 c8i.large/a on-demand at 0.100000 $/h, escape for web-1
move web-1 from n-t-1 to n-t-2, max-price
59:30, 0.059000 $/h:
terminate n-t-1: nobody needs it
)");
}
TEST(Guards, NextPeriodPerSecond) {
  TestWorld w = one_guest(Kind::kPerSecond, fleet::Bid::kOnDemand);
  EXPECT_EQ("\n" + play(w, {{50, 45'000}, {55, 59'000}}, 65), R"(
55:00, 0.059000 $/h:
launch n-t-3 c8i.large/a on-demand at 0.100000 $/h, escape for web-1
move web-1 from n-t-1 to n-t-2, max-price
57:00, 0.059000 $/h:
terminate n-t-1: nobody needs it
)");
}
TEST(Guards, AboveInAnAuction) {
  TestWorld w = one_guest(Kind::kAuction, fleet::Bid::kOnDemand);
  EXPECT_EQ("\n" + play(w, {{25, 70'000}}, 65), R"(
57:20, 0.070000 $/h:
launch n-t-3 c8i.large/a on-demand at 0.100000 $/h, escape for web-1
move web-1 from n-t-1 to n-t-2, max-price
59:30, 0.070000 $/h:
terminate n-t-1: nobody needs it
)");
}
TEST(Guards, AbovePerSecond) {
  TestWorld w = one_guest(Kind::kPerSecond, fleet::Bid::kOnDemand);
  EXPECT_EQ("\n" + play(w, {{25, 70'000}}, 65), R"(
25:00, 0.070000 $/h:
launch n-t-3 c8i.large/a on-demand at 0.100000 $/h, escape for web-1
move web-1 from n-t-1 to n-t-2, max-price
27:00, 0.070000 $/h:
terminate n-t-1: nobody needs it
)");
}

TEST(Guards, ARiseInsideAPaidPeriodThatIsOverBeforeItsEndMovesNobody) {
  TestWorld w = one_guest(Kind::kAuction, fleet::Bid::kOnDemand);
  EXPECT_EQ(play(w, {{25, 70'000}, {40, 30'000}}, 65), "");
}

TEST(Guards, TheForecastProlongsARiseAndNeverAFall) {
  TestWorld w = one_guest(Kind::kPerSecond, fleet::Bid::kOnDemand);
  const fleet::Offering& o = w.offerings.at(w.spot("c8i.large", "a"));
  w.price("c8i.large", "a", 40'000);
  EXPECT_EQ(forecast(o, w, minutes(5)).value, 45'000);
  EXPECT_EQ(forecast(o, w, minutes(60)).value, 50'000);
  w.price("c8i.large", "a", 20'000);
  EXPECT_EQ(forecast(o, w, minutes(60)).value, 20'000);
}

TEST(Guards, APeriodEndsAnHourAfterTheLaunchAndEveryHourThen) {
  const market::BillingRule rule{.period_s = 600};
  EXPECT_EQ(period_end(kStart, rule, kStart), kStart + minutes(10));
  EXPECT_EQ(period_end(kStart, rule, kStart + minutes(10)), kStart + minutes(20));
  EXPECT_EQ(period_end(kStart, rule, kStart - minutes(1)), kStart + minutes(10));
}

}  // namespace
}  // namespace godwit::plan
