#include "localcloud/imds.h"

#include <charconv>
#include <optional>

#include "lib/json/json.h"
#include "lib/tls/digest.h"
#include "localcloud/text.h"

namespace godwit::localcloud {
namespace {

constexpr const char* kTtl = "X-aws-ec2-metadata-token-ttl-seconds";
constexpr std::size_t kTokensMax = 1000;  // Of one instance; at the limit one goes.
constexpr const char* kNames =
    "ami-id\nami-launch-index\nhostname\ninstance-action\ninstance-id\ninstance-life-cycle\n"
    "instance-type\nlocal-hostname\nlocal-ipv4\nplacement/\nreservation-id\nspot/\ntags/";

http::Response text(std::string body, int status = 200) {
  return {.status = status, .headers = {{"Content-Type", "text/plain"}}, .body = std::move(body)};
}

std::string names_of(const Tags& tags) {
  std::string names;
  for (const auto& [key, value] : tags) names += (names.empty() ? "" : "\n") + key;
  return names;
}

std::optional<std::string> spot_data(const Instance& instance, std::string_view name) {
  if (!instance.interruption || !instance.interruption->told) return std::nullopt;
  const std::string at = time_text_seconds(instance.interruption->at);
  if (name == "spot/termination-time") return at;
  json::Value action;
  action.set("action", "terminate").set("time", at);
  return action.dump();
}

std::optional<std::string> meta_data(const Cloud& cloud, const Instance& i, std::string_view name) {
  std::string host = "ip-" + i.address;
  for (char& c : host)
    if (c == '.') c = '-';
  if (name.empty()) return kNames;
  if (name == "ami-id") return i.spec.image;
  if (name == "ami-launch-index") return std::to_string(i.launch_index);
  if (name == "hostname" || name == "local-hostname") return host + ".ec2.internal";
  if (name == "instance-action") return "none";
  if (name == "instance-id") return i.id;
  if (name == "instance-life-cycle") return i.spec.spot ? "spot" : "on-demand";
  if (name == "instance-type") return i.spec.type;
  if (name == "local-ipv4") return i.address;
  if (name == "placement/") return "availability-zone\navailability-zone-id\nregion";
  if (name == "placement/availability-zone") return i.spec.zone;
  if (name == "placement/availability-zone-id") return cloud.catalog().zone_id(i.spec.zone);
  if (name == "placement/region") return cloud.catalog().region;
  if (name == "reservation-id") return i.reservation;
  if (name == "spot/instance-action" || name == "spot/termination-time") return spot_data(i, name);
  if (name == "tags/instance/") return names_of(i.tags);
  constexpr std::string_view kTag = "tags/instance/";
  if (name.starts_with(kTag))
    if (const auto at = i.tags.find(std::string(name.substr(kTag.size()))); at != i.tags.end())
      return at->second;
  return std::nullopt;
}

std::string identity(const Cloud& cloud, const Instance& i) {
  json::Value document;
  document.set("accountId", cloud.config().account).set("instanceId", i.id);
  document.set("architecture", cloud.catalog().type(i.spec.type)->arch);
  document.set("availabilityZone", i.spec.zone).set("region", cloud.catalog().region);
  document.set("imageId", i.spec.image).set("instanceType", i.spec.type);
  document.set("pendingTime", time_text_seconds(i.launched)).set("privateIp", i.address);
  document.set("version", "2017-09-30");
  return document.dump();
}

}  // namespace

http::Response Imds::token(const http::Request& request, Time now) {
  // A proxy that forwards is how a guest of the instance would ask.
  if (http::find_header(request.headers, "X-Forwarded-For")) return text("", 403);
  const std::string* ttl = http::find_header(request.headers, kTtl);
  int seconds = 0;
  if (!ttl || std::from_chars(ttl->data(), ttl->data() + ttl->size(), seconds).ptr !=
                  ttl->data() + ttl->size())
    return text("", 400);
  if (seconds < 1 || seconds > 21600) return text("", 400);
  const auto made = tls::random_hex(28);
  if (!made) return text("", 500);
  std::erase_if(tokens_, [now](const auto& entry) { return entry.second <= now; });
  if (tokens_.size() >= kTokensMax) tokens_.erase(tokens_.begin());
  tokens_[*made] = now + std::chrono::seconds{seconds};
  http::Response response = text(*made);
  response.headers.emplace_back(kTtl, std::to_string(seconds));
  return response;
}

bool Imds::authorized(const http::Request& request, const Instance& instance, Time now) {
  const std::string* given = http::find_header(request.headers, "X-aws-ec2-metadata-token");
  if (!given) return !instance.spec.http_tokens_required;
  const auto at = tokens_.find(*given);
  return at != tokens_.end() && at->second > now;
}

http::Response Imds::on(const http::Request& request, Time now) {
  const Instance* instance = cloud_.find(id_);
  if (!instance) return text("", 404);
  std::string_view path = request.path();
  if (request.method == "PUT" && path == "/latest/api/token") return token(request, now);
  if (request.method != "GET") return text("", 405);
  if (!authorized(request, *instance, now)) return text("", 401);
  constexpr std::string_view kMeta = "/latest/meta-data/";
  std::optional<std::string> found;
  if (path.starts_with(kMeta)) found = meta_data(cloud_, *instance, path.substr(kMeta.size()));
  if (path == "/latest/user-data" && !instance->spec.user_data.empty())
    found = instance->spec.user_data;
  if (path == "/latest/dynamic/instance-identity/document") found = identity(cloud_, *instance);
  return found ? text(std::move(*found)) : text("Not Found", 404);
}

}  // namespace godwit::localcloud
