// The EC2 Query API (version 2016-11-15) over the cloud: a request and the time in, a response out.
// Parameters and answers are those of AWS's service model; what a parameter asks for and this cloud
// does not have is refused, never ignored in silence, except block devices, security groups,
// monitoring and instance profiles, which change nothing here.
//
// Actions: RunInstances, DescribeInstances, TerminateInstances, DescribeSpotPriceHistory,
// DescribeSpotInstanceRequests, CancelSpotInstanceRequests, DescribeInstanceTypes,
// DescribeInstanceTypeOfferings, DescribeAvailabilityZones, DescribeRegions, DescribeImages,
// CreateTags, DescribeTags, DeleteTags.
//
// What a ledger needs is printed in whole seconds: `launchTime`, the price history's `timestamp`,
// and the end in `reason`: "User initiated (2026-11-24 03:22:27 GMT)" or
// "Server.SpotInstanceTermination (2026-11-24 03:22:27 GMT)", the latter when EC2 ended it.
//
// Chosen where no source says (not verified on a real account): the HTTP status of
// InsufficientInstanceCapacity is 500, of DryRunOperation 412; nextToken is absent on the last
// page.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "lib/http/message.h"
#include "lib/sigv4/sigv4.h"
#include "localcloud/cloud.h"

namespace godwit::localcloud {

class Api {
 public:
  // `cloud` outlives this. A request is answered if one of `credentials` signed it.
  Api(Cloud& cloud, std::vector<sigv4::Credentials> credentials)
      : cloud_(cloud), credentials_(std::move(credentials)) {}

  http::Response on(const http::Request& request, Time now);

 private:
  std::optional<Refusal> authenticate(const http::Request& request, Time now) const;

  Cloud& cloud_;
  std::vector<sigv4::Credentials> credentials_;
  std::uint64_t requests_ = 0;
};

}  // namespace godwit::localcloud
