// What a peer sends us: the agents' messages, and a user's spec. What is taken survives being
// written and read again.
#include <google/protobuf/stubs/logging.h>

#include "base/fuzz.h"
#include "edges/grpc/codec.h"
#include "edges/grpc/public_codec.h"
#include "godwit/v1/group.pb.h"

namespace godwit::fuzz {
namespace {

using namespace ports;

std::string bytes(Body body) {
  return grpc_edge::to_bytes({GuestId{"web-1"}, {}, NodeId{"i-2/b"}, std::move(body)});
}

std::string spec() {
  GroupSpec made;
  made.name = GroupId{"web"};
  made.image_sha256 = std::string(64, 'a');
  made.container.argv = {"nginx", "-g", "daemon off;"};
  made.container.env = {"A=b"};
  made.ports = {{80, 8080}, {443, 0}};
  made.maximum_price = MicroUsdPerHour{12'000};
  made.spread = Spread::kPool;
  made.zones = {.allow = {"us-east-1a"}, .deny = {"us-east-1b"}};
  v1::GroupSpec wire;
  grpc_edge::to_wire(made, wire);
  return wire.SerializeAsString();
}

bool try_message(std::string_view input) {
  const auto message = grpc_edge::from_bytes(input);
  if (!message) return refused(message.error());
  CHECK(message->from.value.empty());
  const std::string written = grpc_edge::to_bytes(*message);
  const auto again = grpc_edge::from_bytes(written);
  CHECK(again && again->body.index() == message->body.index());
  CHECK(grpc_edge::to_bytes(*again) == written);
  return true;
}

bool try_spec(std::string_view input) {
  v1::GroupSpec wire;
  if (!wire.ParseFromArray(input.data(), static_cast<int>(input.size()))) return false;
  const auto spec = grpc_edge::from_wire(wire);
  if (!spec) {
    CHECK(spec.error().message.contains(": "));  // "FIELD: what".
    return refused(spec.error());
  }
  v1::GroupSpec written;
  grpc_edge::to_wire(*spec, written);
  const auto again = grpc_edge::from_wire(written);
  CHECK(again && *again == *spec);
  return true;
}

}  // namespace

Corpus corpus() {
  Take take{.generation = 3, .set = {NodeId{"i-1/b"}}, .from = AttemptName{NodeId{"i-4/b"}, 5}};
  take.machine = {.qemu_version = "10.0.13", .memory_mib = 512, .mac = "52:54:00:00:00:01"};
  take.container = Container{.argv = {"sh"}, .env = {"A=b"}, .hostname = "web-1"};
  const Report report{
      .role = RoleName::kHolds, .epoch = {3, 1}, .spare = Spare{{NodeId{"n"}, 1}, {2, 3}}};
  const LogsRead logs{.request = 1, .lines = {{1, Time{}, true, "\xff text"}}, .next = 2};
  const Moved moved{.attempt = {NodeId{"n"}, 1}, .why = "w", .stopped_us = 5, .bytes = 7};
  const Publish publish{"100.64.0.1", {{80, 8080}}};
  return {.seeds = {bytes(take), bytes(report), bytes(moved), bytes(logs), bytes(publish),
                    bytes(Order{3, take.set}), bytes(ExecDone{.request = 1, .out = "o"}),
                    bytes(ContainerState{.why = "w"}), spec()}};
}

bool try_input(std::string_view input) {
  const google::protobuf::LogSilencer quiet;  // It would name each string that is not UTF-8.
  const bool message = try_message(input);
  return try_spec(input) || message;
}

}  // namespace godwit::fuzz
