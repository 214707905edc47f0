// Answers of the Query API as values. Nothing is taken on trust: what is missing or damaged is
// DataLoss. The namespace of the XML is not looked at (moto's is another version's).
#pragma once

#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "lib/http/message.h"
#include "lib/xml/xml.h"
#include "ports/cloud.h"

namespace godwit::ec2 {

// A value, or what the port says instead.
template <class T>
using Answer = std::expected<T, ports::CloudFailed>;

// What EC2's error code asks of us; the message names `what`, code and EC2's own words. Source of
// the codes: AWS, "Error codes for the Amazon EC2 API".
ports::CloudFailed refusal_of(const std::string& what, int status, std::string_view code,
                              std::string_view message);
// The same of an error of HTTP or of reading.
ports::CloudFailed failure_of(const std::string& what, Error error);

// The root element `<ActionResponse>`, or the refusal in it.
Answer<xml::Element> read_response(const std::string& action, const http::Response& response);
// True of a refusal that an immediate repetition, after a wait, may overcome.
bool is_passing(const ports::CloudFailed& failed);

// Of RunInstances: exactly one instance.
Result<ports::CloudInstance> read_launched(const xml::Element& answer);
// Of DescribeInstances: appended.
Status read_instances(const xml::Element& answer, std::vector<ports::CloudInstance>& into);
// Of DescribeSpotPriceHistory: appended, in the order of the wire.
using Changes = std::map<market::Pool, std::vector<market::PriceChange>>;
Status read_prices(const xml::Element& answer, Changes& into);
// Of DescribeInstanceTypes, without zones, and DescribeInstanceTypeOfferings, which adds them to
// the types that are there.
using Types = std::map<std::string, ports::InstanceType>;
Status read_types(const xml::Element& answer, Types& into);
Status read_offerings(const xml::Element& answer, Types& into);

}  // namespace godwit::ec2
