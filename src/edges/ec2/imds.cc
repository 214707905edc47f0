#include "edges/ec2/imds.h"

#include <format>

#include "edges/ec2/text.h"
#include "lib/json/json.h"

namespace godwit::ec2 {
namespace {

using Notice = ports::InterruptionNotice;

constexpr const char* kTokenHeader = "X-aws-ec2-metadata-token";
constexpr const char* kTtlHeader = "X-aws-ec2-metadata-token-ttl-seconds";
constexpr const char* kTtl = "21600";  // The longest there is; an expired one is refused with 401.

}  // namespace

Result<Notice> parse_instance_action(std::string_view body) {
  ASSIGN_OR_RETURN(const auto value, in_context("instance-action", json::parse(body)));
  const std::string action = value["action"].text();
  Notice notice;
  ASSIGN_OR_RETURN(notice.at, in_context("instance-action", parse_time(value["time"].text())));
  if (action == "terminate")
    notice.action = Notice::Action::kTerminate;
  else if (action == "stop")
    notice.action = Notice::Action::kStop;
  else if (action == "hibernate")
    notice.action = Notice::Action::kHibernate;
  else
    return data_loss(std::format("instance-action '{}'", action.substr(0, 40)));
  return notice;
}

Result<ports::InstanceIdentity> parse_identity(std::string_view document) {
  ASSIGN_OR_RETURN(const auto value, in_context("identity document", json::parse(document)));
  ports::InstanceIdentity identity{.instance = value["instanceId"].text(),
                                   .type = value["instanceType"].text(),
                                   .zone = value["availabilityZone"].text(),
                                   .region = value["region"].text(),
                                   .image = value["imageId"].text(),
                                   .address = value["privateIp"].text()};
  if (identity.instance.empty() || identity.type.empty() || identity.zone.empty())
    return data_loss("identity document without instance, type or zone");
  return identity;
}

void Imds::ask_notice() {
  loop_.spawn([](Imds* self) -> io::Task<void> {
    auto told = co_await self->notice();
    ports::NoticesEvent event = ports::NoticeTold{std::move(told)};
    self->events_.offer(std::move(event));
  }(this));
}

void Imds::ask_identity() {
  loop_.spawn([](Imds* self) -> io::Task<void> {
    auto told = co_await self->identity();
    ports::NoticesEvent event = ports::IdentityTold{std::move(told)};
    self->events_.offer(std::move(event));
  }(this));
}

io::Task<Result<http::Response>> Imds::send(std::string method, std::string path,
                                            http::Headers headers) {
  http::Request request;
  request.method = std::move(method);
  request.target = std::move(path);
  request.headers = std::move(headers);
  co_return co_await http::fetch(config_.endpoint, std::move(request), config_.limits);
}

io::Task<Status> Imds::take_token() {
  http::Headers headers;
  headers.emplace_back(kTtlHeader, kTtl);
  CO_ASSIGN_OR_RETURN(auto response, co_await send("PUT", "/latest/api/token", std::move(headers)));
  if (response.status != 200 || response.body.empty())
    co_return unavailable(std::format("metadata token: HTTP status {}", response.status));
  token_ = std::move(response.body);
  co_return Status{};
}

io::Task<Result<std::string>> Imds::get(std::string path) {
  // A token that was good may be refused now: expired, or the service began anew. Once more, then.
  for (int tries = 0;; ++tries) {
    if (token_.empty()) CO_TRY(co_await take_token());
    http::Headers headers;
    headers.emplace_back(kTokenHeader, token_);
    CO_ASSIGN_OR_RETURN(auto response, co_await send("GET", path, std::move(headers)));
    if (response.status == 200) co_return std::move(response.body);
    if (response.status == 404) co_return not_found(path);
    if (response.status == 401) token_.clear();
    if (response.status != 401 || tries == 1)
      co_return unavailable(std::format("{}: HTTP status {}", path, response.status));
  }
}

io::Task<Result<std::optional<Notice>>> Imds::notice() {
  std::optional<Notice> none;
  const auto action = co_await get("/latest/meta-data/spot/instance-action");
  if (action) {
    CO_ASSIGN_OR_RETURN(const Notice notice, parse_instance_action(*action));
    co_return notice;
  }
  if (action.error().code != Code::kNotFound) co_return std::unexpected(action.error());
  const auto time = co_await get("/latest/meta-data/spot/termination-time");
  if (!time && time.error().code != Code::kNotFound) co_return std::unexpected(time.error());
  const auto at = time ? parse_time(*time) : Result<Time>(not_found("no time"));
  if (!at) co_return none;  // AWS: it may hold text that is no time.
  co_return Notice{.action = Notice::Action::kTerminate, .at = *at};
}

io::Task<Result<ports::InstanceIdentity>> Imds::identity() {
  CO_ASSIGN_OR_RETURN(const auto document,
                      co_await get("/latest/dynamic/instance-identity/document"));
  CO_ASSIGN_OR_RETURN(auto identity, parse_identity(document));
  CO_ASSIGN_OR_RETURN(const auto cycle, co_await get("/latest/meta-data/instance-life-cycle"));
  identity.spot = cycle == "spot";
  co_return identity;
}

}  // namespace godwit::ec2
