// AWS Signature Version 4, header form. Source: "Create a signed AWS API request" in AWS's IAM user
// guide, and its test suite (aws-sig-v4-test-suite).
//
// Path and query are taken as they stand on the wire; the canonical form decodes and encodes them
// again, and sorts the query. Not done: query-string (presigned) form, chunked payloads, and S3's
// rule of encoding the path once.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace godwit::sigv4 {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;
  std::string target;  // Path, and query after '?'.
  Headers headers;     // Host is needed.
  std::string body;
};

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token = "";  // Empty: long-term credentials.
};

// The headers to add: X-Amz-Date, X-Amz-Security-Token (with a token), Authorization. Every header
// of `request` is signed, so give those only that no proxy changes. `now` counts in seconds.
Headers sign(const Request& request, const Credentials& credentials, std::string_view region,
             std::string_view service, Time now);

struct Verified {
  std::string access_key_id;
  std::string region;
};

// The credentials of a key id, if it is known.
using Lookup = std::function<std::optional<Credentials>(std::string_view access_key_id)>;

// Host, X-Amz-Date and, if present, X-Amz-Security-Token must be signed. Codes:
//   NotFound          no Authorization header (AWS: MissingAuthenticationToken)
//   InvalidArgument   it, or the date, cannot be read (IncompleteSignature)
//   DeadlineExceeded  more than 15 minutes off `now` (RequestExpired): sign again
//   PermissionDenied  unknown key, wrong token, wrong service, or another signature (AuthFailure)
Result<Verified> verify(const Request& request, std::string_view service, Time now,
                        const Lookup& lookup);

}  // namespace godwit::sigv4
