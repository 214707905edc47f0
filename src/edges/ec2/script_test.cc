// A server that answers by script: bad bytes give an error of the promised kind and never a crash,
// passing failures are tried again with the same client token, and final ones are not.
#include <gtest/gtest.h>

#include "edges/ec2/cloud.h"
#include "edges/ec2/requests.h"
#include "lib/http/server.h"

namespace godwit::ec2 {
namespace {

using namespace ports;
using namespace std::chrono_literals;

class ScriptTest : public ::testing::Test, public EventSink<CloudEvent> {
 protected:
  ScriptTest() {
    server_ = http::Server::listen(loop_, "127.0.0.1", 0, [this](http::Request r) {
                return answer(std::move(r));
              }).value();
    config_.endpoint = {"127.0.0.1", server_->port()};
    config_.credentials = {"AKID", "secret"};
    config_.back_off_first = 1ms;
    config_.back_off_most = 2ms;
    config_.tries = 4;
  }
  io::Task<http::Response> answer(http::Request request) {
    bodies_.push_back(request.body);
    const std::size_t at = std::min(bodies_.size(), script_.size()) - 1;
    co_return script_[at];
  }
  void offer(CloudEvent event) override {
    got_ = std::move(event.answer);
    loop_.stop();
  }
  CloudAnswer ask(std::vector<http::Response> script, CloudCommand what) {
    script_ = std::move(script);
    bodies_.clear();
    Cloud cloud(loop_, *this, config_, random_);
    cloud.submit(1, std::move(what));
    got_.reset();
    while (!got_) loop_.run();
    return *got_;
  }
  // The refusal, or none.
  std::optional<CloudRefusal> refusal(std::vector<http::Response> script, CloudCommand what) {
    const CloudAnswer got = ask(std::move(script), std::move(what));
    const auto* failed = std::get_if<CloudFailed>(&got);
    return failed ? std::optional(failed->refusal) : std::nullopt;
  }

