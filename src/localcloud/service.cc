#include "localcloud/service.h"

#include <algorithm>
#include <fstream>

#include "localcloud/admin.h"

namespace godwit::localcloud {
namespace {

constexpr std::size_t kLineBytes = 1024 * 1024;

Time wall_clock() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

}  // namespace

Service::Service(io::Loop& loop, const ServiceConfig& config, Time start)
    : loop_(loop),
      latest_(start),
      cloud_(config.cloud,
             Market(compress(config.series,
                             {.start = start, .skip = config.skip, .factor = config.compress})),
             start),
      api_(cloud_, config.credentials),
      changed_(loop) {}

Service::~Service() = default;

Result<std::unique_ptr<Service>> Service::start(io::Loop& loop, const ServiceConfig& config) {
  std::unique_ptr<Service> service(new Service(loop, config, wall_clock()));
  Service* self = service.get();
  auto answer = [self](http::Request request) { return self->answer(std::move(request)); };
  ASSIGN_OR_RETURN(self->http_, http::Server::listen(loop, config.address, config.port,
                                                     std::move(answer), {}, config.tls));
  ASSIGN_OR_RETURN(auto listener, io::Listener::listen_unix(loop, config.admin_socket));
  self->admin_ = std::make_unique<io::Listener>(std::move(listener));
  loop.spawn(self->serve_admin());
  loop.spawn(self->keep_time());
  return service;
}

Status Service::announce(const ServiceConfig& config) const {
  if (config.port_file.empty()) return {};
  const std::string next = config.port_file + ".tmp";
  std::ofstream(next) << port() << '\n';
  if (std::rename(next.c_str(), config.port_file.c_str()) != 0)
    return system_error(std::format("write {}", config.port_file), errno);
  return {};
}

Time Service::now() { return latest_ = std::max(latest_, wall_clock()); }

void Service::on_ended(const std::string& instance, EndReason reason) {
  // One that was killed on request has ended in the cloud's eyes already.
  if (cloud_.end(instance, reason, now())) apply_effects();
}

void Service::apply_effects() {
  for (const Effect& effect : cloud_.take_effects()) {
    if (effect.kind == Effect::Kind::kBoot && hands_.boot)
      hands_.boot(*cloud_.find(effect.instance));
    if (effect.kind == Effect::Kind::kKill && hands_.kill) hands_.kill(effect.instance);
  }
  changed_.notify();
}

io::Task<http::Response> Service::answer(http::Request request) {
  http::Response response = api_.on(request, now());
  apply_effects();
  co_return response;
}

io::Task<void> Service::keep_time() {
  for (;;) {
    const auto due = cloud_.next_due();
    const Duration rest = due ? *due - now() : Duration{std::chrono::hours{1}};
    if (rest > Duration{0}) co_await changed_.wait(std::min<Duration>(rest, std::chrono::hours{1}));
    cloud_.advance(now());
    apply_effects();
  }
}

io::Task<void> Service::serve_admin() {
  for (;;) {
    auto stream = co_await admin_->accept();
    if (stream)
      loop_.spawn(talk(std::move(*stream)));
    else if (stream.error().code == Code::kAborted)
      co_return;
    else
      co_await io::sleep(std::chrono::milliseconds{50});
  }
}

io::Task<void> Service::talk(io::Stream stream) {
  for (;;) {
    const auto line = co_await stream.read_line(kLineBytes);
    if (!line) co_return;
    auto request = json::parse(*line);
    json::Value answer;
    if (request)
      answer = co_await command(std::move(*request));
    else
      answer = refusal(request.error());
    if (!co_await stream.write_all(answer.dump() + "\n")) co_return;
  }
}

io::Task<json::Value> Service::command(json::Value request) {
  if (request["command"].text() != "exec") {
    json::Value answer = admin_answer(cloud_, request, now());
    if (hands_.network && request["command"].text() == "status")
      answer.set("network", hands_.network());
    apply_effects();
    co_return answer;
  }
  std::vector<std::string> argv;
  for (const json::Value& word : request["argv"].array()) argv.push_back(word.text());
  const std::string instance = request["instance"].text();
  const Instance* found = cloud_.find(instance);
  if (!hands_.exec || !found || !found->alive() || argv.empty())
    co_return refusal(
        {Code::kNotFound, std::format("{} is not a real instance that lives", instance)});
  co_return co_await hands_.exec(instance, std::move(argv));
}

io::Task<Result<json::Value>> ask_admin(std::string socket, json::Value request) {
  CO_ASSIGN_OR_RETURN(io::Stream stream, co_await io::Stream::connect_unix(socket));
  CO_TRY(co_await stream.write_all(request.dump() + "\n"));
  CO_ASSIGN_OR_RETURN(const std::string line, co_await stream.read_line(4 * kLineBytes));
  co_return json::parse(line);
}

}  // namespace godwit::localcloud
