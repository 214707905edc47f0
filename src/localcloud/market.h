// Spot prices and capacity per pool. Prices change on whole seconds only, so that whoever knows the
// price history as the API prints it can compute the bill to the micro-dollar.
#pragma once

#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/money.h"
#include "base/time.h"
#include "localcloud/catalog.h"

namespace godwit::localcloud {

// The price from `time` on, until the next one.
struct PriceChange {
  Time time;
  MicroUsdPerHour price;
  bool operator==(const PriceChange&) const = default;
};
using Series = std::map<Pool, std::vector<PriceChange>>;  // Each in order of time.

// "timestamp_utc,zone,instance_type,spot_usd_h" with a header row: data/NAME/prices.csv.
// InvalidArgument names the line. Rows may come in any order.
Result<Series> parse_series(std::string_view csv);

// Speed is put into the data, once, at load: what lies t after the series' first moment comes
// (t - skip) / factor after `start`. What comes before `start` is history from the beginning.
// The result is on whole seconds; of several changes that fall into one second the last stays.
struct Replay {
  Time start;
  Duration skip{0};
  std::int64_t factor = 1;  // >= 1.
};
Series compress(const Series& series, const Replay& replay);

class Market {
 public:
  // A pool is offered on spot if it has a series. Before its first change its first price holds.
  explicit Market(Series series) : series_(std::move(series)) {}

  bool offers(const Pool& pool) const { return series_.contains(pool); }
  const Series& series() const { return series_; }

  // The following want a pool that is offered.
  MicroUsdPerHour price(const Pool& pool, Time at) const;
  // When the price changes next, strictly after `after`.
  std::optional<Time> next_change(const Pool& pool, Time after) const;
  // The price in effect at `from` with the time since when (the first change's own time if `from`
  // is before it), then the changes up to and with `to`; changes to an equal price are left out.
  std::vector<PriceChange> changes(const Pool& pool, Time from, Time to) const;

  // From the next whole second on the price is `price`, whatever the series says, until set again;
  // nullopt gives the series back. The past does not change. Returns when it takes effect.
  Time set_price(const Pool& pool, std::optional<MicroUsdPerHour> price, Time now);

  // How many instances the pool holds; nullopt: any number. Spot and on-demand apart.
  std::optional<int> capacity(const Pool& pool, bool spot) const;
  void set_capacity(const Pool& pool, bool spot, std::optional<int> count);

 private:
  struct Override {
    Time time;
    std::optional<MicroUsdPerHour> price;
  };
  // The next time at which something may change. Asked for often: logarithmic.
  std::optional<Time> next_moment(const Pool& pool, Time after) const;
  std::vector<Time> moments(const Pool& pool) const;  // All at which something may change, sorted.

  Series series_;
  std::map<Pool, std::vector<Override>> overrides_;
  std::map<std::pair<Pool, bool>, int> capacity_;
};

}  // namespace godwit::localcloud
