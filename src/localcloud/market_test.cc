// Series, bill and buckets by tables; the bill is also computed second by second.
#include "localcloud/market.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "base/random.h"
#include "localcloud/bill.h"
#include "localcloud/text.h"
#include "localcloud/throttle.h"

namespace godwit::localcloud {
namespace {

using namespace std::chrono;

const Time kStart = sys_days{2026y / November / 24};
const Pool kPool{"t", "z"};

std::string slurp(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Text, Money) {
  EXPECT_EQ(parse_usd("0.0345").value(), MicroUsdPerHour{34'500});
  EXPECT_EQ(parse_usd("10").value(), MicroUsdPerHour{10'000'000});
  EXPECT_EQ(parse_usd(".5").value(), MicroUsdPerHour{500'000});
  EXPECT_EQ(parse_usd("1.00000000").value(), MicroUsdPerHour{1'000'000});
  for (const char* bad :
       {"", ".", "-1", "1e3", "1.0000001", "1,5", " 1", "0x1", "1.2.3", "+1", "9999999"})
    EXPECT_FALSE(parse_usd(bad)) << bad;
  EXPECT_EQ(usd_text({34'500}), "0.034500");
}

TEST(Text, TimesAndBase64) {
  EXPECT_EQ(time_text(parse_time("2026-11-24T03:22:27.125Z").value()), "2026-11-24T03:22:27.125Z");
  EXPECT_EQ(time_text_seconds(parse_time("2026-11-24T03:22:27Z").value()), "2026-11-24T03:22:27Z");
  for (const char* bad :
       {"", "2026-11-24", "2026-11-24T03:22:27", "2026-13-24T03:22:27Z", "2026-02-30T03:22:27Z",
        "2026-11-24T24:22:27Z", "2026-11-24T03:22:27.Z", "2026-11-24T03:22:27+1Z"})
    EXPECT_FALSE(parse_time(bad)) << bad;
  EXPECT_EQ(decode_base64("aGVsbG8=").value(), "hello");
  EXPECT_EQ(decode_base64("aGVs\nbG8h").value(), "hello!");
  EXPECT_EQ(decode_base64("").value(), "");
  for (const char* bad : {"a", "aGVsbG8", "a===", "====", "aG=s", "a*Vs"})
    EXPECT_FALSE(decode_base64(bad)) << bad;
}

TEST(Series, RealOnesAreReadAndCompressed) {
  const auto series = parse_series(slurp("data/aws-2021-us-east-1/prices.csv"));
  ASSERT_TRUE(series) << series.error().message;
  EXPECT_EQ(series->size(), 24u);
  // A week in 24 h / 40: an hour is 90 s.
  const Series fast = compress(*series, {kStart, 24h, 40});
  const auto& one = fast.at({"c5.large", "us-east-1a"});
  EXPECT_EQ(one.front().time, kStart - 36min);
  EXPECT_EQ(one.front().price, MicroUsdPerHour{33'800});
  for (const auto& [pool, changes] : fast)
    for (std::size_t i = 0; i < changes.size(); ++i) {
      EXPECT_EQ(whole_seconds(changes[i].time), changes[i].time);
      if (i > 0) {
        EXPECT_GT(changes[i].time, changes[i - 1].time);
      }
    }
  const auto auction = parse_series(slurp("data/aws-2015-us-east-1/prices.csv"));
  ASSERT_TRUE(auction);
  EXPECT_EQ(auction->size(), 12u);
  EXPECT_EQ(parse_types(slurp("data/aws-2015-us-east-1/types.csv"))->size(), 4u);
}

TEST(Series, MalformedLinesAreNamed) {
  for (const char* line :
       {"2026-11-24T00:00:00Z,z,t", "yesterday,z,t,1", "2026-11-24T00:00:00Z,z,t,x", "a,b,c,d,e"})
    EXPECT_TRUE(
        parse_series(std::string("h\n") + line).error_or(Error{}).message.contains("line 2"))
        << line;
  EXPECT_TRUE(parse_series("")->empty());
  for (const char* line : {"a,0,1,x,1", "a,1,1,x", "a,1,-1,x,1", ",1,1,x,1", "a,1,1,x,free"})
    EXPECT_FALSE(parse_types(std::string("h\n") + line)) << line;
}

Market steps() {
  return Market({{kPool,
                  {{kStart, {30'000}},
                   {kStart + 90s, {45'001}},
                   {kStart + 100s, {30'000}},
                   {kStart + 7200s, {60'000}}}}});
}

// next_change() finds what walking second by second finds, with and without prices set by hand.
TEST(Series, NextChangeIsTheFirstSecondThatDiffers) {
  Random random(11);
  for (int round = 0; round < 100; ++round) {
    std::vector<PriceChange> changes;
    for (int t = 0; t < 60; t += 1 + static_cast<int>(random.below(9)))
      changes.push_back({kStart + seconds{t}, {static_cast<std::int64_t>(random.below(3))}});
    Market market({{kPool, changes}});
    for (int t = 0; t < 60; t += 5 + static_cast<int>(random.below(20))) {
      std::optional<MicroUsdPerHour> price;
      if (random.below(3) > 0) price = MicroUsdPerHour{static_cast<std::int64_t>(random.below(3))};
      market.set_price(kPool, price, kStart + seconds{t});
    }
    for (Time from = kStart - 2s; from < kStart + 70s; from += 1s) {
      std::optional<Time> walked;
      for (Time t = from + 1s; t < kStart + 80s && !walked; t += 1s)
        if (market.price(kPool, t) != market.price(kPool, from)) walked = t;
      EXPECT_EQ(market.next_change(kPool, from), walked);
    }
  }
}

struct Case {
  const char* what;
  BillingRule rule;
  std::int64_t start_s, used_s;
  bool by_cloud;
  std::int64_t micro_usd;
};

TEST(Bill, Table) {
  using Kind = BillingRule::Kind;
  using Rate = BillingRule::Rate;
  const BillingRule second{};
  const BillingRule lock{.rate = Rate::kLocked};
  const BillingRule auction{.kind = Kind::kAuction};
  const BillingRule fast_auction{.kind = Kind::kAuction, .period_s = 90};
  const Case cases[] = {
      {"minimum", second, 0, 1, false, 500},
      {"minimum at the last rate", second, 89, 2, false, 8 + 738},  // 8.33; 59 s: 737.5.
      {"segments rounded apart", second, 0, 200, false, 750 + 125 + 833},
      {"first hour free", second, 0, 3599, true, 0},
      {"the second hour is not", second, 0, 3600, true, 750 + 125 + 29'167},
      {"locked", lock, 0, 200, false, 1667},
      {"locked on a high price", lock, 95, 3605, false, 45'001 + 42},
      {"auction, user", auction, 0, 3601, false, 60'000},
      {"auction, user, at once", auction, 0, 0, false, 30'000},
      {"auction, exact hours", auction, 0, 7200, false, 60'000},
      {"auction, into the dear hour", auction, 0, 7201, false, 120'000},
      {"auction, interrupted in the dear hour", auction, 0, 10'799, true, 60'000},
      {"auction, interrupted in the first hour", auction, 0, 3599, true, 0},
      {"auction, hours of 90 s", fast_auction, 0, 91, false, 30'000 + 45'001},
  };
  const Market market = steps();
  for (const Case& c : cases) {
    const Time start = kStart + seconds{c.start_s};
    const Usage usage{start, start + seconds{c.used_s}, c.by_cloud};
    EXPECT_EQ(charge_spot(c.rule, usage, market, kPool), (Charge{c.used_s, {c.micro_usd}}))
        << c.what;
  }
}

TEST(Bill, OnDemand) {
  const BillingRule auction{.kind = BillingRule::Kind::kAuction};
  const auto charge = [](const BillingRule& rule, int used) {
    return charge_on_demand(rule, {kStart, kStart + seconds{used}}, {85'000}).amount.value;
  };
  EXPECT_EQ(charge({}, 10), 1417);
  EXPECT_EQ(charge({}, 3600), 85'000);
  EXPECT_EQ(charge({.period_s = 90}, 90), 85'000);
  EXPECT_EQ(charge(auction, 10), 85'000);
  EXPECT_EQ(charge(auction, 3601), 170'000);
}

// A rate in effect costs what the sum over its seconds costs, within half a micro-dollar for each
// segment.
TEST(Bill, InEffectIsTheSumOverItsSeconds) {
  Random random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<PriceChange> changes;
    Time at = kStart;
    for (int i = 0; i < 20; ++i) {
      changes.push_back({at, {static_cast<std::int64_t>(random.below(100'000))}});
      at += seconds{1 + random.below(300)};
    }
    const Market market({{kPool, changes}});
    const Time start = kStart + seconds{random.below(2000)};
    const Time end = start + seconds{60 + random.below(3000)};
    std::int64_t sum = 0;
    for (Time t = start; t < end; t += 1s) sum += market.price(kPool, t).value;
    const auto charge = charge_spot({}, {start, end}, market, kPool);
    EXPECT_NEAR(static_cast<double>(charge.amount.value), static_cast<double>(sum) / 3600, 10.5);
  }
}

TEST(Throttle, BucketsFillAndAreApart) {
  Throttle throttle({{"A", {2, 1}}}, {3, 2});
  EXPECT_TRUE(throttle.take("A", 1, kStart));
  EXPECT_TRUE(throttle.take("A", 1, kStart));
  EXPECT_FALSE(throttle.take("A", 1, kStart + 999999us));
  EXPECT_TRUE(throttle.take("A", 1, kStart + 1s));
  EXPECT_TRUE(throttle.take("B", 3, kStart));
  EXPECT_FALSE(throttle.take("B", 1, kStart));
  EXPECT_TRUE(throttle.take("C", 3, kStart));
  EXPECT_FALSE(throttle.take("A", 3, kStart + 240h));  // Never more than its size.
  EXPECT_TRUE(throttle.take("A", 2, kStart + 240h));
}

}  // namespace
}  // namespace godwit::localcloud
