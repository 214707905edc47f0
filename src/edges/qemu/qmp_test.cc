#include "edges/qemu/qmp.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <format>
#include <vector>

#include "edges/qemu/command_line.h"

namespace godwit::qemu {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kGreeting =
    R"({"QMP": {"version": {"qemu": {"micro": 13, "minor": 0, "major": 10}, "package": "Debian"}, )"
    R"("capabilities": ["oob"]}})";

// One line QEMU says, or one that it waits for first.
struct Line {
  bool from_qemu;
  std::string text;
};

// Plays QEMU's side of a recorded conversation to one client, then closes.
io::Task<void> play(io::Listener& listener, std::vector<Line> lines,
                    std::vector<std::string>& got) {
  auto stream = co_await listener.accept();
  if (!stream) co_return;
  for (const Line& line : lines) {
    if (line.from_qemu) {
      if (!co_await stream->write_all(line.text + "\r\n")) co_return;
    } else {
      auto heard = co_await stream->read_line(1000);
      got.push_back(heard.value_or("(end)"));
    }
  }
}

struct Conversation {
  io::Loop loop;
  std::string path = std::format("{}/qmp-{}", ::testing::TempDir(), ::getpid());
  io::Listener listener = *io::Listener::listen_unix(loop, path);
  QmpClient client{loop};
  std::vector<std::string> got, said;
  std::vector<QmpEvent> events;

  Conversation() {
    client.on_event = [this](const QmpEvent& event) { events.push_back(event); };
  }
  io::Task<void> talk(std::vector<std::string> commands) {
    const Status up = co_await client.connect(path, milliseconds{300});
    said.push_back(up ? "connected to " + client.version() : to_string(up.error()));
    for (std::string& command : commands) {
      auto answer = co_await client.execute(std::move(command), {}, milliseconds{100});
      said.push_back(answer ? answer->dump() : to_string(answer.error()));
    }
    loop.stop();
  }
  void run(std::vector<Line> lines, std::vector<std::string> commands) {
    loop.spawn(play(listener, std::move(lines), got));
    loop.spawn(talk(std::move(commands)));
    loop.run();
  }
};

// As recorded from QEMU 10.0.13: greeting, negotiation, an event before an answer, an error.
TEST(QmpClient, SpeaksAsRecorded) {
  Conversation c;
  c.run({{true, kGreeting},
         {false, ""},
         {true, R"({"return": {}, "id": 1})"},
         {false, ""},
         {true, R"({"timestamp": {"seconds": 1795523410, "microseconds": 250}, "event": "STOP"})"},
         {true, R"({"return": {"status": "running", "running": true}, "id": 2})"},
         {false, ""},
         {true, R"({"error": {"class": "GenericError", "desc": "Not finalized yet"}, "id": 3})"}},
        {"query-status", "cont", "query-name"});
  EXPECT_EQ(c.got, (std::vector<std::string>{R"({"execute":"qmp_capabilities","id":1})",
                                             R"({"execute":"query-status","id":2})",
                                             R"({"execute":"cont","id":3})"}));
  ASSERT_EQ(c.said.size(), 4u);
  EXPECT_EQ(c.said[0], "connected to 10.0.13");
  EXPECT_EQ(c.said[1], R"({"running":true,"status":"running"})");
  EXPECT_EQ(c.said[2], "FAILED_PRECONDITION: cont: Not finalized yet");
  EXPECT_TRUE(c.said[3].starts_with("UNAVAILABLE: query-name")) << c.said[3];  // QEMU has closed.
  ASSERT_EQ(c.events.size(), 1u);
  EXPECT_EQ(c.events[0].at, Time{} + seconds{1795523410} + std::chrono::microseconds{250});
}

// A command without answer ends in time; its late answer is not taken for another's.
TEST(QmpClient, LateAnswersAreDropped) {
  Conversation c;
  c.run({{true, kGreeting},
         {false, ""},
         {true, R"({"return": {}, "id": 1})"},
         {false, ""},
         {false, ""},
         {true, R"({"return": "late", "id": 2})"},
         {true, R"({"return": "right", "id": 3})"}},
        {"slow", "quick"});
  ASSERT_EQ(c.said.size(), 3u);
  EXPECT_TRUE(c.said[1].starts_with("DEADLINE_EXCEEDED: slow")) << c.said[1];
  EXPECT_EQ(c.said[2], R"("right")");
}

// An error always has a text, also when QEMU gives an empty one.
TEST(Qmp, AnEmptyReasonIsSaidSo) {
  const auto message = parse_qmp(R"({"id":8,"error":{"class":"GenericError","desc":""}})");
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<QmpAnswer>(*message).result.error().message, "qemu gave no reason");
}

