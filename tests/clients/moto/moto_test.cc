// Goal: a server that we did not write takes our provider's requests and signatures. Method: moto,
// with its signature checks on from the fourth call; the first three make a user with a key.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <map>

#include "edges/ec2/cloud.h"
#include "lib/io/child.h"
#include "lib/xml/xml.h"

namespace godwit::ec2 {
namespace {

using namespace ports;

Time now() { return std::chrono::floor<Duration>(std::chrono::system_clock::now()); }

std::uint16_t free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  close(fd);
  return ntohs(address.sin_port);
}

class MotoTest : public ::testing::Test, public EventSink<CloudEvent> {
 protected:
  void SetUp() override {
    std::string name = "/tmp/godwit-moto-XXXXXX";
    folder_ = mkdtemp(name.data());
    endpoint_ = {"127.0.0.1", free_port()};
    // The server goes with us, however we go.
    io::ProgramStart what{
        .argv = {"env", "INITIAL_NO_AUTH_ACTION_COUNT=3", "setpriv", "--pdeathsig", "KILL",
                 "moto_server", "-H", "127.0.0.1", "-p", std::to_string(endpoint_.port)},
        .output = folder_ + "/log"};
    const auto started = io::start_program(what);
    ASSERT_TRUE(started) << to_string(started.error());
    program_ = *started;
    while (!listens()) {
      ASSERT_TRUE(io::is_alive(program_)) << "see " << folder_ << "/log";
      run(io::sleep(std::chrono::milliseconds{100}));
    }
    make_key();
  }
  void TearDown() override {
    if (program_.pid > 0) {
      EXPECT_TRUE(io::send_signal(program_, SIGKILL));
      run([](MotoTest* t) -> io::Task<void> { co_await io::wait_ended(t->program_); }(this));
    }
    std::filesystem::remove_all(folder_);
  }

  void offer(CloudEvent event) override {
    got_ = std::move(event.answer);
    loop_.stop();
  }
  void run(io::Task<void> task) {
    bool done = false;
    loop_.spawn([](io::Task<void> t, io::Loop* loop, bool* flag) -> io::Task<void> {
      co_await std::move(t);
      *flag = true;
      loop->stop();
    }(std::move(task), &loop_, &done));
    while (!done) loop_.run();
  }
  bool listens() {
    bool yes = false;
    run([](http::Address to, bool* into) -> io::Task<void> {
      http::Request request{.target = "/moto-api/data.json"};
      *into = (co_await http::fetch(to, std::move(request))).has_value();
    }(endpoint_, &yes));
    return yes;
  }
  xml::Element iam(const std::string& body) {
    http::Request request{.method = "POST", .body = body};
    request.headers = {{"Host", std::format("127.0.0.1:{}", endpoint_.port)},
                       {"Content-Type", "application/x-www-form-urlencoded"}};
    // Not checked yet, but moto finds the service in it.
    for (auto& header : sigv4::sign({"POST", "/", request.headers, body}, {"any", "thing"},
                                    "us-east-1", "iam", now()))
      request.headers.push_back(std::move(header));
    xml::Element root;
    run([](http::Address to, http::Request r, xml::Element* into) -> io::Task<void> {
      const auto response = co_await http::fetch(to, std::move(r));
      EXPECT_TRUE(response && response->status == 200) << (response ? response->body : "");
      if (response) *into = xml::parse(response->body).value_or(xml::Element{});
    }(endpoint_, std::move(request), &root));
    return root;
  }
  void make_key() {
    iam("Action=CreateUser&Version=2010-05-08&UserName=u");
    const xml::Element made = iam("Action=CreateAccessKey&Version=2010-05-08&UserName=u");
    const std::string at = "CreateAccessKeyResult/AccessKey/";
    config_.credentials = {std::string(made.text_at(at + "AccessKeyId")),
                           std::string(made.text_at(at + "SecretAccessKey"))};
    ASSERT_FALSE(config_.credentials.secret_access_key.empty());
    const std::string policy = R"({"Version": "2012-10-17", "Statement":
      [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]})";
    iam("Action=PutUserPolicy&Version=2010-05-08&UserName=u&PolicyName=p&PolicyDocument=" +
        http::percent_encode(policy));
    config_.endpoint = endpoint_;
    config_.tries = 1;
    config_.visible_within = Duration{0};
  }
  CloudAnswer ask(CloudCommand what) {
    Cloud cloud(loop_, *this, config_, random_);
    got_.reset();
    cloud.submit(1, std::move(what));
    while (!got_) loop_.run();
    return *got_;
  }
  template <class Wanted>
  Wanted ask_for(CloudCommand what) {
    const CloudAnswer got = ask(std::move(what));
    if (const auto* failed = std::get_if<CloudFailed>(&got))
      ADD_FAILURE() << to_string(failed->error);
    const auto* wanted = std::get_if<Wanted>(&got);
    return wanted ? *wanted : Wanted{};
  }

  std::string folder_;
  http::Address endpoint_;
  io::RunningProgram program_;
  io::Loop loop_;
  Random random_{1};
  Config config_;
  std::optional<CloudAnswer> got_;
};

