// The targets under libFuzzer, whose main() takes the options (-runs=N -seed=N DIR...). With
// GODWIT_SEEDS=DIR it only writes the seeds there, a file each, to begin with.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <fstream>

#include "base/fuzz.h"
#include "fuzz/corpus.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* dir = std::getenv("GODWIT_SEEDS");
  if (!dir) return 0;
  std::filesystem::create_directories(dir);
  int number = 0;
  for (const std::string& seed : godwit::fuzz::read_corpus())
    std::ofstream(std::format("{}/seed-{}", dir, ++number), std::ios::binary) << seed;
  std::exit(0);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  (void)godwit::fuzz::try_input({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
