// TLS between our own server and client over loopback: whom the client trusts, and for which host.
#include <gtest/gtest.h>

#include "lib/http/client.h"
#include "lib/http/server.h"
#include "lib/tls/authority.h"

namespace godwit::http {
namespace {

io::Task<Response> echo(Request request) { co_return Response{.body = request.body}; }

tls::Validity around(Duration from, Duration until) {
  const Time now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  return {now + from, now + until};
}

constexpr std::chrono::hours kHour{1};

class Https : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(serve({"127.0.0.1", "localhost"}, around(-kHour, kHour))); }

  bool serve(const std::vector<std::string>& names, const tls::Validity& valid) {
    const auto authority = tls::make_authority("test", around(-kHour, kHour));
    const auto identity = tls::issue(*authority, {"server"}, names, valid);
    if (!identity) return false;
    authority_ = authority->certificate;
    auto server = Server::listen(loop_, "127.0.0.1", 0, echo, {}, *identity);
    if (server) server_ = *std::move(server);
    return server.has_value();
  }

  std::string url(const std::string& host) const {
    return std::format("https://{}:{}", host, server_->port());
  }
  Result<Response> ask(const std::string& url, const std::string& authorities, std::string body) {
    Result<Response> answer;
    const auto task = [](io::Loop& loop, std::string at, std::string trusted, std::string what,
                         Result<Response>& out) -> io::Task<void> {
      auto address = parse_address(at, trusted);
      if (address) {
        Request request{.method = "POST", .body = std::move(what)};
        out = co_await fetch(*address, std::move(request));
      } else {
        out = std::unexpected(address.error());
      }
      loop.stop();
    };
    loop_.spawn(task(loop_, url, authorities, std::move(body), answer));
    loop_.run();
    return answer;
  }

  io::Loop loop_;
  std::string authority_;
  std::unique_ptr<Server> server_;
};

TEST_F(Https, WhatIsSaidArrives) {
  const std::string much(300'000, 'x');
  for (const char* host : {"127.0.0.1", "localhost"}) {
    const auto answer = ask(url(host), authority_, much);
    ASSERT_TRUE(answer) << host << ": " << to_string(answer.error());
    EXPECT_EQ(answer->body, much);
  }
}

TEST_F(Https, NobodyElseIsTrusted) {
  const auto other = tls::make_authority("test", around(-kHour, kHour));
  // Another authority of the same name, and those that this host trusts.
  for (const std::string& trusted : {other->certificate, std::string()}) {
    const auto answer = ask(url("127.0.0.1"), trusted, "secret");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::kUnavailable);
    EXPECT_TRUE(answer.error().message.contains("certificate verify failed"))
        << answer.error().message;
  }
}

TEST_F(Https, ACertificateForAnotherHostIsRefused) {
  ASSERT_TRUE(serve({"192.0.2.1", "example.org"}, around(-kHour, kHour)));
  EXPECT_FALSE(ask(url("127.0.0.1"), authority_, ""));
  EXPECT_FALSE(ask(url("localhost"), authority_, ""));
}

TEST_F(Https, AnOldCertificateIsRefused) {
  ASSERT_TRUE(serve({"127.0.0.1"}, around(-2 * kHour, -kHour)));
  EXPECT_FALSE(ask(url("127.0.0.1"), authority_, ""));
}

TEST_F(Https, PlainClientsGetNothingAndHarmNobody) {
  const auto plain = ask(std::format("http://127.0.0.1:{}", server_->port()), "", "x");
  EXPECT_FALSE(plain);
  EXPECT_TRUE(ask(url("127.0.0.1"), authority_, "x"));
}

TEST_F(Https, BadAddressesAndCertificates) {
  for (const char* bad : {"https://", "https://a b", "https://x/y", "https://127.0.0.1:0",
                          "ftp://127.0.0.1", "http://name"}) {
    const auto address = parse_address(bad);
    ASSERT_FALSE(address) << bad;
    EXPECT_EQ(address.error().code, Code::kInvalidArgument) << bad;
  }
  EXPECT_FALSE(parse_address("https://127.0.0.1", "no PEM"));
  const tls::Identity mixed{authority_, tls::make_authority("x", around(-kHour, kHour))->key};
  EXPECT_FALSE(Server::listen(loop_, "127.0.0.1", 0, echo, {}, mixed));
  EXPECT_EQ(host_header(*parse_address("https://ec2.eu-west-1.amazonaws.com/")),
            "ec2.eu-west-1.amazonaws.com");
  EXPECT_EQ(host_header(*parse_address("http://10.0.0.1:8000")), "10.0.0.1:8000");
}

}  // namespace
}  // namespace godwit::http
