// migration_bench [--json FILE] [--moves N] [--baseline] [--link MBIT]: see README.md. Exit 0: all
// figures hold; 1: one does not; 2: it could not be measured.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "bench/migration/bench.h"

namespace {

using namespace godwit;

struct Arguments {
  bench::Plan plan;
  std::string json;
};

Result<Arguments> read(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const std::string value = i + 1 < argc ? argv[i + 1] : "";
    const int number = std::atoi(value.c_str());
    if (word == "--baseline") {
      arguments.plan.baseline = true;
      continue;
    }
    if (word == "--json" && !value.empty()) {
      arguments.json = value;
    } else if (word == "--moves" && number > 0) {
      arguments.plan.moves = number;
    } else if (word == "--link" && number > 0) {
      arguments.plan.link_mbit = number;
    } else {
      return invalid(std::format("'{} {}' is no argument", word, value));
    }
    ++i;
  }
  return arguments;
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = read(argc, argv);
  if (!arguments) {
    std::fprintf(stderr,
                 "migration_bench: %s\nusage: migration_bench [--json FILE] [--moves N] "
                 "[--baseline] [--link MBIT]\n",
                 arguments.error().message.c_str());
    return 64;
  }
  const auto measured =
      bench::measure(arguments->plan, BENCH_AGENT, WITNESS_IMAGE, [](const std::string& line) {
        std::printf("%s\n", line.c_str());
        std::fflush(stdout);
      });
  if (!measured) {
    std::fprintf(stderr, "migration_bench: %s\n", to_string(measured.error()).c_str());
    return 2;
  }
  std::fputs(bench::to_text(*measured).c_str(), stdout);
  if (!arguments->json.empty()) {
    std::ofstream out(arguments->json);
    out << bench::to_json(*measured).dump() << '\n';
    out.close();
    if (!out) {
      std::fprintf(stderr, "migration_bench: %s cannot be written\n", arguments->json.c_str());
      return 2;
    }
  }
  return bench::figures(*measured).held ? 0 : 1;
}
