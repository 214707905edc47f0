// JSON that is taken comes back from dump() as it was.
#include "base/fuzz.h"
#include "lib/json/json.h"

namespace godwit::fuzz {

Corpus corpus() {
  return {.seeds = {R"({"a":[1,-2,{"b":"\u00e9\ud83d\ude00"}],"c":null,"d":0.5e-3,"e":true})",
                    R"([[[["deep"]]],9223372036854775807,18446744073709551615,-0.0,""])"},
          .files = {"data/markets/auction-2015.json", "data/markets/steady.json",
                    "tests/demo/recorded_run.json"}};
}

bool try_input(std::string_view input) {
  const auto value = json::parse(input);
  if (!value) return refused(value.error());
  const auto again = json::parse(value->dump());
  CHECK(again && *again == *value);
  CHECK(value->integer(7) == again->integer(7) && value->natural(7) == again->natural(7));
  return true;
}

}  // namespace godwit::fuzz
