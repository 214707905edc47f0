// Values keep their place; what is refused is refused at its place; no bytes crash the reader.
#include "lib/yaml/yaml.h"

#include <gtest/gtest.h>

namespace godwit::yaml {
namespace {

TEST(Yaml, ValuesKnowTheirPlace) {
  const auto read = parse("# c\nname: web\nports:\n  - {port: 80}\n  - \"x: y\"\nempty:\n---\nb\n");
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->size(), 2u);
  const Node& top = (*read)[0];
  ASSERT_EQ(top.entries.size(), 3u);
  EXPECT_EQ(top.entries[0].value.text, "web");
  EXPECT_EQ(top.entries[0].value.at, (Place{2, 7}));
  const Node& ports = top.entries[1].value;
  EXPECT_EQ(ports.items[0].entries[0].value.at, (Place{4, 12}));
  EXPECT_EQ(ports.items[1].text, "x: y");
  EXPECT_EQ(top.entries[2].value.kind, Kind::kNull);
  EXPECT_EQ((*read)[1].text, "b");
  EXPECT_TRUE(parse("")->empty());
}

TEST(Yaml, RefusedAtItsPlace) {
  const std::string deep = std::string(40, '[') + std::string(40, ']');
  for (const auto& [text, error] : std::vector<std::pair<std::string, std::string>>{
           {"a: 1\na: 2\n", "2:1: 'a' twice: write it once"},
           {"a: &x 1\n", "1:4: anchors are not allowed: leave it out"},
           {"a: !t 1\n", "1:4: tags are not allowed: leave it out"},
           {"[1]: 2\n", "1:1: a key must be a word"},
           {"a: [1\n", "2:1: "},
           {"a:\n\tb: 1\n", "2:3: "},
           {"a: b: c\n", "1:5: "},
           {",", "1:1: nothing begins like this"},  // The library alone would not come back.
           {deep, "1:33: nested too deeply"}}) {
    const auto read = parse(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, Code::kInvalidArgument);
    EXPECT_TRUE(read.error().message.starts_with(error)) << read.error().message;
  }
}

// Every prefix, and every text with one byte changed, is read or refused.
TEST(Yaml, CutAndChangedBytesNeverCrash) {
  const std::string text = "a: [b, {c: 'd'}]\ne: |\n  f\n---\n- \"g\\n\" # h\n";
  int refused = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    refused += !parse(text.substr(0, i));
    for (const char c : {'[', '}', ':', '"', '\'', '\0', '\xff', '\n', '\t', '*', '&', '!', '%'}) {
      std::string changed = text;
      changed[i] = c;
      refused += !parse(changed);
    }
  }
  EXPECT_GT(refused, static_cast<int>(text.size()));
}

}  // namespace
}  // namespace godwit::yaml
