// The local cloud's files. A configuration that is taken makes a cloud that runs.
#include "base/fuzz.h"
#include "localcloud/config.h"
#include "localcloud/text.h"

namespace godwit::fuzz {
namespace {

using namespace localcloud;

const Time kNow{std::chrono::seconds{1'800'000'000}};

// Files that a configuration names are the operator's own; here there are none.
bool try_config(std::string_view input) {
  if (input.contains("_file\"")) return false;
  const auto config = parse_service_config(input);
  if (!config) return refused(config.error());
  const Replay replay{.start = kNow, .skip = config->skip, .factor = config->compress};
  Cloud cloud(config->cloud, Market(compress(config->series, replay)), kNow);
  for (const auto& [pool, changes] : cloud.market().series()) {
    const LaunchSpec spec{.type = pool.type, .zone = pool.zone};
    const auto launched = cloud.run(spec, false, kNow);
    CHECK(launched || !launched.error().code.empty());
    break;
  }
  Time now = kNow;
  for (int i = 0; i < 3; ++i) {
    now += std::chrono::hours{2};
    cloud.advance(now);
  }
  (void)cloud.bill(now);
  return true;
}

bool try_series(std::string_view input) {
  const auto series = parse_series(input);
  if (!series) return refused(series.error());
  for (const auto& [pool, changes] : *series)
    for (const PriceChange& change : changes) {
      CHECK(parse_usd(usd_text(change.price)) == change.price);
      CHECK(parse_time(time_text_seconds(change.time)) == whole_seconds(change.time));
    }
  return !series->empty();
}

}  // namespace

Corpus corpus() {
  return {.seeds = {R"({"types":{"c8i.large":{"vcpus":2,"memory_mib":4096,"on_demand_usd":"0.09",)"
                    R"("nested":true}},"prices":{"c8i.large/us-east-1a":"0.03"},)"
                    R"("images":{"ami-1":"node"},"buckets":{"RunInstances":[1000,100]},"port":80,)"
                    R"("zones":["us-east-1a","us-east-1b"],"skip_s":3600,"compress":10,)"
                    R"("billing":{"kind":"auction","rate":"locked","period_s":90,"minimum_s":0},)"
                    R"("launch_latency_ms":100,"visible_after_ms":0,"shutdown_ms":5000,)"
                    R"("notice_s":120,"notices_lost_percent":5,"pool_capacity":3,)"
                    R"("spot_vcpus_max":64,"on_demand_vcpus_max":64,"other_buckets":[100,20],)"
                    R"("launch_bucket":[1000,2],"seed":3,"credentials":[{"access_key_id":"A",)"
                    R"("secret_access_key":"S"}],"instances":{"rootfs":"/r","state_dir":"/s",)"
                    R"("mounts":[{"from":"/a","to":"/b"}],"cpu_percent_per_vcpu":10}})"},
          .files = {"data/aws-2021-us-east-1/prices.csv", "data/aws-2015-us-east-1/types.csv"},
          .runs = 10'000};
}

bool try_input(std::string_view input) {
  const auto types = parse_types(input);
  if (!types) explained(types.error());
  const bool table = types && !types->empty();
  return try_series(input) || table || try_config(input);
}

}  // namespace godwit::fuzz
