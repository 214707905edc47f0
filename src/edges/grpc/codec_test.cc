#include "edges/grpc/codec.h"

#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <concepts>
#include <format>
#include <set>

#include "base/random.h"
#include "edges/grpc/utf8.h"
#include "godwit/agent/v1/message.pb.h"

namespace godwit::grpc_edge {
namespace {

using namespace ports;

// The number of fields of each struct. A structured binding below does not compile with a wrong
// one, so a field that is added to ports/messages.h but not to the wire cannot go unnoticed.
template <class T>
constexpr int kFields = 1;
template <>
constexpr int kFields<AskReport> = 0;
template <>
constexpr int kFields<AttemptName> = 2;
template <>
constexpr int kFields<EpochName> = 2;
template <>
constexpr int kFields<MachineRecord> = 13;
template <>
constexpr int kFields<Spare> = 2;
template <>
constexpr int kFields<Prepare> = 5;
template <>
constexpr int kFields<Ready> = 4;
template <>
constexpr int kFields<NotReady> = 2;
template <>
constexpr int kFields<Grant> = 7;
template <>
constexpr int kFields<Ack> = 2;
template <>
constexpr int kFields<Refuse> = 3;
template <>
constexpr int kFields<Order> = 2;
template <>
constexpr int kFields<Seal> = 2;
template <>
constexpr int kFields<Take> = 5;
template <>
constexpr int kFields<Report> = 6;
template <>
constexpr int kFields<Not> = 2;
template <>
constexpr int kFields<Pend> = 4;
template <>
constexpr int kFields<Moved> = 9;
template <>
constexpr int kFields<ClockSet> = 4;
template <>
constexpr int kFields<HealthCheck> = 6;
template <>
constexpr int kFields<Container> = 10;
template <>
constexpr int kFields<ContainerState> = 6;
template <>
constexpr int kFields<Port> = 2;
template <>
constexpr int kFields<PeerAddress> = 2;
template <>
constexpr int kFields<Fleet> = 2;
template <>
constexpr int kFields<NodeState> = 8;
template <>
constexpr int kFields<RouteAt> = 3;
template <>
constexpr int kFields<Publish> = 2;
template <>
constexpr int kFields<LogLine> = 4;
template <>
constexpr int kFields<LogsWanted> = 3;
template <>
constexpr int kFields<LogsRead> = 5;
template <>
constexpr int kFields<ExecWanted> = 3;
template <>
constexpr int kFields<ExecDone> = 7;

// How many values an enum has, from 0 on.
template <class T>
constexpr std::uint64_t kValues = 3;
template <>
constexpr std::uint64_t kValues<ContainerPhase> = 4;

template <class T>
void each_field(T& value, auto&& visit) {
  constexpr int kCount = kFields<std::remove_const_t<T>>;
  const auto all = [&](auto&... fields) { (visit(fields), ...); };
  if constexpr (kCount == 1) {
    auto& [a] = value;
    all(a);
  } else if constexpr (kCount == 2) {
    auto& [a, b] = value;
    all(a, b);
  } else if constexpr (kCount == 3) {
    auto& [a, b, c] = value;
    all(a, b, c);
  } else if constexpr (kCount == 4) {
    auto& [a, b, c, d] = value;
    all(a, b, c, d);
  } else if constexpr (kCount == 5) {
    auto& [a, b, c, d, e] = value;
    all(a, b, c, d, e);
  } else if constexpr (kCount == 6) {
    auto& [a, b, c, d, e, f] = value;
    all(a, b, c, d, e, f);
  } else if constexpr (kCount == 7) {
    auto& [a, b, c, d, e, f, g] = value;
    all(a, b, c, d, e, f, g);
  } else if constexpr (kCount == 8) {
    auto& [a, b, c, d, e, f, g, h] = value;
    all(a, b, c, d, e, f, g, h);
  } else if constexpr (kCount == 9) {
    auto& [a, b, c, d, e, f, g, h, i] = value;
    all(a, b, c, d, e, f, g, h, i);
  } else if constexpr (kCount == 10) {
    auto& [a, b, c, d, e, f, g, h, i, j] = value;
    all(a, b, c, d, e, f, g, h, i, j);
  } else if constexpr (kCount == 13) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m] = value;
    all(a, b, c, d, e, f, g, h, i, j, k, l, m);
  } else {
    static_assert(kCount == 0);
  }
}

