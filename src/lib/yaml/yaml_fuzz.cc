// Whatever the text, each node has a place in it, and an error points at one.
#include "base/fuzz.h"
#include "lib/yaml/yaml.h"

namespace godwit::fuzz {
namespace {

void check_places(const yaml::Node& node) {
  CHECK(node.at.line >= 1 && node.at.column >= 1);
  for (const yaml::Node& item : node.items) check_places(item);
  for (const auto& [key, value] : node.entries) {
    CHECK(key.kind == yaml::Kind::kScalar);
    check_places(value);
  }
}

}  // namespace

Corpus corpus() {
  return {.seeds = {"name: web\ncount: 3\nports:\n  - {port: 80, public: 8080}\n  - port: 443\n",
                    "a: 'it''s'\nb: \"\\u00e9\\n\"\nc: |\n  text\n  more\nd: >-\n  one\n  line\n",
                    "---\na: [1, 2, {b: c}]\n---\n# nothing\n---\n- x\n- ~\n- {}\n- []\n...\n"}};
}

bool try_input(std::string_view input) {
  const auto documents = yaml::parse(input);
  if (!documents) {
    CHECK(documents.error().message.contains(':'));
    return refused(documents.error());
  }
  for (const yaml::Node& document : *documents) check_places(document);
  return true;
}

}  // namespace godwit::fuzz
