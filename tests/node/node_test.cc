// Real instances of the local cloud become nodes by their boot script: they fetch the agent, join
// by their token, attach, and come back when the agent is killed; wrong tokens and wrong bytes do
// not.
//
// The control plane here is small: the join server with a table of tokens, the artefact server, and
// the server of the agents' streams, all at the cloud's operator address, as `godwit serve` has
// them.
#include <gtest/gtest.h>

#include <cstdlib>
#include <mutex>
#include <set>
#include <thread>

#include "apps/boot_script.h"
#include "edges/artifacts/server.h"
#include "edges/ec2/local_cloud_test.h"
#include "edges/grpc/control.h"
#include "edges/grpc/join_server.h"
#include "lib/tls/digest.h"
#include "ports/messages.h"

namespace godwit {
namespace {

constexpr const char* kOperator = "10.0.200.10";
constexpr const char* kRootfs = "/usr/lib/godwit/rootfs";
// The pids of agents; not of the instance's first program, nor of the shell that asks.
constexpr const char* kAgents = "pgrep -f '/bin/[g]odwit agent'";

Time now() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

// What the servers are told; from gRPC's threads.
class Control final : public ports::EventSink<ports::Request>,
                      public ports::EventSink<ports::Message> {
 public:
  void offer(ports::Request request) override {
    const auto& wish = std::get<ports::JoinNode>(request.body);
    ports::Answer answer = fail(Code::kPermissionDenied, "this token is not known");
    {
      const std::lock_guard lock(mutex_);
      asked_[wish.token_sha256].insert(wish.key_sha256);
      ++joins_;
      if (const auto node = nodes_.find(wish.token_sha256); node != nodes_.end())
        answer = ports::NodeView{.node = node->second};
    }
    server->answer(request.id, std::move(answer));
  }
  void offer(ports::Message message) override {
    const auto* state = std::get_if<ports::NodeState>(&message.body);
    const std::lock_guard lock(mutex_);
    if (state) states_[message.from] = *state;
  }
  void attached(const NodeId& node, bool attached) {
    const std::lock_guard lock(mutex_);
    if (attached) ++attached_[node];
  }

  void expect(const std::string& token, const NodeId& node) {
    const std::lock_guard lock(mutex_);
    nodes_[tls::sha256(token)] = node;
  }
  int times_attached(const NodeId& node) {
    const std::lock_guard lock(mutex_);
    return attached_[node];
  }
  int joins() {
    const std::lock_guard lock(mutex_);
    return joins_;
  }
  std::optional<ports::NodeState> state(const NodeId& node) {
    const std::lock_guard lock(mutex_);
    const auto found = states_.find(node);
    return found == states_.end() ? std::nullopt : std::optional(found->second);
  }
  ports::Answerer* server = nullptr;

 private:
  std::mutex mutex_;
  std::map<std::string, NodeId> nodes_;
  std::map<std::string, std::set<std::string>> asked_;
  std::map<NodeId, int> attached_;
  std::map<NodeId, ports::NodeState> states_;
  int joins_ = 0;
};

class NodeTest : public ec2::LocalCloudTest {
 protected:
  void SetUp() override {
    if (::geteuid() != 0 || !std::filesystem::is_directory(kRootfs))
      GTEST_SKIP() << "needs root and " << kRootfs;
    ASSERT_NE(::mkdtemp(dir_.data()), nullptr);
    start(std::format(R"({{"instances": {{"state_dir": "{}/instances"}}}})", dir_));
    make_client();
    const tls::Validity valid{now() - std::chrono::hours{1}, now() + std::chrono::hours{24}};
    authority_ = tls::make_authority("godwit", valid).value();
    const grpc_edge::Credentials self{tls::issue(authority_, ports::kControl, {}, valid).value(),
                                      authority_.certificate};
    const std::string any = std::format("{}:0", kOperator);
    join_ = grpc_edge::JoinServer::start(any, self, authority_, control_, now, {}).value();
    control_.server = join_.get();
    const auto seen = [this](const NodeId& node, bool is) { control_.attached(node, is); };
    streams_ = grpc_edge::ControlServer::start(any, self, control_, seen, {}, [](auto&) {}).value();
    agent_ = tls::sha256_of_file(GODWIT_PROGRAM).value();
    artifacts::ServerConfig served{.host = kOperator, .image_dir = dir_};
    served.files[agent_] = GODWIT_PROGRAM;
    std::ofstream(dir_ + "/other") << "what came";
    served.files[tls::sha256("what was built")] = dir_ + "/other";
    artifacts_ = artifacts::Server::start(served).value();
  }
  void TearDown() override {
    streams_.reset();
    join_.reset();
    artifacts_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
  }

