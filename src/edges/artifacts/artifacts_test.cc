// A server and a fetcher over loopback: bytes come whole and right or not at all, one transfer
// serves all who wait, and nothing but files named by a hash can be had.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "base/check.h"
#include "edges/artifacts/fetch.h"
#include "edges/artifacts/server.h"
#include "lib/tls/digest.h"

namespace godwit::artifacts {
namespace {

namespace fs = std::filesystem;

class ArtifactsTest : public ::testing::Test {
 protected:
  ArtifactsTest() {
    CHECK(::mkdtemp(dir_.data()) != nullptr);
    fs::create_directories(served());
    for (int i = 0; bytes_.size() < 1'000'000; ++i) bytes_ += std::format("{} ", i);
    hash_ = put(tls::sha256(bytes_), bytes_);
  }
  ~ArtifactsTest() override { fs::remove_all(dir_); }

  std::string served() const { return dir_ + "/served"; }
  std::string got() const { return dir_ + "/got"; }
  std::string put(const std::string& name, const std::string& bytes) {
    std::ofstream(served() + "/" + name, std::ios::binary) << bytes;
    return name;
  }
  static std::string text_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void start(std::uint16_t port = 0) {
    ServerConfig config{.host = "127.0.0.1", .port = port, .image_dir = served()};
    config.files[tls::sha256("agent")] = dir_ + "/agent";
    std::ofstream(dir_ + "/agent") << "agent";
    server_ = Server::start(config).value();
  }
  Fetcher& fetcher(std::uint16_t port) {
    const FetchLimits limits{.tries = 2, .pause = std::chrono::milliseconds{1}};
    fetcher_ = std::make_unique<Fetcher>(loop_, http::Address{"127.0.0.1", port}, got(), limits);
    return *fetcher_;
  }
  // All at once, on one loop.
  std::vector<Status> fetch(Fetcher& from, const std::vector<std::string>& hashes) {
    std::vector<Status> ends(hashes.size());
    std::size_t left = hashes.size();
    const auto one = [&](std::string hash, Status& end) -> io::Task<void> {
      end = co_await from.fetch(hash);
      if (--left == 0) loop_.stop();
    };
    for (std::size_t i = 0; i < hashes.size(); ++i) loop_.spawn(one(hashes[i], ends[i]));
    loop_.run();
    return ends;
  }
  int status_of(const std::string& method, const std::string& target) {
    int status = 0;
    const auto ask = [&]() -> io::Task<void> {
      http::Request request{.method = method, .target = target};
      http::Address address{"127.0.0.1", server_->port()};
      http::Limits limits;
      limits.body_bytes = 2'000'000;
      const auto answer = co_await http::fetch(address, std::move(request), limits);
      if (answer) status = answer->status;
      loop_.stop();
    };
    loop_.spawn(ask());
    loop_.run();
    return status;
  }

  std::string dir_ = ::testing::TempDir() + "/artifacts-XXXXXX";
  std::string bytes_, hash_;
  io::Loop loop_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Fetcher> fetcher_;
};

TEST_F(ArtifactsTest, OneTransferServesAllWhoWait) {
  start();
  Fetcher& from = fetcher(server_->port());
  const std::string agent = tls::sha256("agent");
  for (const Status& end : fetch(from, {hash_, hash_, agent, hash_}))
    EXPECT_TRUE(end) << end.error().message;
  EXPECT_EQ(from.transfers(), 2u);
  EXPECT_TRUE(text_of(got() + "/" + hash_) == bytes_);
  EXPECT_EQ(text_of(got() + "/" + agent), "agent");
  // Asked again, it is brought again: who asks knows why.
  EXPECT_TRUE(fetch(from, {hash_})[0]);
  EXPECT_EQ(from.transfers(), 3u);
}

TEST_F(ArtifactsTest, WhatIsNotTheFileIsNotKept) {
  start();
  Fetcher& from = fetcher(server_->port());
  const std::string wrong = put(tls::sha256("something else"), "bytes");
  const auto ends = fetch(from, {wrong, tls::sha256("nowhere"), "../agent"});
  EXPECT_EQ(ends[0].error().code, Code::kFailedPrecondition);
  EXPECT_NE(ends[0].error().message.find(tls::sha256("bytes")), std::string::npos);
  EXPECT_EQ(ends[1].error().code, Code::kFailedPrecondition);
  EXPECT_EQ(ends[2].error().code, Code::kInvalidArgument);
  EXPECT_TRUE(fs::is_empty(got()));
  // What was there before stays.
  std::ofstream(got() + "/" + wrong) << "before";
  EXPECT_FALSE(fetch(from, {wrong})[0]);
  EXPECT_EQ(text_of(got() + "/" + wrong), "before");
}

TEST_F(ArtifactsTest, AServerThatIsAwayIsTriedAgain) {
  start();
  const std::uint16_t port = server_->port();
  server_.reset();
  Fetcher& from = fetcher(port);
  EXPECT_EQ(fetch(from, {hash_})[0].error().code, Code::kUnavailable);
  EXPECT_TRUE(fs::is_empty(got()));
  start(port);
  EXPECT_TRUE(fetch(from, {hash_})[0]);
}

TEST_F(ArtifactsTest, NothingElseCanBeHad) {
  start();
  put("secret", "x");
  fs::create_directory(served() + "/" + tls::sha256("directory"));
  EXPECT_EQ(status_of("GET", "/sha256/" + hash_), 200);
  EXPECT_EQ(status_of("HEAD", "/sha256/" + hash_), 200);
  std::string upper = hash_;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  for (const std::string& target :
       {std::string("/"), std::string("/secret"), std::string("/sha256/"),
        std::string("/sha256/secret"), "/sha256/../" + hash_, "/sha256/" + hash_ + "/",
        "/sha256/" + hash_ + "?", "/sha256/" + hash_.substr(1), "//sha256/" + hash_,
        "/sha256/" + upper, "/sha256/%2e%2e%2f" + hash_.substr(9),
        "/sha256/" + tls::sha256("directory"), "/sha256/" + tls::sha256("nowhere")})
    EXPECT_EQ(status_of("GET", target), 404) << target;
  EXPECT_EQ(status_of("DELETE", "/sha256/" + hash_), 405);
}

}  // namespace
}  // namespace godwit::artifacts
