#include "tests/kills/script.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <format>
#include <fstream>

namespace godwit::handover {

std::vector<std::string> Script::lines() const {
  std::vector<std::string> lines;
  std::ifstream in(config_ + ".script");
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

bool Script::has(const std::string& order) const { return std::ranges::contains(lines(), order); }

std::string Script::argument(const std::string& prefix) const {
  for (const std::string& line : lines())
    if (line.starts_with(prefix + " ")) return line.substr(prefix.size() + 1);
  return "";
}

bool Script::holds(const std::string& row, int moment) const {
  const std::string end = std::format(" {}", moment);
  return std::ranges::any_of(lines(), [&](const std::string& line) {
    if (!line.starts_with("hold ") || !line.ends_with(end)) return false;
    const std::string wanted = line.substr(5, line.size() - 5 - end.size());
    return wanted == row || (wanted.starts_with('~') && row.contains(wanted.substr(1)));
  });
}

void Script::hold(const std::vector<std::string>& rows, int moment) const {
  for (const std::string& row : rows) {
    if (!holds(row, moment)) continue;
    std::ofstream(config_ + ".held.new") << row << '\n';
    std::rename((config_ + ".held.new").c_str(), (config_ + ".held").c_str());
    while (holds(row, moment)) usleep(5'000);
    forget_held();
  }
}

// Whole or not at all: it is read all the time.
void Script::write(const std::string& text) const {
  std::ofstream(config_ + ".script.new") << text << '\n';
  std::rename((config_ + ".script.new").c_str(), (config_ + ".script").c_str());
}

std::string Script::held() const {
  std::string row;
  std::ifstream in(config_ + ".held");
  std::getline(in, row);
  return row;
}

void Script::forget_held() const {
  std::error_code ignored;
  std::filesystem::remove(config_ + ".held", ignored);
}

}  // namespace godwit::handover
