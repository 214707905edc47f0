#include "lib/http/client.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <charconv>
#include <memory>
#include <variant>
#include <vector>

#include "lib/http/wire.h"

namespace godwit::http {

using asio::ip::tcp;

// The context is given to each connection and not changed any more.
class Trust {
 public:
  static Result<std::shared_ptr<const Trust>> make(const std::string& authorities) {
    auto trust = std::make_shared<Trust>();
    boost::system::error_code error;
    if (authorities.empty())
      trust->context_.set_default_verify_paths(error);
    else
      trust->context_.add_certificate_authority(asio::buffer(authorities), error);
    if (error) return invalid(std::format("authorities: {}", error.message()));
    trust->context_.set_verify_mode(asio::ssl::verify_peer);
    return trust;
  }
  asio::ssl::context& context() const { return context_; }

 private:
  mutable asio::ssl::context context_ = tls_context();
};

Result<std::shared_ptr<const Trust>> make_trust(const std::string& authorities) {
  return Trust::make(authorities);
}

namespace {

// RFC 1123: labels of letters, digits and hyphens.
bool is_host_name(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
  });
}

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
    message.set(beast::http::field::host, host_header(address));
  message.keep_alive(false);
  message.body() = std::move(request.body);
  message.prepare_payload();
  return message;
}

using Plain = beast::tcp_stream;
using Secure = asio::ssl::stream<beast::tcp_stream>;

// A connection on which the request has been sent.
struct Asked {
  std::string what;
  std::variant<std::unique_ptr<Plain>, std::unique_ptr<Secure>> stream;
  beast::flat_buffer buffer;

  Plain& tcp() {
    return std::visit([](auto& s) -> Plain& { return beast::get_lowest_layer(*s); }, stream);
  }
};

// The first of the host's addresses, and whether the host is one itself.
struct Found {
  tcp::endpoint endpoint;
  bool numeric = false;
};

io::Task<Result<Found>> look_up(const Address& address) {
  boost::system::error_code bad;
  const auto numeric = asio::ip::make_address(address.host, bad);
  if (!bad) co_return Found{{numeric, address.port}, true};
  if (!address.trust) co_return invalid(std::format("not a numeric address: {}", address.host));
  tcp::resolver resolver(co_await asio::this_coro::executor);
  const auto [error, found] =
      co_await resolver.async_resolve(address.host, std::to_string(address.port), kTuple);
  if (error || found.empty())
    co_return unavailable(std::format("look up {}: {}", address.host, error.message()));
  co_return Found{found.begin()->endpoint(), false};
}

io::Task<boost::system::error_code> shake_hands(Secure& stream, const Address& address,
                                                bool numeric) {
  stream.set_verify_callback(asio::ssl::host_name_verification(address.host));
  // Server name indication is for names only (RFC 6066, section 3).
  if (!numeric) SSL_set_tlsext_host_name(stream.native_handle(), address.host.c_str());
  const auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::client, kTuple);
  co_return error;
}

io::Task<Result<Asked>> ask(Address address, Request request, Limits limits) {
  Asked asked;
  asked.what = std::format("{} {}://{}:{}{}", request.method, address.trust ? "https" : "http",
                           address.host, address.port, request.path());
  CO_ASSIGN_OR_RETURN(const auto message, message_of(address, std::move(request)));
  CO_ASSIGN_OR_RETURN(const Found found, co_await look_up(address));
  const auto executor = co_await asio::this_coro::executor;
  if (address.trust)
    asked.stream = std::make_unique<Secure>(executor, address.trust->context());
  else
    asked.stream = std::make_unique<Plain>(executor);
  asked.tcp().expires_after(limits.idle);
  const auto [no_connection] = co_await asked.tcp().async_connect(found.endpoint, kTuple);
  if (no_connection) co_return failed(asked.what, no_connection);
  if (auto* secure = std::get_if<std::unique_ptr<Secure>>(&asked.stream))
    if (const auto error = co_await shake_hands(**secure, address, found.numeric))
      co_return failed(asked.what, error);
  const auto write = [&message](auto& stream) -> io::Task<boost::system::error_code> {
    const auto [error, sent] = co_await beast::http::async_write(*stream, message, kTuple);
    co_return error;
  };
  if (const auto not_sent = co_await std::visit(write, asked.stream))
    co_return failed(asked.what, not_sent);
  co_return asked;
}

template <class Parser>
io::Task<Result<Response>> read_whole(Asked& asked, Parser& parser) {
  const auto read = [&](auto& stream) -> io::Task<boost::system::error_code> {
    const auto [error, bytes] =
        co_await beast::http::async_read(*stream, asked.buffer, parser, kTuple);
    co_return error;
  };
  if (const auto not_read = co_await std::visit(read, asked.stream))
    co_return failed(asked.what, not_read);
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
  const auto read = [&](auto& stream) -> io::Task<boost::system::error_code> {
    const auto [error, bytes] =
        co_await beast::http::async_read_some(*stream, asked.buffer, parser, kTuple);
    co_return error;
  };
  while (!parser.is_done()) {
    parser.get().body().data = piece.data();
    parser.get().body().size = piece.size();
    asked.tcp().expires_after(idle);
    const auto error = co_await std::visit(read, asked.stream);
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

std::string host_header(const Address& address) {
  const bool six = address.host.contains(':');
  const std::string host = six ? std::format("[{}]", address.host) : address.host;
  const bool usual = address.port == (address.trust ? 443 : 80);
  return usual ? host : std::format("{}:{}", host, address.port);
}

Result<Address> parse_address(std::string_view url, const std::string& authorities) {
  const std::string shown(url);
  const bool secure = url.starts_with("https://");
  if (!secure && !url.starts_with("http://"))
    return invalid(std::format("'{}' is no http:// or https:// address", shown));
  url.remove_prefix(url.find("//") + 2);
  if (url.ends_with('/')) url.remove_suffix(1);
  Address address{.host = {}, .port = static_cast<std::uint16_t>(secure ? 443 : 80)};
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
  if (bad && !secure) return invalid(std::format("'{}' has no numeric host", shown));
  if (bad && !is_host_name(host)) return invalid(std::format("'{}' has no host", shown));
  address.host = host;
  if (!secure) return address;
  ASSIGN_OR_RETURN(address.trust, in_context(shown, make_trust(authorities)));
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
  const auto read = [&](auto& stream) -> io::Task<boost::system::error_code> {
    const auto [error, bytes] =
        co_await beast::http::async_read_header(*stream, asked.buffer, header, kTuple);
    co_return error;
  };
  if (const auto error = co_await std::visit(read, asked.stream))
    co_return failed(asked.what, error);
  if (header.get().result_int() == 200)
    co_return co_await read_pieces(asked, header, body_bytes_max, sink, limits.idle);
  if (header.content_length().value_or(0) > limits.body_bytes)
    co_return data_loss(std::format("{}: more than {} bytes", asked.what, limits.body_bytes));
  beast::http::response_parser<beast::http::string_body> parser(std::move(header));
  parser.body_limit(limits.body_bytes);
  asked.tcp().expires_after(limits.idle);
  co_return co_await read_whole(asked, parser);
}

}  // namespace godwit::http
