#include "localcloud/api.h"

#include <algorithm>
#include <format>

#include "localcloud/actions.h"

namespace godwit::localcloud {
namespace {

constexpr const char* kVersion = "2016-11-15";

struct Action {
  std::string_view name;
  Answer (*call)(Call&);
};
constexpr Action kActions[] = {
    {"RunInstances", run_instances},
    {"DescribeInstances", describe_instances},
    {"TerminateInstances", terminate_instances},
    {"DescribeSpotPriceHistory", describe_spot_price_history},
    {"DescribeSpotInstanceRequests", describe_spot_instance_requests},
    {"CancelSpotInstanceRequests", cancel_spot_instance_requests},
    {"DescribeInstanceTypes", describe_instance_types},
    {"DescribeInstanceTypeOfferings", describe_instance_type_offerings},
    {"DescribeAvailabilityZones", describe_availability_zones},
    {"DescribeRegions", describe_regions},
    {"DescribeImages", describe_images},
    {"CreateTags", create_tags},
    {"DescribeTags", describe_tags},
    {"DeleteTags", delete_tags},
};

int status_of(const std::string& code) {
  if (code == "RequestLimitExceeded") return 503;
  if (code == "InsufficientInstanceCapacity" || code == "InternalError") return 500;
  if (code == "DryRunOperation") return 412;
  if (code == "AuthFailure") return 401;
  if (code == "UnauthorizedOperation") return 403;
  return 400;
}

http::Response respond(int status, const xml::Element& root) {
  return {.status = status,
          .headers = {{"Content-Type", "text/xml;charset=UTF-8"}},
          .body = xml::dump(root)};
}

http::Response respond(const Refusal& refusal, const std::string& request_id) {
  xml::Element root{.name = "Response"};
  xml::Element& error = root.add("Errors").add("Error");
  error.add("Code", refusal.code);
  error.add("Message", refusal.message);
  root.add("RequestID", request_id);
  return respond(status_of(refusal.code), root);
}

Answer dispatch(const http::Request& request, Cloud& cloud, Time now, std::string& action) {
  const auto malformed = [](const Error& e) {
    return refuse("MalformedQueryString", "The query is malformed: " + e.message);
  };
  auto fields = http::parse_form(request.query());
  if (!fields) return malformed(fields.error());
  const std::string* type = http::find_header(request.headers, "content-type");
  if (!request.body.empty() && (!type || !type->starts_with("application/x-www-form-urlencoded")))
    return refuse("MalformedQueryString", "The body is not application/x-www-form-urlencoded.");
  auto more = http::parse_form(request.body);
  if (!more) return malformed(more.error());
  fields->insert(fields->end(), more->begin(), more->end());
  Query query(std::move(*fields));
  action = query.text("Action");
  const std::string version = query.text("Version");
  const auto* const found = std::ranges::find(kActions, action, &Action::name);
  if (found == std::end(kActions))
    return refuse("InvalidAction",
                  std::format("The action {} is not valid for this web service.", action));
  if (version != kVersion)
    return refuse("InvalidAction",
                  std::format("The action {} is not valid for version '{}'.", action, version));
  if (const auto limited = cloud.throttle(action, now)) return std::unexpected(*limited);
  Call call{query, cloud, now};
  return found->call(call);
}

}  // namespace

std::optional<Refusal> Api::authenticate(const http::Request& request, Time now) const {
  const sigv4::Request signed_request{request.method, request.target, request.headers,
                                      request.body};
  const auto lookup = [this](std::string_view id) -> std::optional<sigv4::Credentials> {
    const auto at = std::ranges::find(credentials_, id, &sigv4::Credentials::access_key_id);
    return at == credentials_.end() ? std::nullopt : std::optional(*at);
  };
  const auto verified = sigv4::verify(signed_request, "ec2", now, lookup);
  if (!verified) {
    switch (verified.error().code) {
      case Code::kNotFound:
        return Refusal{"MissingAuthenticationToken", "Request is missing Authentication Token"};
      case Code::kInvalidArgument:
        return Refusal{"IncompleteSignature", verified.error().message};
      case Code::kDeadlineExceeded:
        return Refusal{"RequestExpired", "Request has expired: " + verified.error().message};
      default:
        return Refusal{"AuthFailure",
                       "AWS was not able to validate the provided access credentials"};
    }
  }
  if (verified->region != cloud_.catalog().region)
    return Refusal{"AuthFailure",
                   std::format("Credential should be scoped to the region {}, not {}",
                               cloud_.catalog().region, verified->region)};
  return std::nullopt;
}

http::Response Api::on(const http::Request& request, Time now) {
  const std::string id = std::format("00000000-0000-4000-8000-{:012x}", ++requests_);
  if (request.path() != "/" || (request.method != "POST" && request.method != "GET"))
    return respond(Refusal{"InvalidAction", "POST or GET of / is wanted."}, id);
  if (const auto refused = authenticate(request, now)) return respond(*refused, id);
  std::string action;
  Answer answer = dispatch(request, cloud_, now, action);
  if (!answer) return respond(answer.error(), id);
  answer->name = action + "Response";
  answer->attributes.emplace_back("xmlns",
                                  std::format("http://ec2.amazonaws.com/doc/{}/", kVersion));
  answer->children.insert(answer->children.begin(), xml::Element{.name = "requestId", .text = id});
  return respond(200, *answer);
}

}  // namespace godwit::localcloud
