#include "fuzz/corpus.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "base/fuzz.h"

namespace godwit::fuzz {

std::vector<std::string> read_corpus() {
  Corpus all = corpus();
  for (const std::string& path : all.files) {
    std::ifstream in(path, std::ios::binary);
    std::string text(kSeedBytes, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.empty()) {
      std::fprintf(stderr, "%s: cannot be read, start me in the checkout\n", path.c_str());
      std::exit(66);
    }
    if (text.size() == kSeedBytes) text.resize(text.rfind('\n') + 1);
    all.seeds.push_back(std::move(text));
  }
  return std::move(all.seeds);
}

}  // namespace godwit::fuzz
