// How long a plan takes, against the number of guests. Four fleets: one that starts from nothing,
// one that has settled (what a price that changes nothing costs), one in which a pool gets much
// cheaper, and one in which a node is interrupted.
#include <benchmark/benchmark.h>

#include "core/plan/test_world.h"

namespace godwit::plan {
namespace {

using std::chrono::minutes;

// Four types in three zones, both capacity types: 24 offerings. Guests of four kinds; those of one
// are spread over pools by threes.
TestWorld wanted(int guests) {
  TestWorld w;
  const std::string sizes[] = {"large", "xlarge", "2xlarge", "4xlarge"};
  const std::string zones[] = {"a", "b", "c"};
  for (std::size_t zone = 0; zone < 3; ++zone)
    for (std::size_t size = 0; size < 4; ++size) {
      const std::int64_t on_demand = 100'000LL << size;
      const auto percent = static_cast<std::int64_t>(33 + 2 * ((zone * 5 + size * 3) % 7));
      w.offer("m8i." + sizes[size], zones[zone], on_demand * percent / 100, on_demand,
              7680u << size, 2u << size);
    }
  w.want("small", guests * 4 / 10, 512);
  w.want("middle", guests * 3 / 10, 1024);
  w.want("large", guests * 2 / 10, 2048, 2);
  for (int i = 0; i < guests / 10; ++i) {
    const std::string name = "spread" + std::to_string(i / 3);
    w.want(name, i % 3 + 1, 1024);
    w.group(name).spread = fleet::Spread::kPool;
  }
  return w;
}

TestWorld running(int guests) {
  TestWorld w = wanted(guests);
  w.settle();
  w.now += minutes(40);
  w.settle();
  w.now += minutes(40);
  w.settle();
  w.now += minutes(40);
  return w;
}

void start(benchmark::State& state) {
  const TestWorld w = wanted(static_cast<int>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(make_plan(w));
}

void steady(benchmark::State& state) {
  const TestWorld w = running(static_cast<int>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(make_plan(w));
}

void cheaper(benchmark::State& state) {
  TestWorld w = running(static_cast<int>(state.range(0)));
  w.price("m8i.xlarge", "c", 20'000);
  for (auto _ : state) benchmark::DoNotOptimize(make_plan(w));
}

void notice(benchmark::State& state) {
  TestWorld w = running(static_cast<int>(state.range(0)));
  w.notice(w.guest("small-1").on->value);
  for (auto _ : state) benchmark::DoNotOptimize(make_plan(w));
}

BENCHMARK(start)->Arg(10)->Arg(40)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond);
BENCHMARK(steady)->Arg(10)->Arg(40)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond);
BENCHMARK(cheaper)->Arg(10)->Arg(40)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond);
BENCHMARK(notice)->Arg(10)->Arg(40)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace godwit::plan

BENCHMARK_MAIN();
