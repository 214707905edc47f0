#include "lib/http/server.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/serializer.hpp>
#include <optional>
#include <set>
#include <vector>

#include "lib/http/wire.h"

namespace godwit::http {

using asio::ip::tcp;
using Message = beast::http::response<beast::http::string_body>;

struct Server::State {
  State(io::Loop& l, Handler h, const Limits& m)
      : loop(l), acceptor(l.context()), handler(std::move(h)), limits(m) {}
  io::Loop& loop;
  tcp::acceptor acceptor;
  Handler handler;
  Limits limits;
  std::optional<asio::ssl::context> secure;
  std::set<beast::tcp_stream*> open;
  bool closed = false;
};

namespace {

Message message_of(Response response, unsigned version, bool keep_alive, bool is_head) {
  Message message(static_cast<beast::http::status>(response.status), version);
  for (const auto& [name, value] : response.headers)
    if (is_line(name) && is_line(value)) message.insert(name, value);
  message.keep_alive(keep_alive);
  const std::size_t size = response.body.size();
  if (!is_head) message.body() = std::move(response.body);
  message.content_length(size);
  return message;
}

int status_for(const boost::system::error_code& error) {
  if (error == beast::http::error::body_limit) return 413;
  if (error == beast::http::error::header_limit || error == beast::http::error::buffer_overflow)
    return 431;
  return 400;
}

// A broken connection is not answered; anything else that is no request is, and then closed.
bool is_malformed(const boost::system::error_code& error) {
  return error.category() == make_error_code(beast::http::error::bad_method).category() &&
         error != beast::http::error::end_of_stream && error != beast::http::error::partial_message;
}

// A regular file, open for reading.
class OpenFile {
 public:
  explicit OpenFile(const std::string& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    struct stat found{};
    if (fd_ >= 0 && ::fstat(fd_, &found) == 0 && S_ISREG(found.st_mode))
      size_ = static_cast<std::uint64_t>(found.st_size);
  }
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  std::optional<std::uint64_t> size() const { return size_; }
  // 0: the end, or a failure.
  std::size_t read(char* into, std::size_t bytes) const {
    const ssize_t got = ::read(fd_, into, bytes);
    return got > 0 ? static_cast<std::size_t>(got) : 0;
  }

 private:
  const int fd_;
  std::optional<std::uint64_t> size_;
};

// True when all of it was sent.
template <class Stream>
io::Task<bool> send_bytes(const Server::State& state, Stream& stream, const OpenFile& file) {
  std::vector<char> piece(kPieceBytes);
  std::uint64_t left = *file.size();
  while (left > 0) {
    const std::size_t got = file.read(
        piece.data(), static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, left)));
    if (got == 0) co_return false;  // It shrank: the length that we promised is not there.
    beast::get_lowest_layer(stream).expires_after(state.limits.idle);
    const asio::const_buffer bytes(piece.data(), got);
    const auto [failed, sent] = co_await asio::async_write(stream, bytes, kTuple);
    if (failed || state.closed) co_return false;
    left -= got;
  }
  co_return true;
}

template <class Stream>
io::Task<bool> send_file(const Server::State& state, Stream& stream, Response response,
                         unsigned version, bool keep_alive, bool is_head) {
  const OpenFile file(response.file);
  if (!file.size()) {
    Response missing{.status = 500};
    missing.body = "cannot be read\n";
    const Message message = message_of(std::move(missing), version, keep_alive, is_head);
    const auto [failed, written] = co_await beast::http::async_write(stream, message, kTuple);
    co_return !failed;
  }
  beast::http::response<beast::http::empty_body> head(
      static_cast<beast::http::status>(response.status), version);
  for (const auto& [name, value] : response.headers)
    if (is_line(name) && is_line(value)) head.insert(name, value);
  head.keep_alive(keep_alive);
  head.content_length(*file.size());
  beast::http::response_serializer<beast::http::empty_body> serializer(head);
  const auto [failed, written] =
      co_await beast::http::async_write_header(stream, serializer, kTuple);
  if (failed || state.closed) co_return false;
  co_return is_head || co_await send_bytes(state, stream, file);
}

