// A guest that says what it should not, by a script over its socket: whoever is root in a container
// can write to its port. What is no answer is not taken for one, nothing of the guest that the node
// knows changes, and the sound answer behind it still counts.
#include "edges/guestlink/link.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "edges/guestlink/log_store.h"

namespace godwit::guestlink {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;
using Answers = std::vector<frame::Message>;

const ExecResult kNothing;
const frame::ClockSet kNoClock;
constexpr Time kNow{std::chrono::hours{500'000}};

// Answers each message of the node by `script`, in frames of the node's session.
class ScriptedGuest {
 public:
  using Script = std::function<Answers(const frame::Message&)>;
  ScriptedGuest(io::Loop& loop, const std::string& path, Script script)
      : loop_(loop),
        listener_(io::Listener::listen_unix(loop, path).value()),
        script_(std::move(script)) {
    loop_.spawn(serve());
  }
  // Sent behind the next answers: a frame with this payload, then bytes as they are.
  std::string payload, raw;
  Answers late;  // In a write of its own, once the node has had time to act on the others.
  int hellos = 0;

 private:
  io::Task<void> serve() {
    for (;;) {
      auto stream = co_await listener_.accept();
      if (!stream) co_return;
      co_await talk(*std::move(stream));
    }
  }
  io::Task<void> talk(io::Stream stream) {
    frame::Decoder decoder;
    std::vector<char> buffer(4096);
    for (;;) {
      const auto n = co_await stream.read_some(buffer);
      if (!n || *n == 0) co_return;
      std::string out;
      for (const frame::Frame& f : decoder.feed({buffer.data(), *n})) {
        out += answer(f);
        if (!payload.empty())
          out += frame::encode({f.session, sequence_++, std::exchange(payload, "")});
      }
      out += std::exchange(raw, "");
      if (!co_await stream.write_all(out)) co_return;
      if (late.empty()) continue;
      co_await io::sleep(std::chrono::milliseconds{20});
      if (!co_await stream.write_all(frames(session_, std::exchange(late, {})))) co_return;
    }
  }
  std::string frames(std::uint64_t session, const Answers& messages) {
    std::string out;
    for (const frame::Message& m : messages)
      out += frame::encode({session, sequence_++, frame::encode_message(m)});
    return out;
  }
  std::string answer(const frame::Frame& f) {
    const frame::Message message = frame::decode_message(f.payload).value();
    Answers answers;
    if (std::holds_alternative<frame::Hello>(message)) {
      ++hellos;
      session_ = f.session;
      sequence_ = 0;
      answers.push_back(frame::Welcome{.session = f.session, .boot = "boot-1"});
    }
    for (frame::Message& m : script_(message)) answers.push_back(std::move(m));
    return frames(f.session, answers);
  }

  io::Loop& loop_;
  io::Listener listener_;
  const Script script_;
  std::uint64_t session_ = 0, sequence_ = 0;
};

frame::Id id_of(const frame::Message& message) {
  return std::visit(
      [](const auto& m) -> frame::Id {
        if constexpr (requires { m.id; }) return m.id;
        return 0;
      },
      message);
}

std::string fresh_dir() {
  const std::string dir = std::format("{}/link-{}", testing::TempDir(), getpid());
  fs::remove_all(dir);
  fs::create_directories(dir);
  return dir;
}

// A link with a guest of this script.
struct Rig {
  explicit Rig(ScriptedGuest::Script script) : guest(loop, dir + "/q.ctl", std::move(script)) {}
  ~Rig() { fs::remove_all(dir); }
  void run(const std::function<io::Task<void>(Link&)>& body) {
    link.start();
    const auto all = [](io::Loop& l, io::Task<void> task) -> io::Task<void> {
      co_await std::move(task);
      l.stop();
    };
    loop.spawn(all(loop, body(link)));
    loop.run();
  }

  io::Loop loop;
  const std::string dir = fresh_dir();
  LogStore log = LogStore::open(dir + "/log", {}).value();
  std::vector<LinkEvent> events;
  ScriptedGuest guest;
  Link link{loop, LinkConfig{.socket = dir + "/q.ctl"}, log, [] { return kNow; },
            [this](const LinkEvent& event) { events.push_back(event); }};
};

// Every kind of answer with the number of the request, then the right one. A SetClock that was
// answered by a Reply once ended the agent.
TEST(Link, AnAnswerOfAnotherKindIsNone) {
  constexpr std::int64_t kMost = INT64_MAX, kLeast = INT64_MIN;
  ScriptedGuest* guest = nullptr;
  const auto script = [&guest](const frame::Message& asked) {
    const frame::Id id = id_of(asked);
    const bool ping = std::holds_alternative<frame::Ping>(asked);
    const bool clock = std::holds_alternative<frame::SetClock>(asked);
    const bool exec = std::holds_alternative<frame::Exec>(asked);
    Answers answers;
    if (id == 0) return answers;
    if (!ping) answers.push_back(frame::Pong{id, 5});
    answers.push_back(frame::Pong{id, kMost});
    answers.push_back(frame::Pong{id, kLeast});
    if (!clock) answers.push_back(frame::ClockSet{id, 5, 5});
    answers.push_back(frame::ClockSet{id, kLeast, 0});
    answers.push_back(frame::ClockSet{id, 0, kMost});
    if (!exec) answers.push_back(frame::ExecEnd{.id = id, .exit_status = 66});
    if (ping || clock || exec) answers.push_back(frame::Reply{id, "no"});
    answers.push_back(frame::ExecOutput{id, 0, 1, "out"});
    answers.push_back(frame::ExecOutput{id, 9, 1, "a gap"});
    if (ping) guest->late.push_back(frame::Pong{id, kNow.time_since_epoch().count() + 7});
    if (clock) guest->late.push_back(frame::ClockSet{id, 7, 0});
    if (exec) guest->late.push_back(frame::ExecEnd{.id = id, .exit_status = 3});
    if (!ping && !clock && !exec) guest->late.push_back(frame::Reply{id, ""});
    return answers;
  };
  Rig rig(script);
  guest = &rig.guest;
  rig.run([](Link& link) -> io::Task<void> {
    const bool connected = co_await link.wait_connected(seconds{30});
    EXPECT_TRUE(connected);
    const auto reading = co_await link.measure_clock(3);
    EXPECT_EQ(reading.value_or(ClockReading{}).ahead, Duration{7});
    const auto set = co_await link.set_clock();
    EXPECT_EQ(set.value_or(kNoClock).behind_us, 7);
    EXPECT_TRUE(co_await link.signal(15));
    EXPECT_TRUE(co_await link.stop_container(seconds{1}));
    const frame::Start start;
    EXPECT_TRUE(co_await link.start_container(start));
    const frame::Program program;
    const auto done = co_await link.exec(program, seconds{1});
    EXPECT_EQ(done.value_or(kNothing).exit_status, 3);
    EXPECT_EQ(done.value_or(kNothing).out, "out");
  });
}

// An exec that prints without end is kept up to the limit that the guest has, too.
TEST(Link, OutputHasABound) {
  const auto script = [](const frame::Message& asked) {
    Answers answers;
    if (!std::holds_alternative<frame::Exec>(asked)) return answers;
    const frame::Id id = id_of(asked);
    const std::string piece(32 * 1024, 'x');
    for (std::uint64_t at = 0; at < 2 * frame::kMaxExecOutput; at += piece.size())
      answers.push_back(frame::ExecOutput{id, at, 1, piece});
    answers.push_back(frame::ExecEnd{.id = id});
    return answers;
  };
  Rig rig(script);
  rig.run([](Link& link) -> io::Task<void> {
    const frame::Program program;
    const auto done = co_await link.exec(program, Duration{});
    EXPECT_EQ(done.value_or(kNothing).out.size(), frame::kMaxExecOutput);
  });
}

struct Bad {
  std::string what;
  Answers said;  // Unasked, beside the answer to a ping.
  std::string raw = {}, payload = {};
  bool begins_anew = false;
};

// Bad frames and messages nobody asked for, by a table.
TEST(Link, BadFramesChangeNothing) {
  const frame::LogLine line{.sequence = UINT64_MAX, .time_us = 0, .stream = 1, .text = "x"};
  const std::vector<Bad> table = {
      {"no frame", {}, "hello?\r\n\xff"},
      {"a header alone", {}, std::string("\x7e\x05\0\0\0", 5)},
      {"a length above the limit", {}, "\x7e\xff\xff\xff\x01" + std::string(100, 'x')},
      {"a frame of no session", {}, frame::encode({0, 0, frame::encode_message(frame::Resync{})})},
      {"an unknown kind", {}, "", "\xff"},
      {"a message that is cut", {}, "", "\x09\x01"},
      {"answers to nothing",
       {frame::Reply{1, "x"}, frame::Pong{2, 3}, frame::ExecEnd{.id = 4},
        frame::ExecOutput{4, 0, 1, "x"}, frame::ClockSet{5, 6, 7}}},
      {"another boot, unasked", {frame::Welcome{.session = 9, .boot = "boot-2"}}},
      {"what only nodes say", {frame::Hello{.session = 9}, frame::PowerOff{1}, frame::LogAck{1}}},
      {"a line beyond all numbers", {line}},
      {"a gap", {frame::Resync{}}, "", "", true},
  };
  for (const Bad& bad : table) {
    bool said = false;
    ScriptedGuest* guest = nullptr;
    const auto script = [&](const frame::Message& asked) {
      Answers answers;
      const auto* ping = std::get_if<frame::Ping>(&asked);
      if (!ping) return answers;
      if (!std::exchange(said, true)) {
        answers = bad.said;
        guest->raw = bad.raw;
        guest->payload = bad.payload;
      }
      answers.push_back(frame::Pong{ping->id, kNow.time_since_epoch().count()});
      return answers;
    };
    Rig rig(script);
    guest = &rig.guest;
    rig.run([](Link& link) -> io::Task<void> {
      EXPECT_TRUE(co_await link.wait_connected(seconds{30}));
      EXPECT_TRUE(co_await link.measure_clock(3));
    });
    EXPECT_EQ(rig.link.boot(), "boot-1") << bad.what;
    EXPECT_EQ(rig.link.state(), frame::State{}) << bad.what;
    EXPECT_EQ(rig.log.last_sequence(), 0u) << bad.what;
    EXPECT_EQ(rig.guest.hellos, bad.begins_anew ? 2 : 1) << bad.what;
    EXPECT_EQ(rig.events.size(), bad.begins_anew ? 4u : 2u)
        << bad.what << ": a connection, its state";
  }
}

// A reason that is as long as a frame is cut: it goes to the control plane.
TEST(Link, AReasonIsCut) {
  const auto script = [](const frame::Message& asked) {
    Answers answers;
    const auto* ping = std::get_if<frame::Ping>(&asked);
    if (!ping) return answers;
    answers.push_back(frame::State{.why = std::string(60'000, 'y')});
    answers.push_back(frame::Pong{ping->id, 5});
    return answers;
  };
  Rig rig(script);
  rig.run([](Link& link) -> io::Task<void> { EXPECT_TRUE(co_await link.measure_clock(1)); });
  EXPECT_EQ(rig.link.state().why, std::string(1000, 'y'));
}

}  // namespace
}  // namespace godwit::guestlink
