#include "edges/artifacts/server.h"

#include <sys/stat.h>

#include <algorithm>
#include <string_view>

namespace godwit::artifacts {
namespace {

constexpr std::string_view kPrefix = "/sha256/";
// A fleet that starts at once has tens of nodes with one transfer each.
constexpr std::size_t kConnections = 256;

bool is_file(const std::string& path) {
  struct stat found{};
  return ::stat(path.c_str(), &found) == 0 && S_ISREG(found.st_mode);
}

http::Response refusal(int status, std::string text) {
  http::Response response{.status = status};
  response.body = std::move(text);
  return response;
}

}  // namespace

bool is_sha256(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Result<std::unique_ptr<Server>> Server::start(ServerConfig config) {
  std::unique_ptr<Server> server(new Server(std::move(config)));
  const auto answer = [s = server.get()](http::Request request) -> io::Task<http::Response> {
    co_return co_await s->answer(std::move(request));
  };
  http::Limits limits;
  limits.body_bytes = 0;
  limits.connections = kConnections;
  ASSIGN_OR_RETURN(server->http_, http::Server::listen(server->loop_, server->config_.host,
                                                       server->config_.port, answer, limits));
  server->thread_ = std::jthread([s = server.get()] { s->loop_.run(); });
  return server;
}

Server::~Server() {
  loop_.stop();
  if (thread_.joinable()) thread_.join();
  http_.reset();
}

io::Task<http::Response> Server::answer(http::Request request) const {
  if (request.method != "GET" && request.method != "HEAD") co_return refusal(405, "GET or HEAD\n");
  const std::string_view path = request.target;
  const std::string_view hash = path.substr(std::min(kPrefix.size(), path.size()));
  if (!path.starts_with(kPrefix) || !is_sha256(hash))
    co_return refusal(404, "only /sha256/ and 64 lower-case hexadecimal digits\n");
  const auto named = config_.files.find(std::string(hash));
  http::Response response;
  response.headers.emplace_back("Content-Type", "application/octet-stream");
  response.file =
      named != config_.files.end() ? named->second : config_.image_dir + "/" + std::string(hash);
  if (!is_file(response.file)) co_return refusal(404, "no such file here\n");
  co_return response;
}

}  // namespace godwit::artifacts
