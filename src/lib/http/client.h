// An HTTP/1.1 client, plain or over TLS: one request, one connection, one response.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "lib/http/message.h"
#include "lib/io/loop.h"

namespace godwit::http {

// Whom the certificate of a server must be signed by.
class Trust;
// The certificates in `authorities` (PEM) and nobody else; empty: those that this host trusts.
Result<std::shared_ptr<const Trust>> make_trust(const std::string& authorities);

struct Address {
  std::string host;  // Numeric, IPv4 or IPv6; with `trust` also a name, which is looked up.
  std::uint16_t port = 80;
  // None: plain HTTP. Else TLS 1.2 or later, and the certificate must be for `host`.
  std::shared_ptr<const Trust> trust = {};
};

// "http://10.0.200.10:8080", "https://ec2.eu-west-1.amazonaws.com", also with a '/' at its end.
// `authorities` as in make_trust, for https alone. InvalidArgument: another scheme, a host of http
// that is a name, anything behind, authorities that are no certificates.
Result<Address> parse_address(std::string_view url, const std::string& authorities = "");

// What a request names as its host: the port only where it is not the scheme's own.
std::string host_header(const Address& address);

// Adds Host (if absent), Content-Length and Connection: close. A response of any status is success.
// Unavailable: nobody listens, the connection broke, or the server's certificate is not trusted;
// DeadlineExceeded: `limits.idle` passed (the request may have been done); DataLoss: not HTTP or
// above a limit; InvalidArgument: a header or target with control characters, which would be
// another request to the server.
io::Task<Result<Response>> fetch(Address address, Request request, Limits limits = {});

// Takes a piece of a body, in order; a failure ends the fetch with it.
using Sink = std::function<Status(std::string_view piece)>;
// The same for a body of any size: one of status 200 goes to `sink` piece by piece, bounded only by
// `body_bytes_max`, and `body` is empty; any other is in `body`, within the limits. `limits.idle`
// is for each piece. A body that ends before its Content-Length is Unavailable, when some of it has
// been given to the sink.
io::Task<Result<Response>> fetch_into(Address address, Request request,
                                      std::uint64_t body_bytes_max, Sink sink, Limits limits = {});

}  // namespace godwit::http