TEST_F(MotoTest, TakesOurRequestsAndSignatures) {
  const auto types = ask_for<TypesRead>(ReadTypes{{"c5.large", "m5.xlarge"}}).types;
  ASSERT_EQ(types.size(), 2u);
  EXPECT_EQ(types[0].vcpus, 2);
  EXPECT_EQ(types[0].memory_mib, 4096);
  EXPECT_TRUE(std::ranges::contains(types[0].zones, "us-east-1a"));
  EXPECT_GT(ask_for<TypesRead>(ReadTypes{}).types.size(), 500u);  // Many pages.
  const auto prices = ask_for<PricesRead>(ReadPrices{now(), {"c5.large"}}).changes;
  EXPECT_TRUE(prices.contains({"c5.large", "us-east-1a"}));

  Launch launch{.client_token = "t-1",
                .type = "c5.large",
                .zone = "us-east-1a",
                .max_price = MicroUsdPerHour{80'000},
                .nested = true,
                .image = "ami-12c6146b",
                .user_data = std::string("#!/bin/sh\n\0\xff +&%", 16),
                .tags = {{"godwit", "one & <two>"}, {"name", "a b+c%d"}}};
  const CloudInstance made = ask_for<Launched>(launch).instance;
  EXPECT_EQ(made.capacity, CapacityType::kSpot);
  EXPECT_EQ(made.zone, "us-east-1a");
  EXPECT_EQ(made.tags, launch.tags);
  launch.capacity = CapacityType::kOnDemand;
  launch.max_price.reset();
  launch.client_token = "t-2";
  EXPECT_EQ(ask_for<Launched>(launch).instance.capacity, CapacityType::kOnDemand);

  EXPECT_EQ(ask_for<Listed>(ListInstances{"godwit", "one & <two>"}).instances.size(), 2u);
  EXPECT_FALSE(ask_for<Examined>(Examine{made.id}).certificate);
  EXPECT_TRUE(ask_for<Terminating>(Terminate{made.id}).known);
  const auto dead = ask_for<Examined>(Examine{made.id}).certificate;
  ASSERT_TRUE(dead);
  EXPECT_EQ(dead->end.by, EndedBy::kUser);
  EXPECT_FALSE(ask_for<Examined>(Examine{"i-0123456789abcdef0"}).instance);
  EXPECT_FALSE(ask_for<Terminating>(Terminate{"i-0123456789abcdef0"}).known);

  // Its checks are on: what is signed with another secret is refused.
  config_.credentials.secret_access_key += "x";
  const CloudAnswer got = ask(ListInstances{"godwit", "x"});
  const auto* refused = std::get_if<CloudFailed>(&got);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->refusal, CloudRefusal::kCredentials);
}

}  // namespace
}  // namespace godwit::ec2
