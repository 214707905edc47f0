#include "lib/json/json.h"

#include <gtest/gtest.h>

namespace godwit::json {
namespace {

// What is written reads back; what is absent or of another kind reads as null or the fallback.
TEST(Json, ReadsWhatItWrites) {
  Value v;
  v.set("name", "a\"b\n").set("n", -7).set("yes", true).set("half", 0.5);
  v.set("list", Value::Array{1, "two", nullptr});
  const auto back = parse(v.dump());
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, v);
  EXPECT_EQ(v.dump(), R"({"half":0.5,"list":[1,"two",null],"n":-7,"name":"a\"b\n","yes":true})");
  EXPECT_EQ((*back)["list"].at(1).text(), "two");
  EXPECT_TRUE((*back)["none"]["deeper"].at(3).is_null());
  EXPECT_EQ((*back)["name"].integer(42), 42);
  EXPECT_EQ((*back)["n"].natural(5), 5u);
}

// Numbers at the edges of their types neither wrap nor throw.
TEST(Json, KeepsNumbersInRange) {
  EXPECT_EQ(parse("9223372036854775807")->integer(), INT64_MAX);
  EXPECT_EQ(parse("18446744073709551615")->integer(3), 3);
  EXPECT_DOUBLE_EQ(parse("18446744073709551615")->number(), 18446744073709551615.0);
  EXPECT_FALSE(parse("1e999"));
}

// Bad bytes give an Error, never a crash: each prefix of a text, and nesting that would eat the
// stack.
TEST(Json, RefusesWhatIsNotJson) {
  const std::string text = R"({"a":[1,{"b":"\u00e9"}],"c":null})";
  ASSERT_TRUE(parse(text));
  for (std::size_t n = 0; n < text.size(); ++n) EXPECT_FALSE(parse(text.substr(0, n))) << n;
  EXPECT_FALSE(parse(text + "x"));
  EXPECT_FALSE(parse("\xff\xfe"));
  EXPECT_FALSE(parse("\"\xc3\x28\""));
  const auto deep = parse(std::string(100000, '['));
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().code, Code::kDataLoss);
  EXPECT_TRUE(parse("[[[1]]]", 3));
  EXPECT_FALSE(parse("[[[1]]]", 2));
  EXPECT_EQ(Value("\xff").dump(), "\"\xef\xbf\xbd\"");
}

}  // namespace
}  // namespace godwit::json