  io::Loop loop_;
  std::unique_ptr<http::Server> server_;
  Config config_;
  Random random_{7};
  std::vector<http::Response> script_;
  std::vector<std::string> bodies_;
  std::optional<CloudAnswer> got_;
};

http::Response error(int status, const std::string& code) {
  return {.status = status,
          .body = "<Response><Errors><Error><Code>" + code +
                  "</Code><Message>m</Message></Error></Errors></Response>"};
}

std::string instance(const std::string& changes = "") {
  return "<item><instanceId>i-1</instanceId><instanceType>c8i.large</instanceType>" + changes +
         "<instanceState><name>pending</name></instanceState><placement>"
         "<availabilityZone>z</availabilityZone></placement>"
         "<launchTime>2026-11-24T03:22:27.900Z</launchTime></item>";
}
http::Response run_answer(const std::string& items) {
  return {.body = "<RunInstancesResponse><instancesSet>" + items +
                  "</instancesSet></RunInstancesResponse>"};
}
const Launch kLaunch{.client_token = "t-1", .type = "c8i.large", .zone = "z", .image = "ami-1"};

TEST_F(ScriptTest, PassingFailuresAreTriedAgainWithTheSameToken) {
  const auto got = ask({error(503, "RequestLimitExceeded"),
                        {.status = 502, .body = "<html>"},
                        error(500, "InternalError"),
                        run_answer(instance())},
                       kLaunch);
  ASSERT_TRUE(std::holds_alternative<Launched>(got));
  const Time second = std::chrono::sys_days{std::chrono::year_month_day{
                          std::chrono::year{2026}, std::chrono::November, std::chrono::day{24}}} +
                      3h + 22min + 27s;
  EXPECT_EQ(std::get<Launched>(got).instance.launched, second);
  ASSERT_EQ(bodies_.size(), 4u);
  for (const std::string& body : bodies_) EXPECT_TRUE(body.contains("&ClientToken=t-1&")) << body;
}

TEST_F(ScriptTest, EachCodeSaysWhatToDo) {
  const std::tuple<int, std::string, CloudRefusal, std::size_t> table[] = {
      {500, "InsufficientInstanceCapacity", CloudRefusal::kPool, 1},
      {400, "SpotMaxPriceTooLow", CloudRefusal::kPrice, 1},
      {400, "VcpuLimitExceeded", CloudRefusal::kQuota, 1},
      {400, "Unsupported", CloudRefusal::kOffering, 1},
      {400, "IdempotentParameterMismatch", CloudRefusal::kMismatch, 1},
      {503, "EC2ThrottledException", CloudRefusal::kThrottled, 4},
      {503, "ServiceUnavailable", CloudRefusal::kOutage, 4},
      {500, "NeverHeardOf", CloudRefusal::kOutage, 4},
      {400, "NeverHeardOf", CloudRefusal::kRequest, 1},
      {401, "AuthFailure", CloudRefusal::kCredentials, 1},
  };
  for (const auto& [status, code, refused, tries] : table) {
    EXPECT_EQ(refusal({error(status, code)}, kLaunch), refused) << code;
    EXPECT_EQ(bodies_.size(), tries) << code;
  }
}

TEST_F(ScriptTest, MalformedAnswersAreErrors) {
  const std::string good = instance();
  const std::string bodies[] = {
      "",
      "<",
      "no xml",
      "<RunInstancesResponse>",
      "<html></html>",
      std::string("\0\0", 2),
      "<DescribeInstancesResponse/>",
      "<RunInstancesResponse/>",
      run_answer("").body,
      run_answer(good + good).body,
      run_answer("<item/>").body,
      run_answer("<item><instanceId>i 1</instanceId></item>").body,
      run_answer("<item><instanceId>" + std::string(65, 'i') + "</instanceId></item>").body};
  for (const std::string& body : bodies) {
    EXPECT_EQ(refusal({{.status = 200, .body = body}}, kLaunch), CloudRefusal::kAnswer) << body;
    EXPECT_EQ(bodies_.size(), 1u);
  }
  for (const int status : {204, 301, 404, 418})
    EXPECT_EQ(refusal({{.status = status}}, kLaunch), CloudRefusal::kAnswer) << status;
  EXPECT_EQ(refusal({run_answer(good)}, kLaunch), std::nullopt);
}

TEST_F(ScriptTest, PricesThatCannotBeReadAreNoPrices) {
  const auto prices = [](const std::string& usd, const std::string& at, const std::string& next) {
    return http::Response{.body =
                              "<DescribeSpotPriceHistoryResponse><spotPriceHistorySet><item>"
                              "<instanceType>t</instanceType><availabilityZone>z"
                              "</availabilityZone><spotPrice>" +
                              usd + "</spotPrice><timestamp>" + at +
                              "</timestamp></item></spotPriceHistorySet><nextToken>" + next +
                              "</nextToken></DescribeSpotPriceHistoryResponse>"};
  };
  const std::string at = "2026-11-24T03:22:27.000Z";
  for (const char* usd : {"", ".", "-1", "1e3", "0.0000001", "99999999999999999999", "0.1 "})
    EXPECT_EQ(refusal({prices(usd, at, "")}, ReadPrices{}), CloudRefusal::kAnswer) << usd;
  for (const char* time : {"", "now", "2026-02-30T00:00:00Z", "2026-11-24T24:00:00Z",
                           "2026-11-24T03:22:27", "2026-11-24T03:22:27.Z"})
    EXPECT_EQ(refusal({prices("1", time, "")}, ReadPrices{}), CloudRefusal::kAnswer) << time;
  // Two pages that meet in one row; then pages without end.
  const auto got = ask({prices("0.5", at, "p2"), prices("0.500000", at, "")}, ReadPrices{});
  ASSERT_TRUE(std::holds_alternative<PricesRead>(got));
  const auto changes = std::get<PricesRead>(got).changes.at({"t", "z"});
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].price, (MicroUsdPerHour{500'000}));
  EXPECT_TRUE(bodies_.at(1).ends_with("&NextToken=p2")) << bodies_.at(1);
  EXPECT_EQ(refusal({prices("0.5", at, "again")}, ReadPrices{}), CloudRefusal::kAnswer);
}

TEST_F(ScriptTest, NobodyThereIsAnOutage) {
  server_.reset();
  EXPECT_EQ(refusal({{}}, kLaunch), CloudRefusal::kOutage);
}

TEST(Pacer, GivesTokensInOrder) {
  Pacer pacer({2, 4});
  const Time start{std::chrono::hours{1}};
  EXPECT_EQ(pacer.take(start), 0s);
  EXPECT_EQ(pacer.take(start), 0s);
  EXPECT_EQ(pacer.take(start), 250ms);
  EXPECT_EQ(pacer.take(start), 500ms);
  EXPECT_EQ(pacer.take(start + 750ms), 0s);  // Three came in, two of them were owed.
  EXPECT_EQ(pacer.take(start + 750ms), 250ms);
  EXPECT_EQ(pacer.take(start + 1h), 0s);  // Never more than the bucket holds.
  EXPECT_EQ(pacer.take(start + 1h), 0s);
  EXPECT_EQ(pacer.take(start + 1h), 250ms);
}

TEST(Text, BytesAsBase64AndForms) {
  const std::pair<std::string, std::string> table[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"\xff\xfe\xfd", "//79"}};  // RFC 4648, and both special characters.
  for (const auto& [bytes, text] : table) EXPECT_EQ(encode_base64(bytes), text);
  EXPECT_EQ(form_text({{"A", "x y&%+"}, {"B.1", ""}}), "A=x+y%26%25%2B&B.1=");
}

TEST(Requests, BareMetalHasNothingToSwitchOn) {
  const auto has = [](Launch launch) {
    launch.nested = true;
    return std::ranges::contains(
        run_form(launch).value(),
        std::pair<std::string, std::string>("CpuOptions.NestedVirtualization", "enabled"));
  };
  Launch launch = kLaunch;
  EXPECT_TRUE(has(launch));
  launch.type = "m8i.metal-48xl";
  EXPECT_FALSE(has(launch));
}

}  // namespace
}  // namespace godwit::ec2
