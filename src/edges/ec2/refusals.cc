// What goes wrong at EC2, in the words of the port.
#include <algorithm>
#include <format>

#include "edges/ec2/answers.h"

namespace godwit::ec2 {
namespace {

using ports::CloudFailed;
using ports::CloudRefusal;

struct Row {
  std::string_view ec2;
  CloudRefusal refusal;
  Code code;
};

// A name that ends in '*' stands for all that begin so. The first match counts.
constexpr Row kRows[] = {
    {"InsufficientInstanceCapacity", CloudRefusal::kPool, Code::kResourceExhausted},
    {"InsufficientCapacity", CloudRefusal::kPool, Code::kResourceExhausted},
    {"InsufficientHostCapacity", CloudRefusal::kPool, Code::kResourceExhausted},
    {"InsufficientFreeAddressesInSubnet", CloudRefusal::kPool, Code::kResourceExhausted},
    {"UnfulfillableCapacity", CloudRefusal::kPool, Code::kResourceExhausted},
    {"SpotMaxPriceTooLow", CloudRefusal::kPrice, Code::kResourceExhausted},
    {"MaxSpotInstanceCountExceeded", CloudRefusal::kQuota, Code::kResourceExhausted},
    {"VcpuLimitExceeded", CloudRefusal::kQuota, Code::kResourceExhausted},
    {"InstanceLimitExceeded", CloudRefusal::kQuota, Code::kResourceExhausted},
    {"Unsupported", CloudRefusal::kOffering, Code::kFailedPrecondition},
    {"UnsupportedOperation", CloudRefusal::kOffering, Code::kFailedPrecondition},
    {"IdempotentParameterMismatch", CloudRefusal::kMismatch, Code::kFailedPrecondition},
    {"RequestLimitExceeded", CloudRefusal::kThrottled, Code::kUnavailable},
    {"EC2ThrottledException", CloudRefusal::kThrottled, Code::kUnavailable},
    {"Throttling*", CloudRefusal::kThrottled, Code::kUnavailable},
    {"AuthFailure", CloudRefusal::kCredentials, Code::kPermissionDenied},
    {"UnauthorizedOperation", CloudRefusal::kCredentials, Code::kPermissionDenied},
    {"InvalidClientTokenId", CloudRefusal::kCredentials, Code::kPermissionDenied},
    {"SignatureDoesNotMatch", CloudRefusal::kCredentials, Code::kPermissionDenied},
    {"MissingAuthenticationToken", CloudRefusal::kCredentials, Code::kPermissionDenied},
    {"IncompleteSignature", CloudRefusal::kCredentials, Code::kPermissionDenied},
    {"RequestExpired", CloudRefusal::kCredentials, Code::kPermissionDenied},
    {"OptInRequired", CloudRefusal::kCredentials, Code::kPermissionDenied},
    {"Blocked", CloudRefusal::kCredentials, Code::kPermissionDenied},
    {"PendingVerification", CloudRefusal::kCredentials, Code::kPermissionDenied},
    {"InternalError", CloudRefusal::kOutage, Code::kUnavailable},
    {"InternalFailure", CloudRefusal::kOutage, Code::kUnavailable},
    {"ServiceUnavailable", CloudRefusal::kOutage, Code::kUnavailable},
    {"Unavailable", CloudRefusal::kOutage, Code::kUnavailable},
    {"InvalidInstanceID.NotFound", CloudRefusal::kRequest, Code::kNotFound},
    {"InvalidAMIID.NotFound", CloudRefusal::kRequest, Code::kNotFound},
    {"Invalid*", CloudRefusal::kRequest, Code::kInvalidArgument},
    {"Missing*", CloudRefusal::kRequest, Code::kInvalidArgument},
    {"Unknown*", CloudRefusal::kRequest, Code::kInvalidArgument},
    {"MalformedQueryString", CloudRefusal::kRequest, Code::kInvalidArgument},
    {"TagLimitExceeded", CloudRefusal::kRequest, Code::kInvalidArgument},
};

bool matches(std::string_view row, std::string_view code) {
  return row.ends_with('*') ? code.starts_with(row.substr(0, row.size() - 1)) : row == code;
}

}  // namespace

CloudFailed refusal_of(const std::string& what, int status, std::string_view code,
                       std::string_view message) {
  const std::string text =
      std::format("{}: {} ({})", what, message.substr(0, 300), code.substr(0, 60));
  const auto row = std::ranges::find_if(kRows, [&](const Row& r) { return matches(r.ec2, code); });
  if (row != std::end(kRows)) return {row->refusal, {row->code, text}};
  // 4xx is the client's fault, 5xx the server's.
  if (status >= 500) return {CloudRefusal::kOutage, {Code::kUnavailable, text}};
  return {CloudRefusal::kRequest, {Code::kInvalidArgument, text}};
}

CloudFailed failure_of(const std::string& what, Error error) {
  error.message = std::format("{}: {}", what, error.message);
  switch (error.code) {
    case Code::kInvalidArgument:
    case Code::kNotFound:
      return {CloudRefusal::kRequest, std::move(error)};
    case Code::kDataLoss:
      return {CloudRefusal::kAnswer, std::move(error)};
    default:
      return {CloudRefusal::kOutage, std::move(error)};
  }
}

Answer<xml::Element> read_response(const std::string& action, const http::Response& response) {
  const int status = response.status;
  auto root = xml::parse(response.body);
  if (status == 200) {
    if (!root) return std::unexpected(failure_of(action, std::move(root).error()));
    if (root->name == action + "Response") return *std::move(root);
    return std::unexpected(failure_of(
        action, {Code::kDataLoss, std::format("answered with <{}>", root->name.substr(0, 60))}));
  }
  const std::string code = root ? std::string(root->text_at("Errors/Error/Code")) : "";
  if (!code.empty())
    return std::unexpected(refusal_of(action, status, code, root->text_at("Errors/Error/Message")));
  const bool theirs = status >= 500;  // A proxy's or balancer's page, say.
  return std::unexpected(
      failure_of(action, {theirs ? Code::kUnavailable : Code::kDataLoss,
                          std::format("HTTP status {} without an EC2 error", status)}));
}

bool is_passing(const CloudFailed& failed) {
  return failed.refusal == CloudRefusal::kThrottled || failed.refusal == CloudRefusal::kOutage;
}

}  // namespace godwit::ec2
