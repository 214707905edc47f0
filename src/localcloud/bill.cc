#include "localcloud/bill.h"

#include <algorithm>

#include "base/check.h"
#include "localcloud/text.h"

namespace godwit::localcloud {
namespace {

using std::chrono::seconds;

struct Segment {
  std::int64_t seconds = 0;
  MicroUsdPerHour rate;
};

std::int64_t seconds_between(Time from, Time to) {
  const auto used = std::chrono::duration_cast<seconds>(whole_seconds(to) - whole_seconds(from));
  CHECK(used.count() >= 0);
  return used.count();
}

MicroUsd sum(const std::vector<Segment>& segments, std::int64_t period_s) {
  MicroUsd total;
  for (const Segment& s : segments)
    total += MicroUsd{(2 * s.rate.value * s.seconds + period_s) / (2 * period_s)};
  return total;
}

void reach_minimum(std::vector<Segment>& segments, std::int64_t used, std::int64_t minimum) {
  if (used < minimum) segments.back().seconds += minimum - used;
}

std::vector<Segment> locked(const BillingRule& rule, Time start, std::int64_t used,
                            const Market& market, const Pool& pool) {
  std::vector<Segment> segments;
  for (std::int64_t at = 0; at == 0 || at < used; at += rule.period_s)
    segments.push_back(
        {std::min(rule.period_s, used - at), market.price(pool, start + seconds{at})});
  return segments;
}

std::vector<Segment> in_effect(Time start, std::int64_t used, const Market& market,
                               const Pool& pool) {
  const Time end = start + seconds{used};
  std::vector<Segment> segments{{0, market.price(pool, start)}};
  Time from = start;
  for (const PriceChange& change : market.changes(pool, start, end)) {
    if (change.time <= start || change.time >= end || change.price == segments.back().rate)
      continue;
    segments.back().seconds = seconds_between(from, change.time);
    segments.push_back({0, change.price});
    from = change.time;
  }
  segments.back().seconds = seconds_between(from, end);
  return segments;
}

std::int64_t whole_periods(const BillingRule& rule, std::int64_t used, bool last_is_free) {
  return last_is_free ? used / rule.period_s : (used + rule.period_s - 1) / rule.period_s;
}

}  // namespace

Charge charge_on_demand(const BillingRule& rule, const Usage& usage, MicroUsdPerHour rate) {
  const std::int64_t used = seconds_between(usage.start, usage.end);
  std::vector<Segment> segments{{used, rate}};
  if (rule.kind == BillingRule::Kind::kAuction)
    segments[0].seconds =
        whole_periods(rule, std::max<std::int64_t>(used, 1), false) * rule.period_s;
  else
    reach_minimum(segments, used, rule.minimum_s);
  return {used, sum(segments, rule.period_s)};
}

Charge charge_spot(const BillingRule& rule, const Usage& usage, const Market& market,
                   const Pool& pool) {
  const Time start = whole_seconds(usage.start);
  const std::int64_t used = seconds_between(usage.start, usage.end);
  std::vector<Segment> segments;
  if (rule.kind == BillingRule::Kind::kAuction) {
    // Begun is begun: an instance that the user ends in its first second pays its first hour.
    const std::int64_t begun = usage.ended_by_cloud ? used : std::max<std::int64_t>(used, 1);
    const std::int64_t periods = whole_periods(rule, begun, usage.ended_by_cloud);
    for (std::int64_t i = 0; i < periods; ++i)
      segments.push_back({rule.period_s, market.price(pool, start + seconds{i * rule.period_s})});
    return {used, sum(segments, rule.period_s)};
  }
  if (usage.ended_by_cloud && rule.first_period_free && used < rule.period_s) return {used, {}};
  segments = rule.rate == BillingRule::Rate::kLocked ? locked(rule, start, used, market, pool)
                                                     : in_effect(start, used, market, pool);
  reach_minimum(segments, used, rule.minimum_s);
  return {used, sum(segments, rule.period_s)};
}

}  // namespace godwit::localcloud
