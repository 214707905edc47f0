// XML that is taken and written reads again, and the second time as it was written.
#include "base/fuzz.h"
#include "lib/xml/xml.h"

namespace godwit::fuzz {

Corpus corpus() {
  return {
      .seeds = {"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<R xmlns=\"http://x/\"><id>r-1</id>"
                "<set><item a=\"1\" b='2'>t &amp; &#233; &lt;</item><item/></set></R>",
                "<!DOCTYPE a [<!ENTITY e \"x\">]><a><!-- c --><?p i?><b><![CDATA[<&]]></b></a>"}};
}

bool try_input(std::string_view input) {
  const auto root = xml::parse(input);
  if (!root) return refused(root.error());
  const std::string text = xml::dump(*root);
  const auto again = xml::parse(text);
  CHECK(again);
  CHECK(xml::dump(*again) == text);
  return true;
}

}  // namespace godwit::fuzz
