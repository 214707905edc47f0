// The seeds of the target that this program is made of.
#pragma once

#include <string>
#include <vector>

namespace godwit::fuzz {

// Seeds and files together; of a file the first kSeedBytes, cut at a line's end. Ends the program
// when a file cannot be read: run it in the checkout.
std::vector<std::string> read_corpus();

inline constexpr std::size_t kSeedBytes = 8 * 1024;  // Longer ones only make each run slower.

}  // namespace godwit::fuzz