// One request and its answer; false ends the connection.
template <class Stream>
io::Task<bool> serve_one(Server::State& state, Stream& stream, beast::flat_buffer& buffer) {
  beast::http::request_parser<beast::http::string_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(state.limits.header_bytes));
  parser.body_limit(state.limits.body_bytes);
  beast::get_lowest_layer(stream).expires_after(state.limits.idle);
  const auto [error, read] = co_await beast::http::async_read(stream, buffer, parser, kTuple);
  Response response;
  bool keep_alive = false, is_head = false;
  unsigned version = 11;
  if (error) {
    if (!is_malformed(error)) co_return false;
    response.status = status_for(error);
    response.body = error.message() + "\n";
  } else {
    auto message = parser.release();
    keep_alive = message.keep_alive();
    version = message.version();
    is_head = message.method() == beast::http::verb::head;
    Request request{.method = std::string(message.method_string()),
                    .target = std::string(message.target()),
                    .headers = headers_of(message),
                    .body = std::move(message.body())};
    beast::get_lowest_layer(stream).expires_never();
    if (state.closed) co_return false;  // The handler's own world may be gone.
    response = co_await state.handler(std::move(request));
    if (state.closed) co_return false;
  }
  beast::get_lowest_layer(stream).expires_after(state.limits.idle);
  if (!response.file.empty()) {
    const bool sent =
        co_await send_file(state, stream, std::move(response), version, keep_alive, is_head);
    co_return sent&& keep_alive;
  }
  const Message message = message_of(std::move(response), version, keep_alive, is_head);
  const auto [failed, written] = co_await beast::http::async_write(stream, message, kTuple);
  co_return !failed && keep_alive;
}

template <class Stream>
io::Task<void> serve_all(Server::State& state, Stream& stream) {
  beast::flat_buffer buffer(state.limits.header_bytes + state.limits.body_bytes);
  while (!state.closed && co_await serve_one(state, stream, buffer)) {
  }
}

io::Task<void> serve_secure(Server::State& state, beast::tcp_stream& tcp) {
  asio::ssl::stream<beast::tcp_stream&> stream(tcp, *state.secure);
  tcp.expires_after(state.limits.idle);
  const auto [refused] = co_await stream.async_handshake(asio::ssl::stream_base::server, kTuple);
  if (refused) co_return;
  co_await serve_all(state, stream);
  if (state.closed) co_return;
  tcp.expires_after(state.limits.idle);
  // The client may be gone: whoever is not is told that nothing was cut off.
  (void)co_await stream.async_shutdown(kTuple);
}

io::Task<void> serve(std::shared_ptr<Server::State> state, tcp::socket socket) {
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  beast::tcp_stream stream(std::move(socket));
  state->open.insert(&stream);
  if (state->secure)
    co_await serve_secure(*state, stream);
  else
    co_await serve_all(*state, stream);
  state->open.erase(&stream);
  stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
}

io::Task<void> accept_all(std::shared_ptr<Server::State> state) {
  while (!state->closed) {
    auto [error, socket] = co_await state->acceptor.async_accept(kTuple);
    if (state->closed) co_return;
    if (error) {  // Out of descriptors, or a peer that has gone already.
      co_await io::sleep(std::chrono::milliseconds{50});
      continue;
    }
    if (state->open.size() >= state->limits.connections) continue;
    state->loop.spawn(serve(state, std::move(socket)));
  }
}

}  // namespace

Result<std::unique_ptr<Server>> Server::listen(io::Loop& loop, const std::string& host,
                                               std::uint16_t port, Handler handler, Limits limits,
                                               const std::optional<tls::Identity>& identity) {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (error) return invalid(std::format("not a numeric address: {}", host));
  const tcp::endpoint endpoint(address, port);
  auto state = std::make_shared<State>(loop, std::move(handler), limits);
  if (identity) {
    state->secure.emplace(tls_context());
    state->secure->use_certificate_chain(asio::buffer(identity->certificate), error);
    if (!error)
      state->secure->use_private_key(asio::buffer(identity->key), asio::ssl::context::pem, error);
    if (error) return invalid(std::format("certificate and key: {}", error.message()));
  }
  state->acceptor.open(endpoint.protocol(), error);
  if (!error) state->acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) state->acceptor.bind(endpoint, error);
  if (!error) state->acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return system_error(std::format("listen on {}:{}", host, port), error.value());
  loop.spawn(accept_all(state));
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

Server::~Server() {
  state_->closed = true;
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  for (beast::tcp_stream* stream : state_->open) stream->close();
}

std::uint16_t Server::port() const {
  boost::system::error_code error;
  const auto local = state_->acceptor.local_endpoint(error);
  return error ? 0 : local.port();
}

}  // namespace godwit::http