template <class T>
constexpr bool kOptional = false;
template <class T>
constexpr bool kOptional<std::optional<T>> = true;
template <class T>
constexpr bool kList = false;
template <class T>
constexpr bool kList<std::vector<T>> = true;
using Addresses = decltype(Fleet::nodes);

// Any value, never a default one: a field that gets lost shows.
template <class T>
void fill(T& value, Random& random) {
  if constexpr (std::same_as<T, std::string>) {
    value = std::format("x{}", random.below(1000000));
  } else if constexpr (std::same_as<T, bool>) {
    value = true;
  } else if constexpr (std::integral<T>) {
    value = static_cast<T>(1 + random.below(std::numeric_limits<T>::max()));
  } else if constexpr (std::is_enum_v<T>) {
    value = static_cast<T>(random.below(kValues<T>));
  } else if constexpr (std::same_as<T, Time>) {
    value = Time{Duration{1 + random.below(1'000'000'000'000'000)}};
  } else if constexpr (std::same_as<T, Addresses>) {
    for (auto n = 1 + random.below(3); n > 0; --n)
      fill(value[NodeId{std::format("i-{}/b", random.below(100))}], random);
  } else if constexpr (kList<T>) {
    for (auto n = 1 + random.below(3); n > 0; --n) fill(value.emplace_back(), random);
  } else if constexpr (std::same_as<T, NodeNames>) {
    for (auto n = 1 + random.below(3); n > 0; --n) {
      value.insert(NodeId{std::format("i-{}/b", random.below(100))});
    }
  } else if constexpr (std::same_as<T, std::set<std::string>>) {
    for (auto n = 1 + random.below(3); n > 0; --n)
      value.insert(std::format("{:064x}", random.below(1000)));
  } else if constexpr (kOptional<T>) {
    value.reset();
    if (random.below(2) == 0) fill(value.emplace(), random);
  } else {
    each_field(value, [&](auto& field) { fill(field, random); });
  }
}

template <class T>
std::string describe(const T& value) {
  if constexpr (std::same_as<T, std::string>) {
    return "'" + value + "' ";
  } else if constexpr (std::integral<T>) {
    return std::format("{} ", value);
  } else if constexpr (std::is_enum_v<T>) {
    return std::format("value{} ", static_cast<int>(value));
  } else if constexpr (std::same_as<T, Time>) {
    return std::format("{} us ", value.time_since_epoch().count());
  } else if constexpr (std::same_as<T, Addresses>) {
    std::string text = "<";
    for (const auto& [node, peer] : value) text += node.value + "=" + describe(peer);
    return text + "> ";
  } else if constexpr (kList<T>) {
    std::string text = "(";
    for (const auto& word : value) text += describe(word);
    return text + ") ";
  } else if constexpr (std::same_as<T, NodeNames>) {
    std::string text = "[";
    for (const NodeId& node : value) text += node.value + ",";
    return text + "] ";
  } else if constexpr (std::same_as<T, std::set<std::string>>) {
    std::string text = "[";
    for (const std::string& one : value) text += one + ",";
    return text + "] ";
  } else if constexpr (kOptional<T>) {
    return value ? "some " + describe(*value) : "none ";
  } else {
    std::string text = "{";
    each_field(value, [&](const auto& field) { text += describe(field); });
    return text + "} ";
  }
}

std::string describe(const Message& message) {
  return std::format("{} from '{}' to '{}' body {} {}", message.guest.value, message.from.value,
                     message.to.value, message.body.index(),
                     std::visit([](const auto& body) { return describe(body); }, message.body));
}

template <std::size_t kIndex = 0>
Body body_number(std::size_t index, Random& random) {
  if constexpr (kIndex < std::variant_size_v<Body>) {
    if (index != kIndex) return body_number<kIndex + 1>(index, random);
    std::variant_alternative_t<kIndex, Body> body;
    fill(body, random);
    return body;
  } else {
    return {};
  }
}

Message some_message(std::size_t number, Random& random) {
  const Body body = body_number(number, random);
  const bool of_node = std::visit([]<class T>(const T&) { return kNodeLevel<T>; }, body);
  return {GuestId{of_node ? "" : "web-1"}, NodeId{}, NodeId{"i-2/boot"}, body};
}

// Every body comes out as it went in, with every field set, and with optional ones there and not.
TEST(Codec, EveryBodySurvivesTheRoundTrip) {
  Random random{1};
  for (std::size_t body = 0; body < std::variant_size_v<Body>; ++body) {
    for (int i = 0; i < 50; ++i) {
      const Message sent = some_message(body, random);
      const Result<Message> got = from_bytes(to_bytes(sent));
      ASSERT_TRUE(got) << to_string(got.error());
      ASSERT_EQ(describe(*got), describe(sent));
    }
  }
}

// A wish that began no attempt is answered without one.
TEST(Codec, AMoveThatDidNotBeginHasNoAttempt) {
  Message sent{GuestId{"web-1"}, {}, kControl, Moved{}};
  std::get<Moved>(sent.body).why = "no such node";
  const Result<Message> got = from_bytes(to_bytes(sent));
  ASSERT_TRUE(got) << to_string(got.error());
  EXPECT_EQ(describe(*got), describe(sent));
}

// Who sent it is never believed from the bytes.
TEST(Codec, TheSenderIsNotInTheBytes) {
  Message message{GuestId{"web-1"}, NodeId{"i-1/boot"}, NodeId{"i-2/boot"}, AskReport{}};
  EXPECT_EQ(to_bytes(message).find("i-1"), std::string::npos);
  EXPECT_EQ(from_bytes(to_bytes(message))->from, NodeId{});
}

// Cut, flipped and random bytes give an Error or another message, never a crash.
TEST(Codec, DamagedBytesAreAnErrorOrAnotherMessage) {
  const google::protobuf::LogSilencer quiet;  // It would name each string that is not UTF-8.
  Random random{2};
  int errors = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = to_bytes(some_message(random.below(std::variant_size_v<Body>), random));
    switch (random.below(3)) {
      case 0:
        bytes.resize(random.below(bytes.size()));
        break;
      case 1:
        for (int n = 0; n < 3; ++n) bytes[random.below(bytes.size())] ^= 1 << random.below(8);
        break;
      default:
        for (char& c : bytes) c = static_cast<char>(random.below(256));
    }
    errors += !from_bytes(bytes);
  }
  EXPECT_GT(errors, 10000);
  EXPECT_EQ(from_bytes("").error().code, Code::kInvalidArgument);
}

// What a newer release might send is refused by name, and the rest of the stream is unaffected.
TEST(Codec, RefusesWhatItDoesNotKnow) {
  agent::v1::Envelope unknown;
  unknown.set_version(kWireVersion);
  unknown.set_guest("web-1");
  unknown.set_to("i-2/boot");
  const std::string field_99("\x9a\x06\x00", 3);  // Length-delimited, empty.
  EXPECT_EQ(from_bytes(unknown.SerializeAsString() + field_99).error(),
            (Error{Code::kInvalidArgument,
                   "message for guest 'web-1' (body 0) without valid body "
                   "that this release knows"}));

  agent::v1::Envelope newer;
  to_wire({GuestId{"web-1"}, {}, NodeId{"i-2/boot"}, AskReport{}}, newer);
  EXPECT_TRUE(from_bytes(newer.SerializeAsString() + field_99)) << "new fields are ignored";
  newer.set_version(kWireVersion + 1);
  EXPECT_EQ(from_wire(newer).error().code, Code::kFailedPrecondition);
}

// A part without a neutral value must be there: an empty GRANT is not a grant of epoch 0.
TEST(Codec, RefusesBodiesWithMissingParts) {
  const auto refused = [](auto&& change) {
    agent::v1::Envelope envelope;
    envelope.set_version(kWireVersion);
    envelope.set_guest("web-1");
    envelope.set_to("i-2/boot");
    change(envelope);
    return from_wire(envelope).error_or(Error{Code::kInternal, "accepted"}).message;
  };
  const auto says = [](const char* part) { return std::format("without valid {}", part); };
  using agent::v1::Envelope;
  const std::string grant = refused([](Envelope& e) { e.mutable_grant(); });
  EXPECT_NE(grant.find(says("attempt")), std::string::npos) << grant;
  const std::string ack = refused([](Envelope& e) { e.mutable_ack()->set_ran_at("i-1/b"); });
  EXPECT_NE(ack.find(says("epoch")), std::string::npos) << ack;
  const std::string order = refused([](Envelope& e) { e.mutable_order()->add_set(""); });
  EXPECT_NE(order.find(says("node of the set")), std::string::npos) << order;
  const std::string report = refused([](Envelope& e) { e.mutable_report(); });
  EXPECT_NE(report.find(says("role")), std::string::npos) << report;
  const std::string ready = refused([](Envelope& e) {
    e.mutable_ready()->mutable_attempt()->set_source("i-1/b");
    e.mutable_ready()->set_disk_port(65536);
  });
  EXPECT_NE(ready.find(says("disk port")), std::string::npos) << ready;
  const std::string take = refused([](Envelope& e) {
    e.mutable_take()->mutable_machine();
    e.mutable_take()->mutable_container()->add_argv("app");
  });
  EXPECT_NE(take.find(says("restart policy")), std::string::npos) << take;
  const std::string guest = refused([](Envelope& e) {
    e.clear_guest();
    e.mutable_ask_report();
  });
  EXPECT_NE(guest.find(says("guest")), std::string::npos) << guest;
}

// A body is about a node or about a guest, and says so; addresses and ports are whole.
TEST(Codec, RefusesNodesAndGuestsInEachOthersPlace) {
  const auto refused = [](const char* guest, Body body) {
    const Message message{GuestId{guest}, {}, NodeId{"i-2/boot"}, std::move(body)};
    return from_bytes(to_bytes(message)).error_or(Error{Code::kInternal, "accepted"}).message;
  };
  const NodeState state{.boot_id = "b", .address = "10.0.1.10", .port = 7001};
  EXPECT_EQ(refused("", state), "accepted");
  EXPECT_EQ(refused("", Fleet{}), "accepted");
  EXPECT_EQ(refused("", ImagesWanted{}), "accepted");
  EXPECT_TRUE(refused("web-1", state).contains("(body 57) without valid absence of a guest"));
  EXPECT_TRUE(refused("web-1", Fleet{}).contains("(body 36) without valid absence of a guest"));
  EXPECT_TRUE(refused("", Forget{1}).contains("(body 38) without valid guest"));
  EXPECT_TRUE(refused("", NodeState{}).contains("without valid boot id"));
  EXPECT_TRUE(refused("", Fleet{{{NodeId{"n1"}, {"10.0.1.10", 0}}}, {}})
                  .contains("without valid port of a node"));
  EXPECT_TRUE(refused("", Fleet{{{NodeId{}, {"10.0.1.10", 1}}}, {}})
                  .contains("without valid node of the fleet"));
  EXPECT_TRUE(refused("", Fleet{{}, PeerAddress{}}).contains("without valid address of a node"));
  EXPECT_TRUE(refused("web-1", RouteAt{.address = "100.64.0.7"})
                  .contains("without valid address of the node"));
  EXPECT_TRUE(refused("web-1", Publish{}).contains("without valid address of the guest"));
  EXPECT_TRUE(refused("web-1", Publish{"100.64.0.7", {{0, 80}}})
                  .contains("without valid port of the guest"));
  EXPECT_TRUE(refused("web-1", ExecWanted{}).contains("without valid program"));
}

// Output is bytes, not text.
TEST(Codec, OutputOfContainersArrivesAsItWas) {
  const std::string bytes("\xff\x00 \xc3", 4);
  const Message logs{
      GuestId{"web-1"}, {}, kControl, LogsRead{.lines = {{.number = 1, .text = bytes}}}};
  EXPECT_EQ(std::get<LogsRead>(from_bytes(to_bytes(logs))->body).lines[0].text, bytes);
  const Message done{GuestId{"web-1"}, {}, kControl, ExecDone{.out = bytes, .err = bytes}};
  const Result<Message> got = from_bytes(to_bytes(done));
  EXPECT_EQ(std::get<ExecDone>(got->body).out, bytes);
  EXPECT_EQ(std::get<ExecDone>(got->body).err, bytes);
  EXPECT_EQ(std::get<ExecDone>(got->body).exit_status, -1);
}

// Texts of other programs may hold anything; the message must arrive all the same.
TEST(Codec, TextThatIsNotUtf8ArrivesReadable) {
  EXPECT_EQ(valid_utf8("disk \xff full"), "disk ? full");
  EXPECT_EQ(valid_utf8("\xc3\xa9 \xe2\x82\xac \xf0\x9f\xa6\xa2"),
            "\xc3\xa9 \xe2\x82\xac \xf0\x9f\xa6\xa2");
  EXPECT_EQ(valid_utf8("\xc0\xaf \xed\xa0\x80 \xe2\x82"), "?? ??? ??");
  const Message message{
      GuestId{"web-1"}, {}, NodeId{"i-2/boot"}, NotReady{{NodeId{"i-1/b"}, 3}, "qemu says \xfe"}};
  EXPECT_EQ(std::get<NotReady>(from_bytes(to_bytes(message))->body).why, "qemu says ?");
}

}  // namespace
}  // namespace godwit::grpc_edge
