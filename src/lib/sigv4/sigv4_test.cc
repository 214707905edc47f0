// Signatures are those that AWS publishes; verification takes what sign() makes and nothing that
// differs from it by a byte.
#include "lib/sigv4/sigv4.h"

#include <gtest/gtest.h>

namespace godwit::sigv4 {
namespace {

using namespace std::chrono;

// aws-sig-v4-test-suite: its key, host, date and service.
const Credentials kExample{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};
const Time kWhen = sys_days{2015y / August / 30} + 12h + 36min;

std::string signature_of(const Headers& added) {
  const std::string& text = added.back().second;
  return text.substr(text.find("Signature=") + 10);
}

struct Vector {
  const char* name;
  Request request;
  const char* signature;
};

TEST(Sign, PublishedVectors) {
  const Headers host{{"Host", "example.amazonaws.com"}};
  Headers form = host;
  form.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  const Vector vectors[] = {
      {"get-vanilla",
       {"GET", "/", host, ""},
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-vanilla-query-order-key-case",
       {"GET", "/?Param2=value2&Param1=value1", host, ""},
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"post-vanilla",
       {"POST", "/", host, ""},
       "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
      {"post-x-www-form-urlencoded",
       {"POST", "/", form, "Param1=value1"},
       "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
  };
  for (const Vector& v : vectors)
    EXPECT_EQ(signature_of(sign(v.request, kExample, "us-east-1", "service", kWhen)), v.signature)
        << v.name;
}

// The worked example of the IAM user guide (ListUsers).
TEST(Sign, ListUsersOfTheGuide) {
  const Request request{"GET",
                        "/?Action=ListUsers&Version=2010-05-08",
                        {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"},
                         {"Host", "iam.amazonaws.com"}},
                        ""};
  const auto added = sign(request, kExample, "us-east-1", "iam", kWhen);
  EXPECT_EQ(signature_of(added),
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
}

std::optional<Credentials> find(std::string_view id) {
  if (id == kExample.access_key_id) return kExample;
  if (id == "ASIATEMP") return Credentials{"ASIATEMP", "secret", "token=="};
  return std::nullopt;
}

Request signed_request(const Credentials& credentials = kExample) {
  Request request{"POST",
                  "/?b=2&a=x%2fy",
                  {{"host", "127.0.0.1:9"}, {"X-Two", " a   b "}, {"x-two", "c"}},
                  "Action=X&Version=2016-11-15"};
  for (auto& header : sign(request, credentials, "us-east-1", "ec2", kWhen))
    request.headers.push_back(header);
  return request;
}

std::string outcome(const Request& request, std::string_view service = "ec2", Time now = kWhen) {
  const auto verified = verify(request, service, now, find);
  return verified ? verified->access_key_id + " " + verified->region
                  : std::string(name(verified.error().code));
}

TEST(Verify, TakesWhatSignMakes) {
  EXPECT_EQ(outcome(signed_request()), "AKIDEXAMPLE us-east-1");
  EXPECT_EQ(outcome(signed_request({"ASIATEMP", "secret", "token=="})), "ASIATEMP us-east-1");
  // The order of the query and the case of its escapes are not part of what is signed.
  Request other_order = signed_request();
  other_order.target = "/?a=x%2Fy&b=2";
  EXPECT_EQ(outcome(other_order), "AKIDEXAMPLE us-east-1");
}

TEST(Verify, RefusesWhatDiffers) {
  Request r = signed_request();
  r.body += " ";
  EXPECT_EQ(outcome(r), "PERMISSION_DENIED");
  r = signed_request();
  r.method = "GET";
  EXPECT_EQ(outcome(r), "PERMISSION_DENIED");
  r = signed_request();
  r.target = "/?b=2&a=x%2fz";
  EXPECT_EQ(outcome(r), "PERMISSION_DENIED");
  r = signed_request();
  r.headers[1].second = "a c";
  EXPECT_EQ(outcome(r), "PERMISSION_DENIED");
  EXPECT_EQ(outcome(signed_request(), "s3"), "PERMISSION_DENIED");
  EXPECT_EQ(outcome(signed_request({"AKIDEXAMPLE", "wrong"})), "PERMISSION_DENIED");
  EXPECT_EQ(outcome(signed_request({"AKIDOTHER", "x"})), "PERMISSION_DENIED");
  EXPECT_EQ(outcome(signed_request({"ASIATEMP", "secret"})), "PERMISSION_DENIED");
  EXPECT_EQ(outcome(signed_request({"ASIATEMP", "secret", "other"})), "PERMISSION_DENIED");
  EXPECT_EQ(outcome(signed_request(), "ec2", kWhen + 14min), "AKIDEXAMPLE us-east-1");
  EXPECT_EQ(outcome(signed_request(), "ec2", kWhen + 16min), "DEADLINE_EXCEEDED");
  EXPECT_EQ(outcome(signed_request(), "ec2", kWhen - 16min), "DEADLINE_EXCEEDED");
  r = signed_request();
  r.headers.emplace_back("X-Amz-Security-Token", "smuggled");  // Present but not signed.
  EXPECT_EQ(outcome(r), "PERMISSION_DENIED");
}

TEST(Verify, MalformedAuthorization) {
  for (const char* bad :
       {"", "Basic abc", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=",
        "AWS4-HMAC-SHA256 Credential=a/b/aws4_request, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 Credential=/d/r/s/aws4_request, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 Credential=k/d/r/s/aws4_request, SignedHeaders=host",
        "AWS4-HMAC-SHA256 "
        "Credential=k/20150830/r/ec2/aws4_request,,,=,SignedHeaders=;,Signature="}) {
    Request r{"GET",
              "/",
              {{"Host", "h"}, {"X-Amz-Date", "20150830T123600Z"}, {"Authorization", bad}},
              ""};
    EXPECT_EQ(outcome(r), "INVALID_ARGUMENT") << bad;
  }
  EXPECT_EQ(outcome({"GET", "/", {{"Host", "h"}}, ""}), "NOT_FOUND");
  for (const char* date : {"", "20150830T12360", "2015-08-30T12:36Z", "20159930T123600Z",
                           "20150830T993600Z", "20150831T123600Z"}) {
    Request r = signed_request();
    for (auto& [key, text] : r.headers)
      if (key == "X-Amz-Date") text = date;
    EXPECT_EQ(outcome(r), "INVALID_ARGUMENT") << date;
  }
}

}  // namespace
}  // namespace godwit::sigv4
