// What server and client share of Beast. Included by this folder's sources only.
#pragma once

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "lib/http/message.h"

namespace godwit::http {

namespace asio = boost::asio;
namespace beast = boost::beast;

// Of streamed bodies. Large enough that a system call costs nothing beside its bytes.
inline constexpr std::size_t kPieceBytes = 64 * 1024;

inline constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

// A control character in a header or target would end it and begin another one.
inline bool is_line(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return (c >= 0 && c < 32) || c == 127; });
}

// TLS 1.2 is what EC2's endpoints ask for at least.
inline asio::ssl::context tls_context() {
  asio::ssl::context context(asio::ssl::context::tls);
  context.set_options(asio::ssl::context::no_sslv2 | asio::ssl::context::no_sslv3 |
                      asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
  return context;
}

template <class Fields>
Headers headers_of(const Fields& fields) {
  Headers headers;
  for (const auto& field : fields)
    headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  return headers;
}

}  // namespace godwit::http
