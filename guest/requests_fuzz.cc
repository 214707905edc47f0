// What comes out of the control port, in a guest: a node that is newer, broken or not ours. Each
// payload stands behind its length in two bytes; they come as the frames of one session. Nothing
// that runs here has a root to run in.
#include "base/fuzz.h"
#include "guest/clock.h"
#include "guest/requests_rig.h"

namespace godwit::fuzz {
namespace {

using namespace godwit::guest;

std::string payload(const frame::Message& message) {
  const std::string bytes = frame::encode_message(message);
  return std::string{static_cast<char>(bytes.size() & 0xFF), static_cast<char>(bytes.size() >> 8)} +
         bytes;
}

struct Programs {
  Children& children = *new Children;
  LogRing log{1 << 20, [] {}};
  Container container{
      children, log, {.root = "/proc/none", .kill_rest = [] {}, .tell = [](const auto&) {}}};
  Execs execs{children, "/proc/none", [] {}};
};

Programs& programs() {
  static Programs& all = *new Programs;
  return all;
}

std::vector<std::string> payloads(std::string_view input) {
  std::vector<std::string> all;
  while (input.size() >= 2) {
    const auto byte = [&](std::size_t at) {
      return std::size_t{static_cast<unsigned char>(input[at])};
    };
    const std::size_t size = std::min(byte(0) | byte(1) << 8, input.size() - 2);
    all.emplace_back(input.substr(2, size));
    input.remove_prefix(2 + size);
  }
  return all;
}

// The whole input as one session. Whether all of it was understood.
bool talk(RequestsRig& rig, std::uint64_t session, const std::vector<std::string>& all) {
  rig.greet(session);
  std::uint64_t sequence = 1;
  bool sound = !all.empty();
  for (const std::string& bytes : all) {
    rig.hear(session, sequence++, bytes);
    const auto message = frame::decode_message(bytes);
    if (!message) {
      sound = refused(message.error());
      continue;
    }
    if (const auto* hello = std::get_if<frame::Hello>(&*message)) session = hello->session;
    if (session == 0) return sound;  // From here on nobody is heard.
    if (std::holds_alternative<frame::Hello>(*message)) sequence = 1;
    if (const auto* set = std::get_if<frame::SetClock>(&*message)) {
      for (const bool may_go_back : {false, true}) {
        const Correction c = correction(behind(set->time_us, now_us()), may_go_back);
        CHECK(c.step_us == 0 || c.slew_us == 0);
        CHECK(may_go_back || c.step_us >= 0);
      }
    }
  }
  return sound;
}

}  // namespace

Corpus corpus() {
  const frame::Program program{{"sh", "-c", "x"}, {"PATH=/bin:", "A=b"}, "/srv", 1000, 100};
  const std::string many = payload(frame::Ping{1}) + payload(frame::SetClock{2, -5}) +
                           payload(frame::Start{.id = 3, .program = program, .hostname = "web-1"}) +
                           payload(frame::Signal{4, 15}) + payload(frame::Stop{5, 100}) +
                           payload(frame::LogAck{2}) + payload(frame::PowerOff{6});
  return {.seeds = {many, payload(frame::Exec{7, program, 100, 3}) + payload(frame::LogAck{8}),
                    payload(frame::Hello{.session = 9}) + payload(frame::SetClock{2, INT64_MAX})}};
}

bool try_input(std::string_view input) {
  RequestsRig rig(programs().container, programs().execs, "no disk");
  rig.log.append(1, false, 0, "one");
  rig.log.append(2, true, 0, "two");
  const std::vector<std::string> all = payloads(input);
  rig.hear(input);  // As it stands: no frame, or one by chance.
  const bool sound = talk(rig, 77, all);
  (void)rig.said();
  CHECK(rig.log.first() >= 1 && rig.log.first() <= 3);
  CHECK(rig.names.empty());  // A guest without its disk starts nothing.
  // Asked again by another node, the same is answered and not done again.
  const std::size_t clocks = rig.clocks.size();
  const int power_offs = rig.power_offs;
  (void)talk(rig, 78, all);
  (void)rig.said();
  if (all.size() < Requests::kKept)
    CHECK(rig.clocks.size() == clocks && rig.power_offs == power_offs);
  return sound;
}

}  // namespace godwit::fuzz