  // The instance's id.
  std::string launch(const std::string& token, const std::string& agent_sha256) {
    apps::BootScript script{.agent_sha256 = agent_sha256};
    script.join.token = token;
    script.join.authority = authority_.certificate;
    script.join.join = std::format("{}:{}", kOperator, join_->port());
    script.join.control = std::format("{}:{}", kOperator, streams_->port());
    script.join.artifacts = std::format("http://{}:{}", kOperator, artifacts_->port());
    script.join.imds = "http://169.254.169.254";
    ports::CloudRig cloud = rig();
    ports::Launch launch = cloud.spot("launch-" + token.substr(0, 8));
    launch.user_data = apps::boot_script(script);
    return cloud.ask_for<ports::Launched>(launch).instance.id;
  }
  // What a program inside printed; nothing if it failed or the instance is not up yet.
  std::string inside(const std::string& instance, const std::string& shell) {
    json::Value request;
    request.set("command", "exec").set("instance", instance);
    request.set("argv", json::Value::Array{"sh", "-c", shell});
    const json::Value answer = ctl(request.dump(), false);
    return answer["exit"].integer(-1) == 0 ? answer["output"].text() : "";
  }
  // Patience, not an assertion on time: a loaded host is slow.
  bool until(const std::function<bool()>& condition) {
    for (int i = 0; i < 1200; ++i) {
      if (condition()) return true;
      run(io::sleep(std::chrono::milliseconds{100}));
    }
    return false;
  }
  std::string log(const std::string& instance) {
    return inside(instance, "cat /var/log/godwit-agent.log");
  }

  std::string dir_ = "/tmp/godwit-node-XXXXXX";
  tls::Identity authority_;
  Control control_;
  std::unique_ptr<grpc_edge::JoinServer> join_;
  std::unique_ptr<grpc_edge::ControlServer> streams_;
  std::unique_ptr<artifacts::Server> artifacts_;
  std::string agent_;
};

TEST_F(NodeTest, ABareInstanceBecomesANodeAndStaysIt) {
  const std::string token(64, 'a');
  const NodeId node{"n-test-1"};
  control_.expect(token, node);
  const std::string instance = launch(token, agent_);
  ASSERT_TRUE(until([&] { return control_.times_attached(node) == 1; })) << log(instance);
  ASSERT_TRUE(until([&] { return control_.state(node).has_value(); })) << log(instance);
  const ports::NodeState state = *control_.state(node);
  EXPECT_EQ(inside(instance, "cat /proc/sys/kernel/random/boot_id"), state.boot_id + "\n");
  EXPECT_NE(inside(instance, "ip -4 addr show eth0").find(state.address + "/"), std::string::npos);
  EXPECT_EQ(state.port, 7001);
  // The type's, by the control group (a hundredth is cut off somewhere), less the reserve.
  EXPECT_NEAR(state.memory_mib, 4096 - 512, 1);
  EXPECT_EQ(state.vcpus, std::min(2u, std::thread::hardware_concurrency()));
  // Secrets are root's alone.
  EXPECT_EQ(inside(instance,
                   "stat -c %a /etc/godwit/join.json /var/lib/godwit/identity "
                   "/var/lib/godwit/identity/key.pem /var/lib/godwit/identity/node.pem"),
            "600\n700\n600\n600\n");

  // Killed, it is started again, is the same, and asks nobody who it is.
  const std::string identity = "cat /var/lib/godwit/identity/*";
  const std::string before = inside(instance, identity);
  ASSERT_NE(before, "");
  EXPECT_EQ(control_.joins(), 1);
  for (int times = 2; times <= 3; ++times) {
    ASSERT_NE(inside(instance, std::format("kill -9 $({}) && echo killed", kAgents)), "");
    ASSERT_TRUE(until([&] { return control_.times_attached(node) == times; })) << log(instance);
  }
  EXPECT_EQ(inside(instance, identity), before);
  EXPECT_EQ(control_.joins(), 1);
  // Never two at a time: neither of the script nor of the agent.
  EXPECT_EQ(inside(instance, std::format("/run/user-data && {} | wc -w", kAgents)), "1\n");
  EXPECT_NE(inside(instance, "! /var/lib/godwit/bin/godwit agent --join /etc/godwit/join.json 2>&1")
                .find("an agent runs here already"),
            std::string::npos);
  EXPECT_EQ(inside(instance, std::format("{} | wc -w", kAgents)), "1\n");
}

TEST_F(NodeTest, AWrongTokenGetsNothing) {
  const std::string instance = launch(std::string(64, 'b'), agent_);
  ASSERT_TRUE(until([&] { return log(instance).contains("ended with status 77"); }))
      << log(instance);
  EXPECT_NE(log(instance).find("godwit get nodes"), std::string::npos);
  EXPECT_EQ(inside(instance, "ls /var/lib/godwit/identity"), "key.pem\n");
}

TEST_F(NodeTest, WrongBytesAreNotRun) {
  const std::string token(64, 'c');
  control_.expect(token, NodeId{"n-test-3"});
  const std::string instance = launch(token, tls::sha256("what was built"));
  ASSERT_TRUE(until([&] { return log(instance).contains(" is not "); })) << log(instance);
  EXPECT_EQ(inside(instance, "ls /var/lib/godwit/bin"), "godwit.part\n");
  EXPECT_EQ(control_.joins(), 0);
}

}  // namespace
}  // namespace godwit
