// HTTP requests and responses as values, and the text of forms and query strings.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace godwit::http {

// In the order of the wire; a name may come more than once. Names compare without case.
using Headers = std::vector<std::pair<std::string, std::string>>;

// The first value of that name, or null. Lives as long as `headers`.
const std::string* find_header(const Headers& headers, std::string_view name);

struct Request {
  std::string method = "GET";
  std::string target = "/";  // Path and query as on the wire, percent-encoded.
  Headers headers;
  std::string body;

  std::string_view path() const;   // The target up to '?'.
  std::string_view query() const;  // After the '?'; empty without one.
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  // Of a server's answer: the path of a regular file that is sent in place of `body`, whatever its
  // size. Read piece by piece on the loop's thread. 500 if it cannot be opened; an answer cut short
  // if it shrinks meanwhile.
  std::string file;
};

struct Limits {
  std::size_t header_bytes = 16 * 1024;
  std::size_t body_bytes = 1024 * 1024;
  // For one whole message to arrive or to be written; of a streamed one, for each piece.
  Duration idle = std::chrono::seconds{30};
  std::size_t connections = 256;  // Of a server; more are closed unanswered.
};

// "a=1&b=x+y%21" to {a, 1}, {b, "x y!"}. InvalidArgument: a bad percent escape, or more than
// `max_fields` fields. An empty text has no fields; "a" is {a, ""}.
using Fields = std::vector<std::pair<std::string, std::string>>;
Result<Fields> parse_form(std::string_view text, std::size_t max_fields = 2000);

// RFC 3986: letters, digits and "-._~" stay, all else becomes %XX (a space too).
std::string percent_encode(std::string_view text);
// InvalidArgument: a '%' without two hexadecimal digits. '+' stays.
Result<std::string> percent_decode(std::string_view text);

}  // namespace godwit::http
