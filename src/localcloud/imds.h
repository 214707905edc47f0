// The instance metadata service of one instance (IMDSv2, 169.254.169.254), as a pure object.
//
//   PUT /latest/api/token                          X-aws-ec2-metadata-token-ttl-seconds 1..21600
//   GET /latest/meta-data/...                      see kNames in imds.cc; 404 for what is not there
//       .../spot/instance-action, .../spot/termination-time    404 until the notice
//   GET /latest/user-data, /latest/dynamic/instance-identity/document
//
// A missing, foreign or expired token is 401 where the launch asked for HttpTokens=required (the
// default here); without a token the old version answers where it was optional.
#pragma once

#include <map>
#include <string>

#include "base/time.h"
#include "lib/http/message.h"
#include "localcloud/cloud.h"

namespace godwit::localcloud {

class Imds {
 public:
  // `cloud` outlives this.
  Imds(const Cloud& cloud, std::string instance) : cloud_(cloud), id_(std::move(instance)) {}

  http::Response on(const http::Request& request, Time now);

 private:
  http::Response token(const http::Request& request, Time now);
  bool authorized(const http::Request& request, const Instance& instance, Time now);

  const Cloud& cloud_;
  std::string id_;
  std::map<std::string, Time> tokens_;  // Until when.
};

}  // namespace godwit::localcloud