// Whatever comes in place of QMP is an Error, and is told nothing.
TEST(QmpClient, BadBytesAreErrors) {
  const std::vector<std::string> bad = {"",
                                        "\x01\x02",
                                        "[]",
                                        "{}",
                                        R"({"QMP": 1})",
                                        R"({"return": {}})",
                                        "{\"QMP\":",
                                        std::string(kQmpLineMax + 10, ' '),
                                        std::string(5000, '{')};
  for (const std::string& line : bad) {
    Conversation c;
    c.run({{true, line}, {false, ""}}, {"query-status"});
    EXPECT_EQ(c.got, std::vector<std::string>{"(end)"}) << line.substr(0, 20);
    EXPECT_TRUE(c.events.empty());
    ASSERT_EQ(c.said.size(), 2u);
    EXPECT_FALSE(c.said[0].starts_with("connected")) << line.substr(0, 20);
    EXPECT_TRUE(c.said[1].starts_with("UNAVAILABLE")) << c.said[1];
  }
}

// In place of an answer: the command fails and says why, the next one is not sent, and what came is
// no event.
TEST(QmpClient, BadLinesEndTheConversation) {
  const std::pair<std::string, std::string> table[] = {
      {"", "not json"},
      {"\x01\x02", "not json"},
      {"{\"return\": {}, \"id\":", "not json"},
      {"[]", "neither greeting, answer nor event"},
      {"{\"event\": 7}", "neither greeting, answer nor event"},
      {"{\"error\": \"x\", \"id\": 2}", "neither greeting, answer nor event"},
      {R"({"error": {"class": "GenericError", "desc": "JSON parse error"}})", "JSON parse error"},
      {std::string(5000, '{'), "json"},
      {std::string(kQmpLineMax + 10, ' '), "line longer than"}};
  for (const auto& [line, says] : table) {
    Conversation c;
    c.run({{true, kGreeting},
           {false, ""},
           {true, R"({"return": {}, "id": 1})"},
           {false, ""},
           {true, line},
           {false, ""}},
          {"query-status", "cont"});
    ASSERT_EQ(c.said.size(), 3u);
    EXPECT_TRUE(c.said[1].starts_with("UNAVAILABLE: query-status: ")) << c.said[1];
    EXPECT_TRUE(c.said[1].contains(says)) << says << " not in " << c.said[1];
    EXPECT_TRUE(c.said[2].starts_with("UNAVAILABLE: cont: ")) << c.said[2];
    ASSERT_EQ(c.got.size(), 3u) << line.substr(0, 20);
    EXPECT_EQ(c.got[2], "(end)") << "cont was not sent";
    EXPECT_TRUE(c.events.empty());
  }
}

// What goes into QEMU's -name comes out again, whatever the node is called.
TEST(CommandLine, NamesTheStream) {
  const StreamName stream{{NodeId{"i-1/7f3c,x#9 epoch=2"}, 7}, {3, 12}};
  EXPECT_EQ(stream_of(qemu_name(GuestId{"g1"}, stream)), stream);
  EXPECT_EQ(stream_of(qemu_name(GuestId{"g1"}, std::nullopt)), std::nullopt);
  for (const char* bad : {"", "g1 attempt= epoch=", "g1 attempt=a#x epoch=1.1",
                          "g1 attempt=a#1 epoch=1.", "g1 epoch=1.1 attempt=a#1"})
    EXPECT_EQ(stream_of(bad), std::nullopt) << bad;
}

// A value that would change the meaning of the line, or leave the guest's directory, is refused.
TEST(CommandLine, RefusesBadValues) {
  Config config;
  for (const char* bad : {"", ".", "../x", "a/b", "a b"})
    EXPECT_FALSE(files_of(config, GuestId{bad})) << bad;
  const auto files = files_of(config, GuestId{"g1"});
  ASSERT_TRUE(files);
  ports::MachineRecord m;
  m.machine_type = "pc-i440fx-10.0";
  m.cpu_model = "qemu64";
  m.overlay_bytes = 1 << 20;
  m.kernel_sha256 = m.initramfs_sha256 = m.base_sha256 = "ab";
  const GuestId guest{"g1"};
  const auto with = [&](const ports::MachineRecord& machine, const char* tap) {
    return arguments(CommandLine{config, *files, guest, machine, tap, std::nullopt, false, false});
  };
  EXPECT_TRUE(with(m, "tap0"));
  EXPECT_FALSE(with(m, "tap0,script=/bin/sh"));
  m.cpu_model = "host,migratable=off";
  EXPECT_FALSE(with(m, "tap0"));
  m.cpu_model = "qemu64";
  m.base_sha256 = "../../etc/shadow";
  EXPECT_FALSE(with(m, "tap0"));
  EXPECT_FALSE(key_line("00\n11"));
  EXPECT_FALSE(key_line("abc"));
  EXPECT_TRUE(key_line(std::string(64, 'a')));
}

}  // namespace
}  // namespace godwit::qemu
