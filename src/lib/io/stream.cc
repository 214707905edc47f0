#include "lib/io/stream.h"

#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <memory>

namespace godwit::io {

namespace asio = boost::asio;

namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
using Endpoint = asio::generic::stream_protocol::endpoint;

std::unexpected<Error> asio_error(std::string_view what, const boost::system::error_code& error) {
  if (error == asio::error::operation_aborted)
    return fail(Code::kAborted, std::format("{}: closed", what));
  if (error.category() == boost::system::system_category())
    return system_error(what, error.value());
  return unavailable(std::format("{}: {}", what, error.message()));
}

// A socket path is short by nature (sun_path), and Asio throws on a longer one.
Result<Endpoint> unix_endpoint(const std::string& path) {
  if (path.empty() || path.size() > 107)
    return invalid(std::format("socket path of {} bytes: {}", path.size(), path));
  return asio::local::stream_protocol::endpoint(path);
}

Result<Endpoint> tcp_endpoint(const std::string& host, std::uint16_t port) {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (error) return invalid(std::format("not a numeric address: {}", host));
  return asio::ip::tcp::endpoint(address, port);
}

}  // namespace

Task<Result<Stream>> Stream::connect_unix(std::string path) {
  CO_ASSIGN_OR_RETURN(const Endpoint endpoint, unix_endpoint(path));
  Socket socket(co_await asio::this_coro::executor);
  const auto [error] = co_await socket.async_connect(endpoint, kTuple);
  if (error) co_return asio_error(std::format("connect {}", path), error);
  co_return Stream(std::move(socket));
}

Task<Result<Stream>> Stream::connect_tcp(std::string host, std::uint16_t port, Duration timeout) {
  CO_ASSIGN_OR_RETURN(const Endpoint endpoint, tcp_endpoint(host, port));
  Socket socket(co_await asio::this_coro::executor);
  asio::steady_timer timer(co_await asio::this_coro::executor, timeout);
  auto late = std::make_shared<bool>(false);
  timer.async_wait([&socket, late](const boost::system::error_code& cancelled) {
    if (cancelled || *late) return;
    *late = true;
    boost::system::error_code ignored;
    socket.close(ignored);
  });
  const auto [error] = co_await socket.async_connect(endpoint, kTuple);
  const std::string what = std::format("connect {}:{}", host, port);
  if (*late) co_return fail(Code::kDeadlineExceeded, std::format("{}: timed out", what));
  *late = true;  // A timer that has fired, but is still queued, leaves the moved socket alone.
  timer.cancel();
  if (error) co_return asio_error(what, error);
  boost::system::error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  co_return Stream(std::move(socket));
}

Task<Result<std::size_t>> Stream::read_some(std::span<char> buffer) {
  if (!ahead_.empty()) {
    const std::size_t n = ahead_.copy(buffer.data(), buffer.size());
    ahead_.erase(0, n);
    co_return n;
  }
  const auto [error, n] =
      co_await socket_.async_receive(asio::buffer(buffer.data(), buffer.size()), kTuple);
  if (error == asio::error::eof) co_return std::size_t{0};
  if (error) co_return asio_error("read", error);
  co_return n;
}

Task<Result<std::string>> Stream::read_line(std::size_t max_bytes) {
  std::size_t searched = 0;
  char buffer[4096];
  for (;;) {
    const std::size_t end = ahead_.find('\n', searched);
    if (std::min(end, ahead_.size()) > max_bytes)
      co_return data_loss(std::format("line longer than {} bytes", max_bytes));
    if (end != std::string::npos) {
      std::string line = ahead_.substr(0, end);
      ahead_.erase(0, end + 1);
      co_return line;
    }
    searched = ahead_.size();
    const auto [error, n] = co_await socket_.async_receive(asio::buffer(buffer), kTuple);
    if (error == asio::error::eof) co_return unavailable("read: end of stream");
    if (error) co_return asio_error("read", error);
    ahead_.append(buffer, n);
  }
}

Task<Status> Stream::write_all(std::string bytes) {
  const auto [error, n] = co_await asio::async_write(socket_, asio::buffer(bytes), kTuple);
  if (error) co_return asio_error("write", error);
  co_return Status{};
}

void Stream::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

Result<Listener> Listener::listen_unix(Loop& loop, const std::string& path) {
  ASSIGN_OR_RETURN(const Endpoint endpoint, unix_endpoint(path));
  ::unlink(path.c_str());
  Acceptor acceptor(loop.context());
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return asio_error(std::format("listen on {}", path), error);
  return Listener(std::move(acceptor));
}

Result<Listener> Listener::listen_tcp(Loop& loop, const std::string& host, std::uint16_t port) {
  ASSIGN_OR_RETURN(const Endpoint endpoint, tcp_endpoint(host, port));
  Acceptor acceptor(loop.context());
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return asio_error(std::format("listen on {}:{}", host, port), error);
  return Listener(std::move(acceptor));
}

Task<Result<Stream>> Listener::accept() {
  Stream::Socket socket(co_await asio::this_coro::executor);
  const auto [error] = co_await acceptor_.async_accept(socket, kTuple);
  if (error) co_return asio_error("accept", error);
  co_return Stream(std::move(socket));
}

std::uint16_t Listener::port() const {
  boost::system::error_code error;
  const Endpoint local = acceptor_.local_endpoint(error);
  if (error) return 0;
  const auto* address = static_cast<const sockaddr*>(local.data());
  if (address->sa_family == AF_INET)
    return ntohs(reinterpret_cast<const sockaddr_in*>(address)->sin_port);
  if (address->sa_family == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6*>(address)->sin6_port);
  return 0;
}

void Listener::close() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
}

}  // namespace godwit::io
