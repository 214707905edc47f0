#include "lib/http/client.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <charconv>
#include <memory>
#include <vector>

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

// A connection on which the request has been sent.
struct Asked {
  std::string what;
  std::unique_ptr<beast::tcp_stream> stream;
  beast::flat_buffer buffer;
};

io::Task<Result<Asked>> ask(Address address, Request request, Limits limits) {
  boost::system::error_code bad;
  const auto host = asio::ip::make_address(address.host, bad);
  if (bad) co_return invalid(std::format("not a numeric address: {}", address.host));
  Asked asked;
  asked.what =
      std::format("{} http://{}:{}{}", request.method, address.host, address.port, request.path());
  CO_ASSIGN_OR_RETURN(const auto message, message_of(address, std::move(request)));
  asked.stream = std::make_unique<beast::tcp_stream>(co_await asio::this_coro::executor);
  asked.stream->expires_after(limits.idle);
  const tcp::endpoint endpoint(host, address.port);
  const auto [no_connection] = co_await asked.stream->async_connect(endpoint, kTuple);
  if (no_connection) co_return failed(asked.what, no_connection);
  const auto [not_sent, sent] = co_await beast::http::async_write(*asked.stream, message, kTuple);
  if (not_sent) co_return failed(asked.what, not_sent);
  co_return asked;
}

template <class Parser>
io::Task<Result<Response>> read_whole(Asked& asked, Parser& parser) {
  const auto [not_read, read] =
      co_await beast::http::async_read(*asked.stream, asked.buffer, parser, kTuple);
  if (not_read) co_return failed(asked.what, not_read);
  auto answer = parser.release();
  co_return Response{.status = static_cast<int>(answer.result_int()),
                     .headers = headers_of(answer),
                     .body = std::move(answer.body())};
}

using Header = beast::http::response_parser<beast::http::empty_body>;

io::Task<Result<Response>> read_pieces(Asked& asked, Header& header, std::uint64_t body_bytes_max,
                                       const Sink& sink, Duration idle) {
  beast::http::response_parser<beast::http::buffer_body> parser(std::move(header));
  std::vector<char> piece(kPieceBytes);
  std::uint64_t left = body_bytes_max;
  while (!parser.is_done()) {
    parser.get().body().data = piece.data();
    parser.get().body().size = piece.size();
    asked.stream->expires_after(idle);
    const auto [error, read] =
        co_await beast::http::async_read_some(*asked.stream, asked.buffer, parser, kTuple);
    if (error && error != beast::http::error::need_buffer) co_return failed(asked.what, error);
    const std::string_view bytes(piece.data(), piece.size() - parser.get().body().size);
    if (bytes.empty()) continue;
    if (bytes.size() > left)
      co_return data_loss(std::format("{}: more than {} bytes", asked.what, body_bytes_max));
    left -= bytes.size();
    CO_TRY(sink(bytes));
  }
  co_return Response{.headers = headers_of(parser.get())};
}

}  // namespace

Result<Address> parse_address(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  const std::string shown(url);
  if (!url.starts_with(kScheme)) return invalid(std::format("'{}' is no http:// address", shown));
  url.remove_prefix(kScheme.size());
  if (url.ends_with('/')) url.remove_suffix(1);
  Address address;
  // An IPv6 address stands in brackets, since it has colons itself.
  const std::size_t colon = url.starts_with('[') ? url.find(':', url.find(']')) : url.find(':');
  std::string_view host = url.substr(0, std::min(colon, url.size()));
  if (colon != std::string_view::npos) {
    const std::string_view port = url.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    if (error != std::errc{} || end != port.data() + port.size() || address.port == 0)
      return invalid(std::format("'{}' has no port from 1 to 65535", shown));
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  boost::system::error_code bad;
  (void)asio::ip::make_address(host, bad);
  if (bad) return invalid(std::format("'{}' has no numeric host", shown));
  address.host = host;
  return address;
}

io::Task<Result<Response>> fetch(Address address, Request request, Limits limits) {
  const bool is_head = request.method == "HEAD";
  CO_ASSIGN_OR_RETURN(Asked asked, co_await ask(std::move(address), std::move(request), limits));
  beast::http::response_parser<beast::http::string_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes));
  parser.body_limit(limits.body_bytes);
  if (is_head) parser.skip(true);
  co_return co_await read_whole(asked, parser);
}

io::Task<Result<Response>> fetch_into(Address address, Request request,
                                      std::uint64_t body_bytes_max, Sink sink, Limits limits) {
  CO_ASSIGN_OR_RETURN(Asked asked, co_await ask(std::move(address), std::move(request), limits));
  Header header;
  header.header_limit(static_cast<std::uint32_t>(limits.header_bytes));
  header.body_limit(boost::none);  // Beast looks at it here only, and we do not know yet.
  const auto [error, read] =
      co_await beast::http::async_read_header(*asked.stream, asked.buffer, header, kTuple);
  if (error) co_return failed(asked.what, error);
  if (header.get().result_int() == 200)
    co_return co_await read_pieces(asked, header, body_bytes_max, sink, limits.idle);
  if (header.content_length().value_or(0) > limits.body_bytes)
    co_return data_loss(std::format("{}: more than {} bytes", asked.what, limits.body_bytes));
  beast::http::response_parser<beast::http::string_body> parser(std::move(header));
  parser.body_limit(limits.body_bytes);
  asked.stream->expires_after(limits.idle);
  co_return co_await read_whole(asked, parser);
}

}  // namespace godwit::http
