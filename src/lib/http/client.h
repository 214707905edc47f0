// An HTTP/1.1 client: one request, one connection, one response.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "lib/http/message.h"
#include "lib/io/loop.h"

namespace godwit::http {

struct Address {
  std::string host;  // Numeric, IPv4 or IPv6.
  std::uint16_t port = 80;
};

// Adds Host (if absent), Content-Length and Connection: close. A response of any status is success.
// Unavailable: nobody listens or the connection broke; DeadlineExceeded: `limits.idle` passed (the
// request may have been done); DataLoss: not HTTP or above a limit; InvalidArgument: a header or
// target with control characters, which would be another request to the server.
io::Task<Result<Response>> fetch(Address address, Request request, Limits limits = {});

}  // namespace godwit::http
