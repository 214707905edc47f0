#include "lib/http/client.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>

#include "lib/http/wire.h"

namespace godwit::http {
namespace {

using asio::ip::tcp;

std::unexpected<Error> failed(const std::string& what, const boost::system::error_code& error) {
  if (error == beast::error::timeout)
    return fail(Code::kDeadlineExceeded, std::format("{}: timed out", what));
  if (error.category() == make_error_code(beast::http::error::bad_method).category() &&
      error != beast::http::error::end_of_stream && error != beast::http::error::partial_message)
    return data_loss(std::format("{}: {}", what, error.message()));
  return unavailable(std::format("{}: {}", what, error.message()));
}

Result<beast::http::request<beast::http::string_body>> message_of(const Address& address,
                                                                  Request request) {
  const auto has_space = [](const std::string& t) { return t.contains(' '); };
  if (!is_line(request.target) || has_space(request.target) || request.target.empty())
    return invalid(
        std::format("request target of {} bytes is not one word", request.target.size()));
  beast::http::request<beast::http::string_body> message;
  message.method_string(request.method);
  message.target(request.target);
  message.version(11);
  for (const auto& [name, value] : request.headers) {
    if (!is_line(name) || !is_line(value))
      return invalid(std::format("control character in a header of {} bytes", name.size()));
    message.insert(name, value);
  }
  if (!find_header(request.headers, "host"))
    message.set(beast::http::field::host, std::format("{}:{}", address.host, address.port));
  message.keep_alive(false);
  message.body() = std::move(request.body);
  message.prepare_payload();
  return message;
}

}  // namespace

io::Task<Result<Response>> fetch(Address address, Request request, Limits limits) {
  boost::system::error_code bad;
  const auto host = asio::ip::make_address(address.host, bad);
  if (bad) co_return invalid(std::format("not a numeric address: {}", address.host));
  const std::string what =
      std::format("{} http://{}:{}{}", request.method, address.host, address.port, request.path());
  CO_ASSIGN_OR_RETURN(const auto message, message_of(address, std::move(request)));
  beast::tcp_stream stream(co_await asio::this_coro::executor);
  stream.expires_after(limits.idle);
  const tcp::endpoint endpoint(host, address.port);
  const auto [no_connection] = co_await stream.async_connect(endpoint, kTuple);
  if (no_connection) co_return failed(what, no_connection);
  const auto [not_sent, sent] = co_await beast::http::async_write(stream, message, kTuple);
  if (not_sent) co_return failed(what, not_sent);
  beast::http::response_parser<beast::http::string_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes));
  parser.body_limit(limits.body_bytes);
  if (message.method() == beast::http::verb::head) parser.skip(true);
  beast::flat_buffer buffer;
  const auto [not_read, read] = co_await beast::http::async_read(stream, buffer, parser, kTuple);
  if (not_read) co_return failed(what, not_read);
  auto answer = parser.release();
  co_return Response{.status = static_cast<int>(answer.result_int()),
                     .headers = headers_of(answer),
                     .body = std::move(answer.body())};
}

}  // namespace godwit::http
