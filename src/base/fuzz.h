// What a fuzz target is. Each x_fuzz.cc beside a parser defines the two functions below and becomes
// the program fuzz_NAME_x: with the driver of fuzz/ a test of fixed length, in the preset `fuzz` a
// libFuzzer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/error.h"

namespace godwit::fuzz {

struct Corpus {
  std::vector<std::string> seeds;       // All sound; what is tried is made from them.
  std::vector<std::string> files = {};  // More of them, by their paths from the checkout.
  int runs = 20'000;                    // How many changed inputs ./check tries.
};
Corpus corpus();

// Tries one input; true when it was taken as sound. The law, whatever the bytes: no crash, no
// undefined behaviour, bounded memory; an Error has a text; what has a writer comes back from it as
// it was. A broken law is a failed CHECK.
bool try_input(std::string_view input);

// The law of errors: one that says nothing helps nobody.
inline void explained(const Error& error) { CHECK(!error.message.empty()); }
// For `return refused(error)`.
inline bool refused(const Error& error) {
  explained(error);
  return false;
}

// Takes what stands before the next `separator` from the front of `text`, and the separator.
inline std::string_view take_until(std::string_view& text, char separator) {
  const std::string_view taken = text.substr(0, text.find(separator));
  text.remove_prefix(taken.size() < text.size() ? taken.size() + 1 : taken.size());
  return taken;
}

}  // namespace godwit::fuzz
