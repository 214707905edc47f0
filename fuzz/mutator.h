// Inputs made of sound ones: a few changes each of bits, bytes, words, numbers and pieces. Without
// feedback from the code, so most of what it finds is near the seeds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace godwit::fuzz {

class Mutator {
 public:
  // At least one seed. The same seeds and number give the same inputs.
  Mutator(std::vector<std::string> seeds, std::uint64_t number)
      : seeds_(std::move(seeds)), random_(number) {}

  std::string next();  // At most kMaxBytes.

  static constexpr std::size_t kMaxBytes = 16 * 1024;

 private:
  void change(std::string& text);
  void change_bytes(std::string& text, std::size_t at);
  void change_word(std::string& text, std::size_t at);
  // A piece of some seed, up to 64 bytes.
  std::string piece();
  std::string word();
  const std::string& any_seed() { return seeds_[random_.below(seeds_.size())]; }

  std::vector<std::string> seeds_;
  Random random_;
};

}  // namespace godwit::fuzz
