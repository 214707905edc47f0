#include "localcloud/market.h"

#include <algorithm>

#include "base/check.h"
#include "localcloud/text.h"

namespace godwit::localcloud {

Result<Series> parse_series(std::string_view csv) {
  Series series;
  int number = 0;
  for (std::string_view line : split(csv, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (++number == 1 || line.empty()) continue;
    const auto fields = split(line, ',');
    const std::string what = std::format("prices, line {}", number);
    if (fields.size() != 4) return invalid(std::format("{}: {} fields", what, fields.size()));
    ASSIGN_OR_RETURN(const Time time, in_context(what, parse_time(fields[0])));
    ASSIGN_OR_RETURN(const auto price, in_context(what, parse_usd(fields[3])));
    series[{std::string(fields[2]), std::string(fields[1])}].push_back({time, price});
  }
  for (auto& [pool, changes] : series) std::ranges::stable_sort(changes, {}, &PriceChange::time);
  return series;
}

Series compress(const Series& series, const Replay& replay) {
  CHECK(replay.factor >= 1);
  std::optional<Time> first;
  for (const auto& [pool, changes] : series)
    if (!changes.empty() && (!first || changes.front().time < *first)) first = changes.front().time;
  Series out;
  for (const auto& [pool, changes] : series) {
    std::vector<PriceChange>& made = out[pool];
    for (const PriceChange& change : changes) {
      const Duration after = (change.time - *first - replay.skip) / replay.factor;
      const PriceChange moved{whole_seconds(replay.start + after), change.price};
      if (!made.empty() && made.back().time == moved.time)
        made.back() = moved;
      else
        made.push_back(moved);
    }
    if (made.empty()) out.erase(pool);
  }
  return out;
}

MicroUsdPerHour Market::price(const Pool& pool, Time at) const {
  if (const auto found = overrides_.find(pool); found != overrides_.end()) {
    const auto after = std::ranges::upper_bound(found->second, at, {}, &Override::time);
    if (after != found->second.begin() && std::prev(after)->price) return *std::prev(after)->price;
  }
  const auto found = series_.find(pool);
  CHECK(found != series_.end() && !found->second.empty());
  const auto after = std::ranges::upper_bound(found->second, at, {}, &PriceChange::time);
  return after == found->second.begin() ? after->price : std::prev(after)->price;
}

std::vector<Time> Market::moments(const Pool& pool) const {
  std::vector<Time> all;
  for (const PriceChange& change : series_.at(pool)) all.push_back(change.time);
  if (const auto found = overrides_.find(pool); found != overrides_.end())
    for (const Override& o : found->second) all.push_back(o.time);
  std::ranges::sort(all);
  return all;
}

std::optional<Time> Market::next_moment(const Pool& pool, Time after) const {
  std::optional<Time> next;
  if (const auto found = overrides_.find(pool); found != overrides_.end()) {
    const auto at = std::ranges::upper_bound(found->second, after, {}, &Override::time);
    if (at != found->second.end()) next = at->time;
    // What is set by hand hides the series.
    if (at != found->second.begin() && std::prev(at)->price) return next;
  }
  const std::vector<PriceChange>& series = series_.at(pool);
  const auto at = std::ranges::upper_bound(series, after, {}, &PriceChange::time);
  if (at != series.end() && (!next || at->time < *next)) next = at->time;
  return next;
}

std::optional<Time> Market::next_change(const Pool& pool, Time after) const {
  const auto now = price(pool, after);
  for (auto at = next_moment(pool, after); at; at = next_moment(pool, *at))
    if (price(pool, *at) != now) return at;
  return std::nullopt;
}

std::vector<PriceChange> Market::changes(const Pool& pool, Time from, Time to) const {
  std::vector<PriceChange> out;
  for (const Time moment : moments(pool)) {
    if (moment > to && !out.empty()) break;
    const PriceChange change{moment, price(pool, moment)};
    if (!out.empty() && out.back().price == change.price) continue;
    if (moment <= from) out.clear();  // A later one is in effect at `from`.
    out.push_back(change);
  }
  return out;
}

Time Market::set_price(const Pool& pool, std::optional<MicroUsdPerHour> price, Time now) {
  const Time at = whole_seconds(now) + std::chrono::seconds{1};
  std::vector<Override>& all = overrides_[pool];
  if (!all.empty() && all.back().time == at) all.pop_back();
  all.push_back({at, price});
  return at;
}

std::optional<int> Market::capacity(const Pool& pool, bool spot) const {
  const auto found = capacity_.find({pool, spot});
  return found == capacity_.end() ? std::nullopt : std::optional(found->second);
}

void Market::set_capacity(const Pool& pool, bool spot, std::optional<int> count) {
  if (count)
    capacity_[{pool, spot}] = *count;
  else
    capacity_.erase({pool, spot});
}

}  // namespace godwit::localcloud
