// A request in lines: method, target, headers "Name: value", an empty line, the body. As it stands
// it is refused, whatever its Authorization says, unless the secret made it; signed, it verifies.
#include <algorithm>

#include "base/fuzz.h"
#include "lib/sigv4/sigv4.h"

namespace godwit::fuzz {
namespace {

const Time kNow{std::chrono::seconds{1'440'938'160}};  // 2015-08-30 12:36:00 UTC.
const sigv4::Credentials kKey{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};

sigv4::Request read(std::string_view input) {
  sigv4::Request request;
  request.method = take_until(input, '\n');
  request.target = take_until(input, '\n');
  while (!input.empty()) {
    std::string_view line = take_until(input, '\n');
    if (line.empty()) break;
    const std::string_view name = take_until(line, ':');
    request.headers.emplace_back(std::string(name), std::string(line));
  }
  request.body = input;
  return request;
}

bool is_name(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

// Not with what sign() adds itself, nor with what is no header's name.
bool may_be_signed(const sigv4::Request& request) {
  bool host = false;
  for (const auto& [name, value] : request.headers) {
    if (name.empty() || !std::ranges::all_of(name, is_name)) return false;
    const auto is = [&name](std::string_view other) {
      return name.size() == other.size() &&
             std::equal(name.begin(), name.end(), other.begin(),
                        [](char a, char b) { return (a | 0x20) == (b | 0x20); });
    };
    if (is("Authorization") || is("X-Amz-Date") || is("X-Amz-Security-Token")) return false;
    if (name == "Host") host = true;
  }
  return host;
}

}  // namespace

Corpus corpus() {
  const std::string request = "GET\n/?Param1=value1&P%61ram2=&a=%20b\nHost:example.amazonaws.com\n";
  std::string authorized = request;
  for (const auto& [name, value] : sigv4::sign(read(request), kKey, "us-east-1", "ec2", kNow))
    authorized += name + ":" + value + "\n";
  return {.seeds = {request + "X-Other:  a   b \nx-other:c\n\nAction=X", authorized,
                    "POST\n/a/%7Eb/../c\nHost:h\n\n{}"},
          .runs = 10'000};
}

bool try_input(std::string_view input) {
  sigv4::Request request = read(input);
  const auto lookup = [](std::string_view id) -> std::optional<sigv4::Credentials> {
    if (id == kKey.access_key_id) return kKey;
    return std::nullopt;
  };
  const auto as_it_is = sigv4::verify(request, "ec2", kNow, lookup);
  if (!as_it_is) explained(as_it_is.error());
  if (!may_be_signed(request)) return as_it_is.has_value();
  for (auto& header : sigv4::sign(request, kKey, "r", "ec2", kNow))
    request.headers.push_back(std::move(header));
  const auto verified = sigv4::verify(request, "ec2", kNow, lookup);
  CHECK(verified && verified->access_key_id == kKey.access_key_id);
  request.body += '.';
  CHECK(!sigv4::verify(request, "ec2", kNow, lookup));
  return true;
}

}  // namespace godwit::fuzz
