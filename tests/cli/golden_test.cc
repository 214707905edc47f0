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
  // A verb without a transcript of an error is not offered.
  for (const char* verb : {"apply", "run", "get", "describe", "migrate", "cordon", "uncordon",
                           "drain", "delete", "logs", "exec", "savings", "plan", "version"}) {
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
