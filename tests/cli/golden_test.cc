// Each tests/cli/*.golden is a conversation with a fresh control plane:
//
//   | text          a line of the file spec.yaml, which the next command can read
//   $ words         a command, without `godwit`; words in 'single quotes' may hold spaces
//   out             what it printed to standard output; lines of standard error begin with "! "
//   => 0            its status
//
// The test runs the commands again and wants the same bytes. GODWIT_UPDATE_GOLDEN=1 writes them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "cli/program.h"
#include "edges/grpc/mailbox.h"
#include "edges/grpc/public_server.h"
#include "fake_control.h"

namespace godwit::golden {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Stage {
 public:
  Stage() {
    char name[] = "/tmp/godwit-golden-XXXXXX";
    folder_ = ::mkdtemp(name);
    const auto user = fleet_.credentials("user/alice");
    write("ca.pem", user.authority);
    write("user.pem", user.self.certificate);
    write("user.key", user.self.key);
    server_ =
        grpc_edge::PublicServer::start("127.0.0.1:0", fleet_.credentials("control"), control_, {})
            .value();
    server_->begin(100);
    control_.answerer = server_.get();
    ::setenv("GODWIT_SERVER", std::format("127.0.0.1:{}", server_->port()).c_str(), 1);
    ::setenv("GODWIT_CREDENTIALS", folder_.c_str(), 1);
  }
  ~Stage() {
    server_.reset();
    fs::remove_all(folder_);
  }

  grpc_edge::PublicServer& server() { return *server_; }
  const cli::Program& program() const { return program_; }
  void stop() { server_.reset(); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }

  // What the command printed, as the golden file has it.
  std::string run(const std::vector<std::string>& words) {
    std::vector<std::string> args;
    for (const std::string& word : words)
      args.push_back(word == "spec.yaml" ? (folder_ / word).string() : word);
    std::istringstream in{read_file(folder_ / "spec.yaml")};
    std::ostringstream out, err;
    const int status = cli::run(program_, args, in, out, err);
    std::string text = out.str();
    std::istringstream lines{err.str()};
    for (std::string line; std::getline(lines, line);) text += "! " + line + "\n";
    return masked(text) + std::format("=> {}\n", status);
  }

 private:
  // The folder's name and the port are not the same in two runs.
  std::string masked(std::string text) const {
    for (std::size_t at; (at = text.find(folder_.string() + "/")) != std::string::npos;)
      text.erase(at, folder_.string().size() + 1);
    return text;
  }

  const grpc_edge::Fleet fleet_;
  fs::path folder_;
  FakeControl control_;
  std::unique_ptr<grpc_edge::PublicServer> server_;
  cli::Program program_{
      .version = "0.1.0",
      .locals = {{"cloud", "A cloud on this host",
                  [](const std::vector<std::string>& words) {
                    return static_cast<int>(words.size());
                  }}},
      .image_defaults = [](const std::string& store,
                           const std::string& sha256) -> Result<cli::ImageDefaults> {
        if (store != "images" || sha256[0] != 'a')
          return not_found(std::format("no image {} in {}", sha256.substr(0, 8), store));
        return cli::ImageDefaults{{"/bin/server"}, {"PATH=/bin"}, "/srv", 5, 6};
      },
      .absent = {},
  };
};

std::vector<std::string> split(const std::string& command) {
  std::vector<std::string> words;
  bool quoted = false, open = false;
  for (const char c : command) {
    if (c == '\'') {
      quoted = !quoted;
      if (!open) words.emplace_back();
      open = true;
    } else if (c == ' ' && !quoted) {
      open = false;
    } else {
      if (!open) words.emplace_back();
      open = true;
      words.back() += c;
    }
  }
  return words;
}

// The conversation held again.
std::string replay(const std::string& golden) {
  Stage stage;
  std::string now, spec;
  std::istringstream lines{golden};
  bool said = false;  // Inside what a command printed.
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("|")) {
      spec += line.substr(std::min<std::size_t>(2, line.size())) + "\n";
    } else if (line.starts_with("$ ")) {
      if (!spec.empty()) stage.write("spec.yaml", std::exchange(spec, ""));
      now += line + "\n" + stage.run(split(line.substr(2)));
      said = true;
      continue;
    } else if (said) {
      said = !line.starts_with("=> ");
      continue;
    }
    now += line + "\n";
  }
  return now;
}

// Keeps what is written and lets another thread wait for it.
class Screen final : public std::stringbuf {
 public:
  int sync() override {
    lines.add(str());
    return 0;
  }
  grpc_edge::Lines lines;
};

// --watch shows the list, then each change of its kind, and ends when the control plane goes.
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

TEST(CliGolden, EveryConversationIsAsWritten) {
  ::unsetenv("GODWIT_IMAGES");
  const bool update = std::getenv("GODWIT_UPDATE_GOLDEN") != nullptr;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator("tests/cli"))
    if (entry.path().extension() == ".golden") files.push_back(entry.path());
  std::ranges::sort(files);
  ASSERT_FALSE(files.empty());
  std::string all;
  for (const fs::path& file : files) {
    const std::string golden = read_file(file), now = replay(golden);
    all += golden;
    if (update)
      std::ofstream(file, std::ios::binary) << now;
    else
      EXPECT_EQ(now, golden) << file;
  }
  // A verb without a transcript of an error is not offered.
  for (const char* verb : {"apply", "run", "get", "describe", "migrate", "cordon", "uncordon",
                           "drain", "delete", "logs", "exec", "version"}) {
    bool refused = false;
    std::istringstream lines{all};
    std::string last;
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("$ ")) last = line;
      refused |= line.starts_with("=> ") && line != "=> 0" &&
                 (last + " ").starts_with(std::string("$ ") + verb + " ");
    }
    EXPECT_TRUE(refused) << verb << " has no error case";
  }
}

}  // namespace
}  // namespace godwit::golden
