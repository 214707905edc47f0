#include "lib/cgroup/limits.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <format>
#include <fstream>
#include <sstream>
#include <string_view>
#include <vector>

#include "lib/cgroup/cgroup.h"

namespace godwit::cgroup {
namespace {

namespace fs = std::filesystem;

// v1's "no limit": the largest multiple of the page size in 63 bits. No node has an exbibyte.
constexpr std::int64_t kNoLimit = std::int64_t{1} << 60;

// The words of a file; none if there is no such file (a root has no limits).
std::vector<std::string> words_of(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> words;
  for (std::string word; file >> word;) words.push_back(word);
  return words;
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;  // "max".
  return value;
}

std::optional<std::int64_t> first_number(const fs::path& path) {
  const auto words = words_of(path);
  return words.empty() ? std::nullopt : number(words[0]);
}

template <class T>
void tighten(std::optional<T>& limit, std::optional<T> other) {
  if (other && (!limit || *other < *limit)) limit = other;
}

// The group of a hierarchy that we are in, relative to its root: lines "4:cpu,cpuacct:/a/b", and
// "0::/a/b" for v2.
fs::path own_group(const std::string& self, std::string_view controller) {
  std::ifstream file(self);
  for (std::string line; std::getline(file, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    std::istringstream names(line.substr(first + 1, second - first - 1));
    bool is_it = controller.empty() && second == first + 1;
    for (std::string name; std::getline(names, name, ',');) is_it |= name == controller;
    const std::string path = line.substr(second + 1);
    // Above the root of our namespace: nothing of it is mounted here.
    if (is_it && path.starts_with('/') && !path.contains("..")) return path.substr(1);
  }
  return {};
}

// Calls for our group's directory and each above it.
template <class Look>
void each_level(const fs::path& root, fs::path group, Look look) {
  for (; !group.empty(); group = group.parent_path())
    if (fs::is_directory(root / group)) look(root / group);
  look(root);
}

void look_v1(const fs::path& root, const std::string& self, Limits& limits) {
  each_level(root / "memory", own_group(self, "memory"), [&](const fs::path& at) {
    tighten(limits.memory_bytes, first_number(at / "memory.limit_in_bytes"));
  });
  each_level(root / "cpu", own_group(self, "cpu"), [&](const fs::path& at) {
    const auto quota = first_number(at / "cpu.cfs_quota_us");
    const auto period = first_number(at / "cpu.cfs_period_us");
    if (quota && *quota > 0 && period && *period > 0)  // -1: no limit.
      tighten(limits.cpu_percent, std::optional(static_cast<int>(100 * *quota / *period)));
  });
}

void look_v2(const fs::path& root, const std::string& self, Limits& limits) {
  each_level(root, own_group(self, ""), [&](const fs::path& at) {
    tighten(limits.memory_bytes, first_number(at / "memory.max"));
    const auto words = words_of(at / "cpu.max");
    if (words.size() != 2) return;
    const auto quota = number(words[0]), period = number(words[1]);
    if (quota && period && *period > 0)
      tighten(limits.cpu_percent, std::optional(static_cast<int>(100 * *quota / *period)));
  });
}

}  // namespace

Limits limits_here(const std::string& root, const std::string& self) {
  Limits limits;
  const auto version = probe(root);
  if (!version) return limits;
  if (*version == Version::kV1)
    look_v1(root, self, limits);
  else
    look_v2(root, self, limits);
  if (limits.memory_bytes && *limits.memory_bytes >= kNoLimit) limits.memory_bytes.reset();
  return limits;
}

}  // namespace godwit::cgroup
