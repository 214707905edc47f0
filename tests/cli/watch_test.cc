// get --watch shows the list, then each change of its kind, and ends when the control plane goes.
#include <gtest/gtest.h>

#include <thread>

#include "stage.h"

namespace godwit::golden {
namespace {

// Keeps what is written and lets another thread wait for it.
class Screen final : public std::stringbuf {
 public:
  int sync() override {
    lines.add(str());
    return 0;
  }
  grpc_edge::Lines lines;
};

// A command that watches, in a thread of its own.
class Watching {
 public:
  Watching(const Stage& stage, std::vector<std::string> words)
      : thread_([this, &stage, words = std::move(words)] {
          status_ = cli::run(stage.program(), words, in_, out_, err_);
        }) {}
  ~Watching() {
    if (thread_.joinable()) thread_.join();
  }

  bool shows(const std::string& text) { return screen_.lines.wait_for(text); }
  // After the control plane has gone.
  int status() {
    thread_.join();
    return status_;
  }
  std::string text() const { return screen_.str(); }

 private:
  Screen screen_;
  std::ostream out_{&screen_};
  std::istringstream in_;
  std::ostringstream err_;
  int status_ = -1;
  std::thread thread_;
};

// What each kind shows while groups come, guests move and nodes change.
void change_everything(Stage& stage) {
  const std::string image(64, 'a');
  EXPECT_TRUE(
      stage.run({"run", image, "--name", "web", "--count", "2", "--", "x"}).ends_with("=> 0\n"));
  EXPECT_TRUE(stage.run({"migrate", "web-1", "--to", "i-b/1"}).ends_with("=> 0\n"));
  EXPECT_TRUE(stage.run({"cordon", "i-a/1"}).ends_with("=> 0\n"));
  EXPECT_TRUE(stage.run({"delete", "web"}).ends_with("=> 0\n"));
}

struct Kind {
  std::vector<std::string> words;
  std::string head;                // Of the list; the watch is on once it is printed.
  std::vector<std::string> shown;  // The last of them comes last.
  std::vector<std::string> absent;
};
const Kind kKinds[] = {
    {{"get", "groups", "--watch"},
     "NAME  COUNT",
     {"web  2  2  2", "web  removed"},
     {"web-1", "i-a/1"}},
    {{"get", "guests", "--watch"},
     "NAME  GROUP",
     {"web-1  web  running  i-a/1", "web-1  web  running  i-b/1", "web-2  removed"},
     {"cordoned", "\nweb  "}},
    {{"get", "nodes", "--watch"}, "i-b/1  ready", {"i-a/1  cordoned  attached"}, {"web-1"}},
    {{"get", "events", "--watch"},
     "AT  REASON",
     {"applied  web", "manual  web-1  moved to i-b/1"},
     {}},
    {{"get", "events", "--watch", "--guest", "web-1"},
     "AT  REASON",
     {"manual  web-1  moved to i-b/1"},
     {"applied"}},
    {{"get", "moves", "--watch"}, "NUMBER  GUEST", {"1  web-1  manual  i-a/1  i-b/1"}, {"applied"}},
    {{"get", "guests", "--watch", "-o", "json"},
     "\"version\"",
     {"\"hop\":1", "\"removed\":{\"guest\":\"web-2\"}"},
     {"\"node\":{"}},
};

TEST(CliWatch, EachKindShowsItsChanges) {
  for (const Kind& kind : kKinds) {
    Stage stage;
    Watching watching{stage, kind.words};
    ASSERT_TRUE(watching.shows(kind.head)) << kind.words[1];
    change_everything(stage);
    for (const auto& text : kind.shown)
      EXPECT_TRUE(watching.shows(text)) << text << " not in\n" << watching.text();
    stage.stop();
    EXPECT_EQ(watching.status(), 69);
    for (const auto& text : kind.absent)
      EXPECT_FALSE(watching.text().contains(text)) << text << " in\n" << watching.text();
  }
}

// Removals of other kinds are not shown.
TEST(CliWatch, PrintsEachChangeUntilTheServerGoes) {
  Stage stage;
  ports::NodeView node{.node = NodeId{"i-c/1"}, .phase = ports::NodePhase::kJoining};
  stage.server().publish({101, node});
  stage.server().publish({102, ports::Removed{GuestId{"web-1"}}});
  stage.server().publish({103, ports::Removed{NodeId{"i-c/1"}}});
  Screen screen;
  std::ostream out{&screen};
  std::istringstream in;
  std::ostringstream err;
  int status = -1;
  std::thread watcher{
      [&] { status = cli::run(stage.program(), {"get", "nodes", "--watch"}, in, out, err); }};
  EXPECT_TRUE(screen.lines.wait_for("i-c/1  removed"));
  stage.stop();
  watcher.join();
  EXPECT_EQ(status, 69) << err.str();
  EXPECT_TRUE(screen.str().contains("\ni-c/1  joining  away")) << screen.str();
  EXPECT_FALSE(screen.str().contains("web-1"));
}

TEST(CliWatch, ShowsAnOfferingThatBecomesDearer) {
  Stage stage;
  Watching watching{stage, {"get", "offerings", "--watch"}};
  ASSERT_TRUE(watching.shows("TYPE "));
  auto offering = fixed_offerings(100).items.front();
  offering.rate = {40'000};
  stage.server().publish({101, ports::NodeView{.node = NodeId{"i-c/1"}}});
  stage.server().publish({102, offering});
  EXPECT_TRUE(watching.shows("m5.large  us-east-1a  spot  2  8192  0.04")) << watching.text();
  stage.stop();
  EXPECT_EQ(watching.status(), 69);
  EXPECT_FALSE(watching.text().contains("i-c/1"));
}

}  // namespace
}  // namespace godwit::golden
