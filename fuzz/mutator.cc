#include "fuzz/mutator.h"

#include <algorithm>
#include <iterator>

namespace godwit::fuzz {
namespace {

using namespace std::string_view_literals;

// What parsers of JSON, XML, YAML, forms, headers, CSV and frames give a meaning to, or stumble on.
constexpr std::string_view kMarks[] = {
    "\""sv,      "\\"sv,      "{"sv,    "}"sv,     "["sv,
    "]"sv,       "<"sv,       ">"sv,    "</"sv,    "&"sv,
    "%"sv,       "%zz"sv,     ":"sv,    ": "sv,    ","sv,
    ";"sv,       "="sv,       "\n"sv,   "\r\n"sv,  "\0"sv,
    "\x7e"sv,    "\x7d"sv,    "\xff"sv, "\xc3("sv, "\xed\xa0\x80"sv,
    " "sv,       "\t"sv,      "'"sv,    "- "sv,    "#"sv,
    "/"sv,       "../"sv,     "&#0;"sv, "<!--"sv,  "]]>"sv,
    "\\ud800"sv, "\\u0000"sv, "null"sv, "true"sv,  "{}"sv,
    "[]"sv,      "\"\""sv,    "|"sv,    "? "sv,    "&a"sv,
    "*a"sv,      "---\n"sv,   "!!"sv,   "$"sv};

constexpr std::string_view kNumbers[] = {"0",
                                         "-1",
                                         "1",
                                         "007",
                                         "255",
                                         "256",
                                         "65535",
                                         "65536",
                                         "2147483647",
                                         "2147483648",
                                         "-2147483649",
                                         "4294967295",
                                         "4294967296",
                                         "9223372036854775807",
                                         "-9223372036854775808",
                                         "9223372036854775808",
                                         "18446744073709551616",
                                         "0.1",
                                         "-0.0",
                                         "1e9",
                                         "1e18",
                                         "1e308",
                                         "1e999",
                                         "99999999999999999999999999999999999999",
                                         "0.0000001",
                                         "1000001",
                                         "nan"};

bool in_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         c == '-' || c == '.';
}

struct Span {
  std::size_t begin, end;
};

// The word around or after `at`; empty at the end when there is none.
Span word_at(std::string_view text, std::size_t at) {
  while (at < text.size() && !in_word(text[at])) ++at;
  std::size_t begin = at, end = at;
  while (begin > 0 && in_word(text[begin - 1])) --begin;
  while (end < text.size() && in_word(text[end])) ++end;
  return {begin, end};
}

}  // namespace

std::string Mutator::next() {
  std::string text = any_seed();
  for (auto n = 1 + random_.below(6); n > 0; --n) change(text);
  text.resize(std::min(text.size(), kMaxBytes));
  return text;
}

void Mutator::change(std::string& text) {
  const std::size_t at = random_.below(text.size() + 1);
  if (random_.below(2) == 0)
    change_word(text, at);
  else
    change_bytes(text, at);
}

void Mutator::change_bytes(std::string& text, std::size_t at) {
  switch (random_.below(7)) {
    case 0:
      if (at < text.size()) text[at] ^= static_cast<char>(1U << random_.below(8));
      return;
    case 1:
      if (at < text.size()) text[at] = static_cast<char>(random_.below(256));
      return;
    case 2:
      text.insert(at, kMarks[random_.below(std::size(kMarks))]);
      return;
    case 3:
      text.erase(at, 1 + random_.below(24));
      return;
    case 4: {  // Repeated: depth and length.
      const std::string some = text.substr(at, 1 + random_.below(8));
      for (auto n = random_.below(100); n > 0; --n) text.insert(at, some);
      return;
    }
    case 5:
      text.insert(at, piece());
      return;
    default:
      text.resize(at);
  }
}

void Mutator::change_word(std::string& text, std::size_t at) {
  const Span span = word_at(text, at);
  const std::size_t size = span.end - span.begin;
  switch (random_.below(4)) {
    case 0:
      text.replace(span.begin, size, kNumbers[random_.below(std::size(kNumbers))]);
      return;
    case 1:
      text.replace(span.begin, size, word());
      return;
    case 2:
      text.replace(span.begin, size, kMarks[random_.below(std::size(kMarks))]);
      return;
    default:
      text.erase(span.begin, size);
  }
}

std::string Mutator::piece() {
  const std::string& from = any_seed();
  return from.substr(random_.below(from.size() + 1), 1 + random_.below(64));
}

std::string Mutator::word() {
  const std::string& from = any_seed();
  const Span span = word_at(from, random_.below(from.size() + 1));
  return from.substr(span.begin, span.end - span.begin);
}

}  // namespace godwit::fuzz
