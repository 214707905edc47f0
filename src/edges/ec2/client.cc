#include "edges/ec2/client.h"

#include <format>

namespace godwit::ec2 {
namespace {

Time wall_clock() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

}  // namespace

io::Task<Answer<xml::Element>> Client::call(std::string action, Form form) {
  form.insert(form.begin(), {{"Action", action}, {"Version", "2016-11-15"}});
  const std::string body = form_text(form);
  for (int n = 1;; ++n) {
    if (const Duration wait = pace(action); wait > Duration{0}) co_await io::sleep(wait);
    auto answer = co_await try_once(action, body);
    if (answer || !is_passing(answer.error()) || n >= config_.tries) co_return answer;
    co_await back_off(n);
  }
}

io::Task<Answer<xml::Element>> Client::try_once(const std::string& action,
                                                const std::string& body) {
  http::Request request;
  request.method = "POST";
  request.body = body;
  request.headers.emplace_back(
      "Host", config_.host.empty() ? http::host_header(config_.endpoint) : config_.host);
  request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  const sigv4::Request to_sign{request.method, request.target, request.headers, request.body};
  // Signed anew each time: a signature is good for some minutes only.
  auto signature = sigv4::sign(to_sign, config_.credentials, config_.region, "ec2", wall_clock());
  for (auto& header : signature) request.headers.push_back(std::move(header));
  auto response = co_await http::fetch(config_.endpoint, std::move(request), config_.limits);
  if (!response) co_return std::unexpected(failure_of(action, std::move(response).error()));
  co_return read_response(action, *response);
}

Duration Client::pace(const std::string& action) {
  auto pacer = pacers_.find(action);
  if (pacer == pacers_.end()) {
    const auto own = config_.buckets.find(action);
    const Bucket size = own == config_.buckets.end() ? config_.other_bucket : own->second;
    pacer = pacers_.emplace(action, Pacer(size)).first;
  }
  return pacer->second.take(wall_clock());
}

io::Task<void> Client::back_off(int next) {
  Duration most = config_.back_off_first;
  for (int i = 1; i < next && most < config_.back_off_most; ++i) most *= 2;
  most = std::min(most, config_.back_off_most);
  co_await io::sleep(Duration(
      static_cast<Duration::rep>(random_.below(static_cast<std::uint64_t>(most.count()) + 1))));
}

}  // namespace godwit::ec2
