// A guest's log file, as a crash or a full disk left it.
#include "base/fuzz.h"
#include "edges/guestlink/log_segment.h"

namespace godwit::fuzz {

Corpus corpus() {
  return {.seeds = {"boot 6b1c dropped 7\n1 1700000000000000 1 0 hello\n2 1700000000000001 2 1 \n",
                    "boot  dropped 0\n"}};
}

bool try_input(std::string_view input) {
  const auto summary = guestlink::summarize(input);
  if (!summary) return refused(summary.error());
  CHECK(summary->bytes <= input.size() && summary->lines <= input.size());
  const auto again = guestlink::summarize(input.substr(0, summary->bytes));
  CHECK(again && again->lines == summary->lines && again->last == summary->last);
  const auto lines = guestlink::parse_segment(input);
  if (!lines) return refused(lines.error());
  CHECK(lines->size() == summary->lines);
  return true;
}

}  // namespace godwit::fuzz
