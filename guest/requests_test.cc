// Bad control frames, by a table: what the guest says to each, and that nothing of it is done. Then
// the same request twice, which is done once.
#include <gtest/gtest.h>

#include "guest/requests_rig.h"

namespace godwit::guest {
namespace {

constexpr std::uint64_t kSession = 77;

struct Guest {
  Container container;
  Execs execs;
  RequestsRig rig{container, execs, ""};
};

// Guests live for ever by design: their threads do.
Guest& guest() {
  static Children& children = *new Children;
  static LogRing& log = *new LogRing(1 << 20, [] {});
  static std::vector<Guest*>& all = *new std::vector<Guest*>;
  return *all.emplace_back(
      new Guest{.container = {children, log, {"/", [] {}, [](const frame::State&) {}}},
                .execs = {children, "/", [] {}}});
}

std::string framed(std::uint64_t session, std::uint64_t sequence, const frame::Message& message) {
  return frame::encode({session, sequence, frame::encode_message(message)});
}
std::string next(const frame::Message& message) { return framed(kSession, 1, message); }
std::string next_bytes(std::string payload) {
  return frame::encode({kSession, 1, std::move(payload)});
}

std::string damaged(std::string frame) {
  frame.back() = static_cast<char>(frame.back() ^ 1);
  return frame;
}

struct BadFrame {
  std::string what, bytes;
  std::vector<frame::Message> answer;  // What the guest says to it.
};

std::vector<BadFrame> bad_frames() {
  const frame::SetClock clock{1, 5};
  const std::string start = frame::encode_message(frame::Start{.id = 1});
  return {
      {"no frame", "hello?\r\n\x01\xff", {}},
      {"a header alone", std::string("\x7e\x05\0\0\0", 5), {}},
      {"a length above the limit", "\x7e\xff\xff\xff\x01" + std::string(100, 'x'), {}},
      {"a damaged frame", damaged(next(clock)), {}},
      {"of another session", framed(kSession + 1, 1, clock), {}},
      {"after a gap", framed(kSession, 2, clock), {frame::Resync{}}},
      {"a number that was there", framed(kSession, 0, clock), {frame::Resync{}}},
      {"an empty message", next_bytes(""), {}},
      {"an unknown kind", next_bytes("\xff"), {}},
      {"a message that is cut", next_bytes(start.substr(0, start.size() - 1)), {}},
      {"a message with more behind it", next_bytes(start + "x"), {}},
      {"what only guests say", next(frame::ClockSet{1, 2, 3}), {}},
      {"a start of nothing",
       next(frame::Start{.id = 1, .hostname = "web"}),
       {frame::Reply{1, "the container has no program to run"}}},
      {"a signal to nothing",
       next(frame::Signal{1, 9}),
       {frame::Reply{1, "the container is not running"}}},
      {"an acknowledgement of what was not sent", next(frame::LogAck{0}), {}},
  };
}

TEST(Requests, BadFramesChangeNothing) {
  for (const BadFrame& bad : bad_frames()) {
    Guest& g = guest();
    g.rig.log.append(1, false, 0, "line");
    g.rig.greet(kSession);
    ASSERT_EQ(g.rig.said().size(), 2u) << "a welcome and the line";
    g.rig.hear(bad.bytes);
    EXPECT_EQ(g.rig.said(), bad.answer) << bad.what;
    EXPECT_EQ(g.container.state(), frame::State{}) << bad.what;
    EXPECT_TRUE(g.rig.clocks.empty() && g.rig.names.empty()) << bad.what;
    EXPECT_EQ(g.rig.power_offs, 0) << bad.what;
    EXPECT_EQ(g.rig.log.first(), 1u) << bad.what;
    // A node that begins anew is served as ever.
    g.rig.greet(kSession + 5);
    g.rig.hear(framed(kSession + 5, 1, frame::SetClock{8, 5}));
    EXPECT_EQ(g.rig.said().size(), 3u) << bad.what;
    EXPECT_EQ(g.rig.clocks, std::vector{(frame::SetClock{8, 5})}) << bad.what;
  }
}

// Before a hello nobody is heard, and nothing is said.
TEST(Requests, NobodyIsServedBeforeAHello) {
  Guest& g = guest();
  g.rig.hear(next(frame::SetClock{1, 5}));
  g.rig.greet(0);  // No session has this number.
  g.rig.hear(framed(0, 1, frame::PowerOff{2}));
  EXPECT_TRUE(g.rig.said().empty());
  EXPECT_TRUE(g.rig.clocks.empty());
  EXPECT_EQ(g.rig.power_offs, 0);
}

// A request that comes again, also by another node, is answered again and not done again.
TEST(Requests, AreDoneOnce) {
  Guest& g = guest();
  for (const std::uint64_t session : {kSession, kSession + 1}) {
    g.rig.greet(session);
    (void)g.rig.said();
    g.rig.hear(framed(session, 1, frame::SetClock{1, 5}));
    g.rig.hear(framed(session, 2, frame::PowerOff{2}));
    EXPECT_EQ(g.rig.said(),
              (std::vector<frame::Message>{frame::ClockSet{.id = 1}, frame::Reply{2, ""}}));
  }
  EXPECT_EQ(g.rig.clocks.size(), 1u);
  EXPECT_EQ(g.rig.power_offs, 1);
}

}  // namespace
}  // namespace godwit::guest
