// Forms and addresses: what is taken reads again after it was written.
#include "base/fuzz.h"
#include "lib/http/client.h"
#include "lib/http/message.h"

namespace godwit::fuzz {

Corpus corpus() {
  return {.seeds = {"Action=RunInstances&Version=2016-11-15&Filter.1.Value.1=a%20b+c&x&y=%C3%A9",
                    "a=1&&b==2&c=", "http://10.0.200.10:8080/", "http://[fd00::1]:80",
                    "http://127.0.0.1"}};
}

bool try_input(std::string_view input) {
  const auto address = http::parse_address(input);
  if (!address) explained(address.error());
  const auto fields = http::parse_form(input);
  if (!fields) return refused(fields.error());
  std::string text;
  for (const auto& [name, value] : *fields)
    text += http::percent_encode(name) + '=' + http::percent_encode(value) + '&';
  CHECK(http::parse_form(text) == *fields);
  const http::Request request{.target = std::string(input)};
  CHECK(request.path().size() + request.query().size() <= input.size());
  return true;
}

}  // namespace godwit::fuzz
