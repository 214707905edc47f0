// Server and client speak to each other over loopback; raw bytes go to the server alone.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "lib/http/client.h"
#include "lib/http/server.h"
#include "lib/io/stream.h"

namespace godwit::http {
namespace {

using std::chrono::seconds;

io::Task<Response> echo(Request request) {
  Response response{.status = request.path() == "/missing" ? 404 : 200};
  response.headers.emplace_back("X-Method", request.method);
  response.body = std::string(request.query()) + "|" + request.body;
  co_return response;
}

Limits small() {
  return {.header_bytes = 1024, .body_bytes = 1000, .idle = seconds{20}, .connections = 4};
}

// Runs a task on the loop until it ends.
void on_loop(io::Loop& loop, io::Task<void> task) {
  const auto all = [](io::Loop& l, io::Task<void> t) -> io::Task<void> {
    co_await std::move(t);
    l.stop();
  };
  loop.spawn(all(loop, std::move(task)));
  loop.run();
}

io::Task<void> fetch_all(std::uint16_t port, std::vector<Request> requests,
                         std::vector<Result<Response>>& answers) {
  for (const Request& request : requests) {
    Address address{"127.0.0.1", port};
    answers.push_back(co_await fetch(address, request, small()));
  }
}

TEST(Http, RequestsAreAnsweredAndLimitsKept) {
  io::Loop loop;
  auto server = Server::listen(loop, "127.0.0.1", 0, echo, small());
  ASSERT_TRUE(server);
  std::vector<Result<Response>> answers;
  std::vector<Request> requests{
      {.method = "POST", .target = "/x?a=1", .body = "b=2"},
      {.target = "/missing"},
      {.method = "POST", .body = std::string(1000, 'x')},
      {.method = "POST", .body = std::string(1001, 'x')},
      {.headers = {{"X-Long", std::string(2000, 'x')}}},
      {.headers = {{"X-Two", "a\r\nHost: other"}}},
      {.target = "/a b"},
  };
  on_loop(loop, fetch_all((*server)->port(), requests, answers));
  ASSERT_EQ(answers.size(), 7u);
  ASSERT_TRUE(answers[0]) << answers[0].error().message;
  EXPECT_EQ(answers[0]->body, "a=1|b=2");
  EXPECT_EQ(*find_header(answers[0]->headers, "x-METHOD"), "POST");
  EXPECT_EQ(answers[1]->status, 404);
  // The answer is 1,001 bytes: the request is within the server's limit, the answer above ours.
  EXPECT_EQ(answers[2].error().code, Code::kDataLoss);
  EXPECT_EQ(answers[3]->status, 413);
  EXPECT_EQ(answers[4]->status, 431);
  EXPECT_EQ(answers[5].error().code, Code::kInvalidArgument);
  EXPECT_EQ(answers[6].error().code, Code::kInvalidArgument);
}

TEST(Http, NobodyListens) {
  io::Loop loop;
  std::uint16_t port = 0;
  {
    auto server = Server::listen(loop, "127.0.0.1", 0, echo);
    ASSERT_TRUE(server);
    port = (*server)->port();
    EXPECT_EQ(Server::listen(loop, "localhost", 0, echo).error().code, Code::kInvalidArgument);
    EXPECT_FALSE(Server::listen(loop, "127.0.0.1", port, echo));
  }
  std::vector<Result<Response>> answers;
  std::vector<Request> requests{{}};
  on_loop(loop, fetch_all(port, requests, answers));
  EXPECT_EQ(answers[0].error().code, Code::kUnavailable);
}

io::Task<void> send_raw(std::uint16_t port, std::string bytes, std::string& answer) {
  auto stream = co_await io::Stream::connect_tcp("127.0.0.1", port, seconds{20});
  if (!stream) co_return;
  (void)co_await stream->write_all(bytes);
  char buffer[4096];
  for (;;) {
    const auto n = co_await stream->read_some(buffer);
    if (!n || *n == 0) break;
    answer.append(buffer, *n);
  }
}

// What is no request gets a 4xx that says why and the connection is closed; nobody is asked to
// serve it, and the server goes on.
TEST(Http, MalformedBytes) {
  const std::pair<std::string, std::string> table[] = {
      {"\r\n\r\n\r\n", "400"},
      {"GET\r\n\r\n", "400"},
      {"GET / HTTP/9.9\r\n\r\n", "400"},
      {std::string("G\0T / HTTP/1.1\r\n\r\n", 18), "400"},
      {"GET / HTTP/1.1\r\nNo Colon\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400"},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
      {"POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n", "413"},
      {"GET /" + std::string(5000, 'a') + " HTTP/1.1\r\n\r\n", "431"},
      {"GET /?q HTTP/1.1\r\nConnection: close\r\n\r\n", "200"},
      {"GET /a HTTP/1.1\r\n\r\nGET /?last HTTP/1.0\r\n\r\n", "200"},
  };
  io::Loop loop;
  int served = 0;
  const auto count = [&served](Request request) -> io::Task<Response> {
    ++served;
    co_return co_await echo(std::move(request));
  };
  auto server = Server::listen(loop, "127.0.0.1", 0, count, small());
  ASSERT_TRUE(server);
  for (const auto& [bytes, status] : table) {
    std::string answer;
    served = 0;
    on_loop(loop, send_raw((*server)->port(), bytes, answer));
    EXPECT_EQ(served > 0, status == "200") << bytes.substr(0, 60);
    const std::size_t body = answer.find("\r\n\r\n");
    EXPECT_GT(answer.size(), body + 4) << "a reason: " << answer;
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + status) ||
                answer.starts_with("HTTP/1.0 " + status))
        << bytes.substr(0, 60) << " -> " << answer;
  }
}

