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

#include "stage.h"

namespace godwit::golden {
namespace {

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

// The verbs that `--help` lists, and what those have below them: "up", "cloud", "cloud price".
std::vector<std::string> offered(Stage& stage, const std::string& above) {
  std::vector<std::string> verbs;
  std::istringstream lines{stage.run(split(above + " --help"))};
  bool listed = false;
  for (std::string line; std::getline(lines, line);) {
    if (line == "For example:") break;
    if (line.ends_with(':')) listed = line != "Options:" && line != "Positionals:";
    if (!listed || !line.starts_with("  ") || line[2] == ' ') continue;
    const std::string verb =
        (above.empty() ? "" : above + " ") + line.substr(2, line.find(' ', 2) - 2);
    verbs.push_back(verb);
    if (!above.empty()) continue;
    for (std::string& below : offered(stage, verb)) verbs.push_back(std::move(below));
  }
  return verbs;
}

// Whether a command that begins with `words` ended well, or not.
bool has_case(const std::string& golden, const std::string& words, bool well) {
  std::istringstream lines{golden};
  std::string last;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("$ ")) last = line + " ";
    if (line.starts_with("=> ") && (line == "=> 0") == well && last.starts_with("$ " + words + " "))
      return true;
  }
  return false;
}

TEST(CliGolden, EveryConversationIsAsWritten) {
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
  // A verb without a transcript of its help, or of an error, is not offered.
  Stage stage;
  const auto verbs = offered(stage, "");
  EXPECT_GE(verbs.size(), 29U);
  for (const std::string& verb : verbs) {
    EXPECT_TRUE(has_case(all, verb + " --help", true)) << verb << " has no help";
    EXPECT_TRUE(has_case(all, verb, false)) << verb << " has no error case";
  }
}

}  // namespace
}  // namespace godwit::golden
