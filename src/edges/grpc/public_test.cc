// Real calls over mutual TLS on loopback, answered by a scripted control plane: each request and
// answer arrives as it was meant, and what must be refused is.
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <format>
#include <functional>
#include <thread>

#include "edges/grpc/channel.h"
#include "edges/grpc/control.h"
#include "edges/grpc/mailbox.h"
#include "edges/grpc/public_codec.h"
#include "edges/grpc/public_rig.h"
#include "godwit/v1/services.grpc.pb.h"

namespace godwit::grpc_edge {
namespace {

using namespace std::chrono_literals;

v1::GroupSpec good_spec() {
  v1::GroupSpec spec;
  spec.set_name("web");
  spec.set_image(std::string(64, 'a'));
  spec.add_command("/bin/server");
  (*spec.mutable_env())["A"] = "b=c";
  spec.mutable_health()->set_tcp_port(80);
  spec.add_ports()->set_port(80);
  spec.set_maximum_price_micro_usd_per_hour(12'000);
  spec.set_spread(v1::GroupSpec::POOL);
  return spec;
}

TEST(PublicServer, ASpecArrivesWholeAndComesBack) {
  Rig rig;
  rig.script.answer = [](const ports::Request& request) -> ports::Answer {
    const auto& apply = std::get<ports::ApplyGroup>(request.body);
    return ports::GroupView{.spec = apply.spec, .running = 1, .guests = {GuestId{"web-1"}}};
  };
  const auto stub = v1::Groups::NewStub(rig.channel("user/alice"));
  grpc::ClientContext context;
  v1::ApplyGroupRequest request;
  *request.mutable_spec() = good_spec();
  request.set_dry_run(true);
  v1::Group group;
  const grpc::Status status = stub->Apply(&context, request, &group);
  ASSERT_TRUE(status.ok()) << to_string(status);
  ASSERT_EQ(rig.script.requests.size(), 1u);
  EXPECT_EQ(rig.script.requests[0].caller, "user/alice");
  const auto& apply = std::get<ports::ApplyGroup>(rig.script.requests[0].body);
  EXPECT_TRUE(apply.dry_run);
  EXPECT_EQ(apply.spec.container.env, std::vector<std::string>{"A=b=c"});
  EXPECT_EQ(apply.spec.container.restart, ports::RestartPolicy::kAlways);
  EXPECT_EQ(apply.spec.maximum_price->value, 12'000);
  EXPECT_EQ(apply.spec.spread, ports::Spread::kPool);
  EXPECT_EQ(group.guests(0), "web-1");
  // What is shown can be applied again, and is the same spec.
  EXPECT_EQ(from_wire(group.spec()).value(), apply.spec);
}

TEST(PublicServer, ABadSpecNeverReachesTheControlPlane) {
  Rig rig;
  const auto stub = v1::Groups::NewStub(rig.channel("user/alice"));
  const std::vector<std::pair<std::string, std::function<void(v1::GroupSpec&)>>> bad{
      {"name: ", [](auto& s) { s.set_name("Web"); }},
      {"memory_mib: ", [](auto& s) { s.set_memory_mib(1); }},
      {"volumes: ", [](auto& s) { s.add_volumes()->set_name("v"); }},
      {"update: ", [](auto& s) { s.set_update(v1::GroupSpec::ROLLING); }},
      {"spread: ", [](auto& s) { s.set_spread(static_cast<v1::GroupSpec::Spread>(77)); }},
      {"ports[1]: ", [](auto& s) { s.add_ports()->set_port(70'000); }},
      {"health: ", [](auto& s) { s.mutable_health()->add_command("x"); }},
      {"health: ", [](auto& s) { s.mutable_health()->set_tcp_port(0); }},
      {"env.A=B: ", [](auto& s) { (*s.mutable_env())["A=B"] = "c"; }},
  };
  for (const auto& [start, change] : bad) {
    v1::ApplyGroupRequest request;
    *request.mutable_spec() = good_spec();
    change(*request.mutable_spec());
    grpc::ClientContext context;
    v1::Group group;
    const grpc::Status status = stub->Apply(&context, request, &group);
    EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT) << start;
    EXPECT_TRUE(status.error_message().starts_with(start)) << status.error_message();
  }
  EXPECT_TRUE(rig.script.requests.empty());
}

TEST(PublicServer, OnlyUsersAreLetIn) {
  Rig rig;
  for (const char* name : {"i-a/boot-1", "control"}) {
    const auto stub = v1::Guests::NewStub(rig.channel(name));
    grpc::ClientContext context;
    v1::GuestList list;
    EXPECT_EQ(stub->List(&context, {}, &list).error_code(), grpc::PERMISSION_DENIED);
    const auto events = v1::Events::NewStub(rig.channel(name));
    grpc::ClientContext watching;
    v1::Change change;
    const auto reader = events->Watch(&watching, {});
    EXPECT_FALSE(reader->Read(&change));
    EXPECT_EQ(reader->Finish().error_code(), grpc::PERMISSION_DENIED);
  }
  const Fleet strangers;
  const auto stub =
      v1::Guests::NewStub(make_channel(std::format("127.0.0.1:{}", rig.server->port()),
                                       ports::kControl, strangers.credentials("user/alice")));
  grpc::ClientContext context;
  v1::GuestList list;
  EXPECT_EQ(stub->List(&context, {}, &list).error_code(), grpc::UNAVAILABLE);
  EXPECT_TRUE(rig.script.requests.empty());
}

// The other way round: a user's certificate does not make an agent.
TEST(PublicServer, AUserIsNoNode) {
  const Fleet fleet;
  Mailbox at_control, at_user;
  Lines lines;
  const auto log = [&](const std::string& line) { lines.add(line); };
  const auto control = ControlServer::start(
      "127.0.0.1:0", fleet.credentials("control"), at_control,
      [&](const NodeId& node, bool) { lines.add(node.value + " came"); }, {}, log);
  ControlClient client{std::format("127.0.0.1:{}", (*control)->port()),
                       fleet.credentials("user/alice"),
                       at_user,
                       [](bool) {},
                       {},
                       log};
  client.send({GuestId{"web-1"}, {}, ports::kControl, ports::Clear{1}});
  EXPECT_TRUE(lines.wait_for("certificate has no name of a node")) << lines.all();
  EXPECT_FALSE(at_control.next(0ms));
  EXPECT_FALSE(lines.wait_for("came", 1, 0ms));
}

TEST(PublicServer, ErrorsKeepCodeAndSentence) {
  Rig rig{{.unserved = {{"Guests.Exec", "exec is not built yet"}}}};
  rig.script.answer = [](const ports::Request&) -> ports::Answer {
    return precondition("web-1 moves already");
  };
  const auto stub = v1::Guests::NewStub(rig.channel("user/alice"));
  v1::MigrateGuestRequest request;
  request.set_guest("web-1");
  v1::Guest guest;
  {
    grpc::ClientContext context;
    const auto status = stub->Migrate(&context, request, &guest);
    EXPECT_EQ(status.error_message(), "to: is missing: name it");
  }
  request.set_to("i-b/boot-1");
  {
    grpc::ClientContext context;
    const auto status = stub->Migrate(&context, request, &guest);
    EXPECT_EQ(status.error_code(), grpc::FAILED_PRECONDITION);
    EXPECT_EQ(status.error_message(), "web-1 moves already");
  }
  {
    grpc::ClientContext context;
    v1::ExecResult result;
    const auto status = stub->Exec(&context, {}, &result);
    EXPECT_EQ(status.error_code(), grpc::UNIMPLEMENTED);
    EXPECT_EQ(status.error_message(), "exec is not built yet");
  }
}

// Calls beyond the bound are refused at once; those that wait end when the server does.
TEST(PublicServer, WaitingCallsAreBoundedAndEndWithTheServer) {
  Rig rig{{.calls = 2}};
  const auto stub = v1::Nodes::NewStub(rig.channel("user/alice"));
  std::vector<std::thread> waiting;
  std::vector<grpc::Status> ends(2);
  for (std::size_t i = 0; i < 2; ++i)
    waiting.emplace_back([&, i] {
      grpc::ClientContext context;
      v1::NodeList list;
      ends[i] = stub->List(&context, {}, &list);
    });
  ASSERT_TRUE(rig.script.wait_for(2));
  grpc::ClientContext context;
  v1::NodeList list;
  EXPECT_EQ(stub->List(&context, {}, &list).error_code(), grpc::RESOURCE_EXHAUSTED);
  rig.server.reset();
  for (auto& thread : waiting) thread.join();
  for (const auto& end : ends) EXPECT_EQ(end.error_code(), grpc::UNAVAILABLE);
}

ports::Change guest_at(std::uint64_t version) {
  return {version,
          ports::GuestView{.guest = GuestId{"web-1"}, .phase = ports::GuestPhase::kRunning}};
}

TEST(PublicServer, AWatcherMissesNothingAfterItsVersion) {
  Rig rig{{.changes = 4}};
  rig.server->begin(100);
  for (std::uint64_t version = 101; version <= 106; ++version)
    rig.server->publish(version == 105 ? ports::Change{version, ports::NodeView{}}
                                       : guest_at(version));
  const auto stub = v1::Events::NewStub(rig.channel("user/alice"));
  v1::WatchRequest request;
  request.set_guests(true);
  v1::Change change;
  {
    grpc::ClientContext context;
    request.set_after_version(101);
    const auto reader = stub->Watch(&context, request);
    EXPECT_FALSE(reader->Read(&change));
    EXPECT_EQ(reader->Finish().error_code(), grpc::ABORTED);
  }
  grpc::ClientContext context;
  request.set_after_version(102);
  const auto reader = stub->Watch(&context, request);
  for (const std::uint64_t expected : {103u, 104u, 106u}) {
    ASSERT_TRUE(reader->Read(&change));
    EXPECT_EQ(change.version(), expected);
    EXPECT_EQ(change.guest().phase(), v1::Guest::RUNNING);
  }
  rig.server->publish(guest_at(107));
  rig.server->publish({108, ports::Removed{NodeId{"n"}}});
  rig.server->publish({109, ports::Removed{GuestId{"web-1"}}});
  ASSERT_TRUE(reader->Read(&change));
  EXPECT_EQ(change.version(), 107u);
  ASSERT_TRUE(reader->Read(&change));
  EXPECT_EQ(change.removed().guest(), "web-1");
  rig.server.reset();
  EXPECT_FALSE(reader->Read(&change));
  EXPECT_EQ(reader->Finish().error_code(), grpc::UNAVAILABLE);
}

// A watcher that reads nothing while the windows fill is ended, and the publisher is never held up.
TEST(PublicServer, ASlowWatcherIsDropped) {
  Rig rig{{.changes = 8}};
  rig.server->begin(1);
  const auto stub = v1::Events::NewStub(rig.channel("user/alice"));
  grpc::ClientContext context;
  const auto reader = stub->Watch(&context, {});
  reader->WaitForInitialMetadata();
  ports::Change big = guest_at(0);
  std::get<ports::GuestView>(big.body).why = std::string(64 * 1024, 'x');
  for (big.version = 2; big.version < 2000; ++big.version) rig.server->publish(big);
  v1::Change change;
  std::uint64_t last = 1;
  while (reader->Read(&change)) {
    EXPECT_EQ(change.version(), last + 1) << "no gap before the end";
    last = change.version();
  }
  EXPECT_LT(last, 1999u);
  EXPECT_EQ(reader->Finish().error_code(), grpc::ABORTED);
}

}  // namespace
}  // namespace godwit::grpc_edge
