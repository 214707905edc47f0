// Byte streams over UNIX sockets and TCP, for one task at a time in each direction.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "lib/io/loop.h"

namespace godwit::io {

class Stream {
 public:
  // Unavailable or NotFound when nobody listens there. A UNIX path has at most 107 bytes.
  static Task<Result<Stream>> connect_unix(std::string path);
  // `host` is a numeric address, IPv4 or IPv6. Gives up after `timeout`.
  static Task<Result<Stream>> connect_tcp(std::string host, std::uint16_t port, Duration timeout);

  // Some bytes; 0 at the end of the stream. Bytes that read_line() had over come first.
  Task<Result<std::size_t>> read_some(std::span<char> buffer);
  // Up to and without the newline. DataLoss when the line is longer than `max_bytes`, Unavailable
  // at the end of the stream (a last line without newline is not a line).
  Task<Result<std::string>> read_line(std::size_t max_bytes);
  Task<Status> write_all(std::string bytes);

  // Ends pending operations with Aborted. On the loop's thread.
  void close();

 private:
  friend class Listener;
  using Socket = boost::asio::generic::stream_protocol::socket;
  explicit Stream(Socket socket) : socket_(std::move(socket)) {}
  Socket socket_;
  std::string ahead_;  // Read, not yet given out.
};

class Listener {
 public:
  // A stale socket file is replaced.
  static Result<Listener> listen_unix(Loop& loop, const std::string& path);
  // Port 0: any free one.
  static Result<Listener> listen_tcp(Loop& loop, const std::string& host, std::uint16_t port);

  Task<Result<Stream>> accept();
  std::uint16_t port() const;  // 0 for a UNIX socket.
  void close();

 private:
  using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol>;
  explicit Listener(Acceptor acceptor) : acceptor_(std::move(acceptor)) {}
  Acceptor acceptor_;
};

}  // namespace godwit::io
