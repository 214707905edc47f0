// Trees survive writing and reading; bad bytes give an Error.
#include "lib/xml/xml.h"

#include <gtest/gtest.h>

namespace godwit::xml {
namespace {

TEST(Xml, RoundTrip) {
  Element root{.name = "Answer", .attributes = {{"xmlns", "http://x/?a=1&b"}}};
  root.add("requestId", "r-1");
  Element& set = root.add("tagSet");
  set.add("item").add("value", "<&>\"' \t\n \xc3\xa9");
  set.add("item").add("value", "");
  const auto read = parse(dump(root));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, root);
  EXPECT_EQ(read->text_at("requestId"), "r-1");
  EXPECT_EQ(read->text_at("tagSet/item/value"), "<&>\"' \t\n \xc3\xa9");
  EXPECT_EQ(read->text_at("tagSet/none/value"), "");
  EXPECT_EQ(read->find("tagSet")->all("item").size(), 2u);
}

TEST(Xml, ControlCharactersBecomeReplacement) {
  Element root{.name = "a", .text = std::string("x\x01\0y\x7f", 5)};
  EXPECT_EQ(parse(dump(root))->text, "x\xef\xbf\xbd\xef\xbf\xbdy\xef\xbf\xbd");
}

TEST(Xml, MalformedIsAnError) {
  const std::string deep = [] {
    std::string text;
    for (int i = 0; i < 70; ++i) text += "<a>";
    for (int i = 0; i < 70; ++i) text += "</a>";
    return text;
  }();
  for (const std::string& bad :
       {std::string(""), std::string("x"), std::string("<a>"), std::string("<a></b>"),
        std::string("<a/><b/>"), std::string("<a b></a>"), std::string("<a b=\"1></a>"),
        std::string("<a"), std::string("<!-- -->"), std::string("<a>\0</a>", 8), deep}) {
    const Error error = parse(bad).error_or(Error{});
    EXPECT_EQ(error.code, Code::kDataLoss) << bad.substr(0, 30);
    EXPECT_TRUE(error.message.starts_with("xml: ")) << error.message;
  }
  EXPECT_TRUE(parse("<a><b></c></a>").error().message.ends_with("at byte 8"));
}

// A DOCTYPE that defines entities is skipped; its entity stays as the text it is.
TEST(Xml, EntitiesAreNotExpanded) {
  const auto read = parse("<!DOCTYPE a [<!ENTITY e \"boom\">]><a>&e;</a>");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->text, "&e;");
}

// Every prefix of a message, and every message with one byte changed, is read or refused.
TEST(Xml, CutAndChangedBytesNeverCrash) {
  const std::string text =
      "<?xml version=\"1.0\"?><a b=\"c\"><d>e&amp;<![CDATA[f]]></d><!--g--></a>";
  int refused = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    refused += !parse(text.substr(0, i));
    for (const char c : {'<', '>', '&', '"', '\0', '\xff'}) {
      std::string changed = text;
      changed[i] = c;
      refused += !parse(changed);
    }
  }
  EXPECT_GT(refused, static_cast<int>(text.size()) / 2);
}

}  // namespace
}  // namespace godwit::xml
