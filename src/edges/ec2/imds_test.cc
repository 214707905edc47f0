// The agent's view of IMDSv2, against a small service that keeps its rules on tokens: the port's
// contract, a token that is refused, bad bytes, and silence.
#include "edges/ec2/imds.h"

#include "lib/http/server.h"
#include "ports/notices_contract.h"

namespace godwit::ec2 {
namespace {

using namespace ports;
using Action = InterruptionNotice::Action;

constexpr const char* kDocument = R"({"instanceId": "i-1", "instanceType": "c8i.large",
  "availabilityZone": "us-east-1a", "region": "us-east-1", "imageId": "ami-1",
  "privateIp": "10.0.0.9", "accountId": "1"})";

class ImdsTest : public ::testing::Test, public EventSink<NoticesEvent> {
 protected:
  ImdsTest() {
    server_ = http::Server::listen(loop_, "127.0.0.1", 0, [this](http::Request r) {
                return answer(std::move(r));
              }).value();
    paths_["/latest/dynamic/instance-identity/document"] = kDocument;
    paths_["/latest/meta-data/instance-life-cycle"] = "spot";
    imds_.emplace(loop_, *this, ImdsConfig{.endpoint = {"127.0.0.1", server_->port()}});
    rig_.emplace(NoticesRig{*imds_, [this] { return next(); },
                            [this](const std::optional<InterruptionNotice>& n) { set(n); }});
  }

  io::Task<http::Response> answer(http::Request request) {
    const auto header = [&](const char* name) {
      const std::string* found = http::find_header(request.headers, name);
      return found ? *found : "";
    };
    if (broken_) co_return http::Response{.status = 500};
    if (request.method == "PUT" && request.path() == "/latest/api/token" &&
        header("X-aws-ec2-metadata-token-ttl-seconds") == "21600")
      co_return http::Response{.body = std::format("token-{}", ++tokens_)};
    if (header("X-aws-ec2-metadata-token") != std::format("token-{}", tokens_))
      co_return http::Response{.status = 401};
    const auto found = paths_.find(request.path());
    if (found == paths_.end()) co_return http::Response{.status = 404};
    co_return http::Response{.body = found->second};
  }
  void offer(NoticesEvent event) override {
    got_ = std::move(event);
    loop_.stop();
  }
  NoticesEvent next() {
    while (!got_) loop_.run();
    return *std::exchange(got_, std::nullopt);
  }
  void set(const std::optional<InterruptionNotice>& notice) {
    paths_.erase(kAction);
    if (!notice) return;
    const char* names[] = {"terminate", "stop", "hibernate"};
    paths_[kAction] = std::format(R"({{"action": "{}", "time": "{}"}})",
                                  names[static_cast<int>(notice->action)], time_of(notice->at));
  }
  static std::string time_of(Time at) {
    return std::format("{:%Y-%m-%dT%H:%M:%S}Z", std::chrono::floor<std::chrono::seconds>(at));
  }

  static constexpr const char* kAction = "/latest/meta-data/spot/instance-action";
  static constexpr const char* kTime = "/latest/meta-data/spot/termination-time";
  io::Loop loop_;
  std::unique_ptr<http::Server> server_;
  std::map<std::string, std::string, std::less<>> paths_;
  int tokens_ = 0;
  bool broken_ = false;
  std::optional<NoticesEvent> got_;
  std::optional<Imds> imds_;
  std::optional<NoticesRig> rig_;
};

TEST_F(ImdsTest, KeepsTheContractWithOneToken) {
  expect_notices_contract(
      *rig_, {"i-1", "c8i.large", "us-east-1a", "us-east-1", "ami-1", "10.0.0.9", true});
  EXPECT_EQ(tokens_, 1);
}

TEST_F(ImdsTest, ARefusedTokenIsTakenAgain) {
  EXPECT_TRUE(rig_->notice());
  ++tokens_;  // The service has forgotten the one it gave.
  EXPECT_TRUE(rig_->notice());
  EXPECT_EQ(tokens_, 3);
}

TEST_F(ImdsTest, TheOlderNoticeCountsToo) {
  const Time at{std::chrono::hours{498'000}};
  paths_[kTime] = time_of(at);
  EXPECT_EQ(rig_->notice().value(), (InterruptionNotice{Action::kTerminate, at}));
  paths_[kTime] = "no time at all";
  EXPECT_EQ(rig_->notice().value(), std::nullopt);
}

TEST_F(ImdsTest, BadBytesAndSilence) {
  for (const char* body : {"", "x", "{}", R"({"action": "dance", "time": "2017-09-18T08:22:00Z"})",
                           R"({"action": "terminate", "time": "soon"})", R"(["terminate"])"}) {
    paths_[kAction] = body;
    EXPECT_EQ(rig_->notice().error().code, Code::kDataLoss) << body;
  }
  paths_["/latest/dynamic/instance-identity/document"] = R"({"instanceId": "i-1"})";
  EXPECT_EQ(rig_->identity().error().code, Code::kDataLoss);
  broken_ = true;
  EXPECT_EQ(rig_->notice().error().code, Code::kUnavailable);
  server_.reset();
  EXPECT_EQ(rig_->notice().error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace godwit::ec2