io::Task<void> fetch_pieces(std::uint16_t port, Request request, std::uint64_t most, Sink sink,
                            Result<Response>& answer) {
  Address address{"127.0.0.1", port};
  Limits limits = small();
  answer = co_await fetch_into(address, std::move(request), most, std::move(sink), limits);
}

// A file goes out in pieces and comes in in pieces, far above what a message may have.
TEST(Http, FilesOfAnySizeAreStreamed) {
  const std::string path = std::format("{}/http_file.{}", testing::TempDir(), getpid());
  std::string bytes;
  for (int i = 0; bytes.size() < 300'000; ++i) bytes += std::format("{} ", i);
  std::ofstream(path) << bytes;
  io::Loop loop;
  const auto answer_with_file = [&path](Request request) -> io::Task<Response> {
    Response response;
    response.file = request.path() == "/dir" ? "/tmp" : path;
    if (request.path() == "/none") response = {.status = 404, .body = "no such file"};
    co_return response;
  };
  auto server = Server::listen(loop, "127.0.0.1", 0, answer_with_file, small());
  ASSERT_TRUE(server);
  const std::uint16_t port = (*server)->port();
  std::string got;
  std::size_t pieces = 0;
  const Sink keep = [&](std::string_view piece) -> Status {
    ++pieces;
    got += piece;
    return {};
  };
  Result<Response> answer = Response{};
  const auto get = [&](Request request, std::uint64_t most, const Sink& sink) {
    got.clear();
    on_loop(loop, fetch_pieces(port, std::move(request), most, sink, answer));
  };

  get({}, 300'100, keep);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 200);
  EXPECT_TRUE(got == bytes) << got.size();
  EXPECT_GT(pieces, 3u);
  EXPECT_EQ(*find_header(answer->headers, "content-length"), std::to_string(bytes.size()));
  // Small answers of other kinds are read whole.
  get({.target = "/none"}, 300'100, keep);
  EXPECT_EQ(answer->status, 404);
  EXPECT_EQ(answer->body, "no such file");
  EXPECT_EQ(got, "");
  get({.target = "/dir"}, 300'100, keep);
  EXPECT_EQ(answer->status, 500);
  // More than was wanted; and a sink that is full.
  get({}, 1000, keep);
  EXPECT_EQ(answer.error().code, Code::kDataLoss);
  get({}, 300'100, [](std::string_view) -> Status { return unavailable("disk full"); });
  EXPECT_EQ(answer.error().message, "disk full");
  // HEAD, and the next request on the same connection.
  std::string raw;
  on_loop(loop,
          send_raw(port, "HEAD / HTTP/1.1\r\n\r\nGET /none HTTP/1.1\r\nConnection: close\r\n\r\n",
                   raw));
  EXPECT_NE(raw.find(std::format("Content-Length: {}\r\n", bytes.size())), std::string::npos)
      << raw;
  EXPECT_TRUE(raw.ends_with("no such file")) << raw;
  // The file shrinks under way: much more of it than sockets hold has been promised.
  std::filesystem::resize_file(path, 64 << 20);
  get({}, 64 << 20, [&](std::string_view) -> Status {
    std::filesystem::resize_file(path, 10);
    return {};
  });
  EXPECT_EQ(answer.error().code, Code::kUnavailable);
  std::filesystem::remove(path);
}

TEST(Http, Addresses) {
  for (const auto& [url, host, port] :
       {std::tuple{"http://10.0.200.10:8080", "10.0.200.10", 8080},
        std::tuple{"http://169.254.169.254", "169.254.169.254", 80},
        std::tuple{"http://10.0.0.1:1/", "10.0.0.1", 1}, std::tuple{"http://[::1]:9", "::1", 9},
        std::tuple{"http://[fe80::2]", "fe80::2", 80}}) {
    const auto address = parse_address(url);
    ASSERT_TRUE(address) << url;
    EXPECT_EQ(address->host, host);
    EXPECT_EQ(address->port, port);
  }
  for (const char* bad : {"", "http://", "10.0.0.1:80", "http://localhost:80",
                          "http://10.0.0.1:", "http://10.0.0.1:0", "http://10.0.0.1:65536",
                          "http://10.0.0.1:80/x", "http://10.0.0.1:80x", "http://a@10.0.0.1"})
    EXPECT_EQ(parse_address(bad).error().code, Code::kInvalidArgument) << bad;
}

TEST(Form, Fields) {
  const auto fields = parse_form("a=1&b=x+y%21&c&&d==&%41=%00");
  ASSERT_TRUE(fields);
  const Fields expected{{"a", "1"}, {"b", "x y!"}, {"c", ""}, {"d", "="}, {"A", std::string(1, 0)}};
  EXPECT_EQ(*fields, expected);
  for (const char* bad : {"%", "a=%1", "a=%zz", "a%"}) EXPECT_FALSE(parse_form(bad)) << bad;
  EXPECT_FALSE(parse_form("a&b&c", 2));
  EXPECT_TRUE(parse_form("")->empty());
  EXPECT_EQ(percent_encode("a b/~\xc3\xa9"), "a%20b%2F~%C3%A9");
  EXPECT_EQ(percent_decode("a%20+").value(), "a +");
  EXPECT_FALSE(
      percent_decode(""
                     "%4"));
}

}  // namespace
}  // namespace godwit::http
