// A stream of bytes from the other end: frames do not depend on how it is cut, come back from
// encode() as they were, and the same goes for the messages in them.
#include "base/fuzz.h"
#include "lib/frame/control.h"
#include "lib/frame/frame.h"

namespace godwit::fuzz {
namespace {

std::string framed(std::uint64_t sequence, const frame::Message& message) {
  return frame::encode({77, sequence, frame::encode_message(message)});
}

bool try_message(std::string_view bytes) {
  const auto message = frame::decode_message(bytes);
  if (!message) return refused(message.error());
  const std::string written = frame::encode_message(*message);
  CHECK(written.size() <= frame::kMaxPayload + 1024);
  const auto again = frame::decode_message(written);
  CHECK(again && *again == *message);
  return true;
}

}  // namespace

Corpus corpus() {
  frame::Start start{.id = 1, .hostname = "web-1", .restart = frame::Restart::kAlways};
  start.program = {.argv = {"sh", "-c", "~}"}, .env = {"A=b"}, .uid = 1000, .gid = 100};
  start.health = {.kind = frame::HealthKind::kExec, .argv = {"true"}};
  const frame::Exec exec{.id = 2, .program = start.program, .timeout_ms = 100, .have = 7};
  const frame::State state{.phase = frame::Phase::kRunning, .runs = 3, .why = "w"};
  std::vector<std::string> seeds;
  seeds.push_back(framed(0, frame::Hello{.session = 77}) + framed(1, frame::Ping{3}) +
                  framed(2, frame::SetClock{4, 1'700'000'000'000'000}) + framed(3, start));
  seeds.push_back(framed(0, exec) + framed(1, frame::Signal{5, 15}) + framed(2, frame::Stop{6}) +
                  framed(3, frame::PowerOff{7}) + framed(4, frame::LogAck{8}));
  seeds.push_back(framed(0, frame::Welcome{.session = 77, .boot = "b", .state = state}) +
                  framed(1, frame::Resync{}) + framed(2, frame::Heartbeat{9}) +
                  framed(3, frame::Pong{3, 9}) + framed(4, frame::ClockSet{4, -5, 6}));
  seeds.push_back(framed(0, frame::Reply{1, "no"}) +
                  framed(1, frame::ExecOutput{2, 0, 1, std::string("\x7e\x7d\0", 3)}) +
                  framed(2, frame::ExecEnd{2, 1, 0, 0, ""}) +
                  framed(3, frame::LogLine{1, 2, 1, true, "text"}) + framed(4, state));
  // The payloads alone too: a change inside a frame mostly breaks its checksum.
  seeds.push_back(frame::encode_message(start));
  seeds.push_back(frame::encode_message(exec));
  seeds.push_back(frame::encode_message(frame::LogLine{1, 2, 1, true, "text"}));
  return {.seeds = std::move(seeds)};
}

bool try_input(std::string_view input) {
  frame::Decoder whole, cut;
  const auto frames = whole.feed(input);
  std::vector<frame::Frame> one_by_one;
  for (const char c : input)
    for (frame::Frame& f : cut.feed({&c, 1})) one_by_one.push_back(std::move(f));
  CHECK(one_by_one == frames && cut.damaged() == whole.damaged());
  bool sound = try_message(input);
  for (const frame::Frame& f : frames) {
    frame::Decoder again;
    CHECK(again.feed(frame::encode(f)) == std::vector{f} && again.damaged() == 0);
    sound |= try_message(f.payload);
  }
  return sound;
}

}  // namespace godwit::fuzz
